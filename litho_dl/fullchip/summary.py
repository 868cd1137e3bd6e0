"""The summary of a full-chip run, as values and as text."""

from pathlib import Path
from typing import Any

from litho_dl.fullchip.chip_score import ChipScore
from litho_dl.fullchip.run import ChipRun


def run_summary(out: Path, run: ChipRun, score: ChipScore) -> dict[str, Any]:
    """A run's settings, times and scores as plain values, as in scores.json.

    Args:
        out: The mask's file.
        run: The finished run.
        score: The chip's score.

    Returns:
        The values by name.
    """
    tiling = run.plan.tiling
    return {
        "mask": str(out),
        **{name: value for name, value in run.plan.labels.items() if value is not None},
        "refine": run.plan.steps,
        "mask_nm": None if run.plan.method is None else run.plan.method.mask_nm,
        "damping": None if run.plan.method is None else run.plan.method.damping,
        "window_nm": list(tiling.wanted_nm),
        "mask_rules": str(run.plan.rules),
        "tile_nm": tiling.core_nm,
        "halo_nm": tiling.halo_nm,
        "tolerance": run.plan.tolerance,
        "passes": run.plan.passes,
        "tile_rows": tiling.shape[0],
        "tile_columns": tiling.shape[1],
        "tiles": run.tiles,
        "seconds": {name: round(value, 3) for name, value in run.seconds.items()},
        **score.as_dict(),
    }


def run_text(result: dict[str, Any]) -> str:
    """`run_summary` as text."""
    tiles, seconds = result["tiles"], result["seconds"]

    def nm(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f} nm"

    lines = [
        f"{result['mask']}: {result['area_nm2'] / 1e6:,.1f} um2 in {result['tile_rows']} x "
        f"{result['tile_columns']} tiles of {result['tile_nm']:g} nm, halo {result['halo_nm']:g} nm"
        + (f", {result['passes']} passes" if result["passes"] > 1 else ""),
        "tiles: " + ", ".join(f"{count} {name}" for name, count in tiles.items()),
        f"L2 {result['l2_nm2']:,.0f} nm2, PVB {result['pvb_nm2']:,.0f} nm2, target {result['target_nm2']:,.0f} nm2",
        f"EPE: {result['epe_violations']} violations (3 nm: {result['epe_violations_3nm']}) at "
        f"{result['epe_sites']:,} sites, mean |EPE| "
        f"{nm(result['epe_mean_abs_nm'])}, 3 sigma {nm(result['epe_3sigma_nm'])}, "
        f"{result['epe_lost']} sites do not print",
        f"stray prints: {result['stray_prints']}",
    ]
    if result["seam_epe_nm"] is not None:
        lines.append(
            f"seams: mean |EPE| {nm(result['seam_epe_nm'])} within 64 nm of a seam, {nm(result['interior_epe_nm'])} "
            f"farther than 256 nm"
        )
    lines.append(
        f"mask rules ({result['mask_rules']}): "
        + ", ".join(f"{rule} {count}" for rule, count in result["mrc_violations"].items())
        + f"; at seams {sum(result['mrc_at_seams'].values())}"
    )
    lines.append("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()))
    return "\n".join(lines)
