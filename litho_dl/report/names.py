"""Titles for the keys of result files, and whether less or more of each is better."""

import re

SHORT = ("L2", "PVB", "EPE", "MRC", "NILS", "ILS", "CD", "EL", "DOF", "MEEF", "ILT", "GAN", "IoU", "MSE")
WORDS = {word.lower(): word for word in SHORT} | {"sum": "L2 + PVB", "3sigma": "3σ", "3nm": "at 3 nm"}
UNITS = {"nm2": "nm²", "nm": "nm", "um": "µm", "ms": "ms", "seconds": "s", "percent": "%", "bytes": "bytes"}
LOWER = (
    "l2_nm2",
    "pvb_nm2",
    "quality_nm2",
    "sum_nm2",
    "epe_violations",
    "epe_violations_3nm",
    "stray_prints",
    "shots",
    "vertices",
    "violations",
    "epe_3sigma_nm",
    "lost",
)
MRC = "mrc_violations"  # of all rules; of one rule, `mrc_violations.width`
MASK_SCORES = (  # in the order of tables
    "l2_nm2",
    "pvb_nm2",
    "sum_nm2",
    "epe_violations",
    "epe_violations_3nm",
    "stray_prints",
    MRC,
    "shots",
    "vertices",
)
HIGHER = ("nils", "ils_per_um", "max_el_percent", "el_dof_area_percent_nm", "accuracy", "iou")


def titled(key: str) -> str:
    """The title of a key: `mrc_violations.width` -> `MRC violations, width`; `l2_nm2` -> `L2 (nm²)`."""
    if key.startswith("seconds."):  # the time of one part of the run
        key = f"{key.partition('.')[2]}_seconds"
    key, unit = _split_unit(key)
    words = [WORDS.get(word.lower(), word) for word in re.split(r"[_\s]+", key.replace(".", ", ")) if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:] + (f" ({unit})" if unit else "")


def _split_unit(key: str) -> tuple[str, str]:
    stem, _, last = key.rpartition("_")
    if stem.endswith("_per") and last in UNITS:
        return stem.removesuffix("_per"), f"1/{UNITS[last]}"
    if stem.endswith("seconds_per"):
        return stem.removesuffix("seconds_per").rstrip("_") or "time", f"s per {last}"
    if key == "seconds":
        return "time", UNITS[key]
    return (stem, UNITS[last]) if stem and last in UNITS else (key, "")


def better(key: str) -> int:
    """-1 if less is better, 1 if more is better, 0 if neither."""
    last = key.rpartition(".")[2]
    if "seconds" in last or key.startswith(f"{MRC}.") or last.endswith(LOWER):
        return -1
    return 1 if last.endswith(HIGHER) else 0


def is_time(key: str) -> bool:
    """True if the key's values are seconds."""
    return "seconds" in key
