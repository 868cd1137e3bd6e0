"""Reads a run's folder: settings, tables, pictures and clips from its JSON, CSV, PNG and layer files."""

import csv
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litho_dl.core.errors import ReportError
from litho_dl.core.io import plain_file, unquoted
from litho_dl.core.stored import Stored, checked, parse_json
from litho_dl.layout.stack import SUFFIX
from litho_dl.report.names import MASK_SCORES, MRC, titled
from litho_dl.report.table import Record, Table, is_number, make_table

SCORES = "Scores"
SITES = "worst_sites"  # key of a clip's record
HIDDEN = {
    "mask_png",
    "mask_oas",
    "mask_gds",
    "figure",
    "figures",
    "files",
    "fracture_files",
    "csv",
    "out",
    "table",
    "sha256",
    "digest",
}
INTERNAL = ("plan.json", "finished.json")  # from which a run is resumed
SPOTS, SPOT = "hotspots.csv", "spot_{:02d}"  # the worst places of a chip, and the layer files of the first of them
SHARED = ("protocol", "raster", "reach_nm")  # keys of clips that are settings of the run
COMPARISON = "comparison.json"  # of a folder whose folders are the runs that it names
FIRST = ("clip", "source", "run", *MASK_SCORES)
MOST_LISTED = 12


class _Clip(Stored):
    """What is shown of a clip's record besides its scores."""

    clip: str
    worst_sites: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Run:
    """The contents of a run's folder.

    Attributes:
        folder: The folder.
        facts: Settings and results of the whole run, by key; those from the file of the scores first.
        files: The same, by file.
        scores: The table of the clips' scores; None if there are none.
        tables: The other tables, by file.
        pictures: The PNG files.
        layers: The layer files of the clips, by the clip's name.
        sites: Records of the sites with the largest EPE, with their `clip`.
        comparison: The mean scores of several runs, one row each; None for one run.
    """

    folder: Path
    facts: dict[str, Any]
    files: dict[str, dict[str, Any]]
    scores: Table | None
    tables: dict[str, Table]
    pictures: tuple[Path, ...]
    layers: dict[str, Path]
    sites: tuple[Record, ...]
    comparison: Table | None = None


def read_run(folder: Path, *, below: bool = True) -> Run:
    """Reads a run's folder, and the CSV files and pictures in the folders directly below it.

    Args:
        folder: The folder.
        below: Whether to read the folders below it.

    Raises:
        ReportError: There is no such folder, nothing in it can be shown, a file is damaged, or only the folders below
            it are of runs.
    """
    if not folder.is_dir():
        raise ReportError(f"{folder}: no such folder; expected one that a command wrote to.")
    paths = sorted(path for pattern in ("*", "*/*")[: 1 + below] for path in folder.glob(pattern) if path.is_file())
    paths = [path for path in paths if not path.relative_to(folder).as_posix().startswith(".")]
    _require_own(folder, paths)
    files: dict[str, dict[str, Any]] = {}
    found: dict[str, list[Record]] = {}
    for path in (
        path for path in paths if path.suffix == ".json" and path.parent == folder and path.name not in INTERNAL
    ):
        own = files[path.name] = {}
        for key, records in _gathered(_read_json(path), own):
            found[f"{path.stem}: {key}" if key else path.stem] = records
    scored = next((key for key, records in found.items() if {"clip", "l2_nm2"} <= records[0].keys()), "")
    clips = found.pop(scored, [])
    for number, clip in enumerate(clips):
        checked(_Clip, clip, f"{folder / scored.partition(': ')[0]}.json, clip {number}", ReportError)
    first = files.get(f"{scored.partition(': ')[0]}.json", {})
    first |= {key: clips[0][key] for key in SHARED if clips and key in clips[0]}
    facts = first | {key: value for own in files.values() for key, value in own.items() if key not in first}
    tables = {key: make_table(_heading(key), records) for key, records in found.items()}
    for path in (path for path in paths if path.suffix == ".csv"):
        name = path.relative_to(folder).as_posix()
        if records := _read_csv(path):
            tables[name] = make_table(name, records)
    pictures = tuple(path for path in paths if path.suffix == ".png")
    layers = {path.name.removesuffix(SUFFIX): path for path in paths if path.name.endswith(SUFFIX)}
    if not (facts or clips or tables or pictures or layers):
        raise ReportError(
            f"{folder}: expected results of a command (.json, .csv, .png), got none; choose the folder of a run."
        )
    sites = [{"clip": clip["clip"], **site} for clip in clips for site in clip.get(SITES, ())]
    if SPOTS in tables:
        spots = ((SPOT.format(number), row) for number, row in enumerate(tables.pop(SPOTS).records, start=1))
        sites += [{"clip": name if name in layers else "", **row} for name, row in spots]
    scores = make_table(SCORES, [_score(clip) for clip in clips], scores=True) if clips else None
    return Run(
        folder, facts, {name: own for name, own in files.items() if own}, scores, tables, pictures, layers, tuple(sites)
    )


def _require_own(folder: Path, paths: Sequence[Path]) -> None:
    """Refuses a folder that has no results but those of the runs below it, and names these."""
    if any(path.parent == folder and path.suffix in (".json", ".csv", ".png") for path in paths):
        return
    runs = sorted({path.parent for path in folder.glob("*/*.json") if path.name not in INTERNAL})
    if runs:
        raise ReportError(
            f"{folder}: expected the folder of a run, got one that holds the runs "
            f"{', '.join(run.name for run in runs)}; report them together: litho-dl report "
            f"{shlex.join(map(str, runs))} --out FILE.html"
        )


def with_sums(record: Record) -> dict[str, Any]:
    """The record with L2 + PVB and with the total of all mask rule violations, where it has their parts."""
    parts = {"sum_nm2": ("l2_nm2", "pvb_nm2"), MRC: [key for key in record if key.startswith(f"{MRC}.")]}
    values = {key: [record.get(part) for part in own] for key, own in parts.items()}
    return {**record, **{key: sum(own) for key, own in values.items() if own and all(map(is_number, own))}}


def _score(clip: Record) -> Record:
    """A clip's record with sums, the most important scores first, without the settings that all clips share."""
    full = with_sums(clip)
    order = [*(key for key in FIRST if key in full), *(key for key in full if key not in FIRST)]
    return {key: full[key] for key in order if key not in (*SHARED, SITES)}


def _gathered(value: Any, facts: dict[str, Any], key: str = "") -> Iterator[tuple[str, list[Record]]]:
    """Yields the tables in a JSON value, and adds its single values to `facts` by dotted key."""
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        yield key, [_flat(entry) for entry in value]
    elif isinstance(value, dict) and _alike(value):
        yield key, [{"name": name, **_flat(entry)} for name, entry in value.items()]
    elif isinstance(value, dict):
        for name, entry in value.items():
            if name not in HIDDEN:
                yield from _gathered(entry, facts, f"{key}.{name}" if key else name)
    elif value is not None and key:
        facts[key] = _listed(value)


def _alike(value: Mapping[str, Any]) -> bool:
    """True if the values are several records with the same keys."""
    entries = list(value.values())
    return len(entries) > 1 and all(isinstance(e, dict) and e and e.keys() == entries[0].keys() for e in entries)


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The record with dotted keys for nested values, without file names; the sites of a clip stay nested."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if name in HIDDEN:
            continue
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif name == SITES:
            flat[name] = [site for site in value if _is_place(site)] if isinstance(value, list) else value
        else:
            flat[prefix + name] = _listed(value)
    return flat


def _is_place(site: Any) -> bool:
    return isinstance(site, dict) and all(is_number(site.get(key)) for key in ("x_nm", "y_nm"))


def _listed(value: Any) -> Any:
    """A list as text, an absolute path as its file name, NaN and infinity as None; other values as they are."""
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    if isinstance(value, list):
        return f"{len(value)} values" if len(value) > MOST_LISTED else ", ".join(map(_entry, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _entry(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _heading(key: str) -> str:
    file, _, table = key.partition(": ")
    return f"{titled(table)} ({file}.json)" if table else f"{file}.json"


def _read_json(path: Path) -> Any:
    try:
        content = plain_file(path, ReportError).read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}).") from error
    return parse_json(content, str(path), ReportError, finite=False)


def _read_csv(path: Path) -> list[Record]:
    """The rows of a CSV file as records."""
    try:
        with open(plain_file(path, ReportError), newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, restkey="", strict=True))
    except (ValueError, csv.Error) as error:
        raise ReportError(
            f"{path}: expected a table, got a damaged file ({error}); write it anew or remove it."
        ) from error
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}).") from error
    for number, row in enumerate(rows, start=1):
        if ("" in row and isinstance(row[""], list)) or None in row.values():
            raise ReportError(
                f"{path}: expected as many fields as in its heading, got others in row {number}; correct the file."
            )
    return [{key: _number(value) for key, value in row.items()} for row in rows]


def _number(text: str) -> Any:
    """A field as a number if it is one, NaN and infinity as None."""
    try:
        value = float(text)
    except ValueError:
        return unquoted(text)
    if not math.isfinite(value):
        return None
    return int(value) if text.lstrip("+-").isdigit() else value
