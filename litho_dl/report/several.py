"""Several runs as one: their scores, clips and curves side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from litho_dl.core.errors import ReportError
from litho_dl.core.naming import require_name
from litho_dl.report.names import MASK_SCORES
from litho_dl.report.run import COMPARISON, SCORES, Run, read_run
from litho_dl.report.table import Record, Table, make_table, mean, shared_clips

MEANS = (*MASK_SCORES, "edges.epe_3sigma_nm", "edges.nils")
OWN = ("comparison: means", "comparison: clips", "comparison.csv")  # what is made anew from the runs


def read_runs(folders: Sequence[Path]) -> Run:
    """Reads one run, the runs of a comparison, or several runs.

    Raises:
        ReportError: As `read_run`; or two runs have the same name, or several are given of which one has no scores.
    """
    if len(folders) > 1:
        names = [folder.resolve().name for folder in folders]
        if len(set(names)) < len(names):
            raise ReportError(f"Expected folders of different names, got {', '.join(names)}; rename one.")
        return merged({name: read_run(folder) for name, folder in zip(names, folders, strict=True)}, None)
    (folder,) = folders
    if not (folder / COMPARISON).is_file():
        return read_run(folder)
    own = read_run(folder, below=False)
    listed = [name for name in str(own.facts.get("runs", "")).split(", ") if name]
    names = [name for name in listed if (folder / require_name(name, "the name of a run", ReportError)).is_dir()]
    return merged({name: read_run(folder / name, below=False) for name in names}, own) if names else own


def merged(runs: Mapping[str, Run], own: Run | None) -> Run:
    """Several runs as one.

    Args:
        runs: The runs by name, all with scores.
        own: What was said of all of them together; None: nothing.

    Returns:
        One run, whose records have the `run` they belong to, and whose clips are named `CLIP, RUN`.

    Raises:
        ReportError: A run has no scores.
    """
    for name, run in runs.items():
        if run.scores is None:
            raise ReportError(f"{run.folder}: expected scores of clips beside those of other runs, got none in {name}.")
    records = [_of_run(record, name) for name, run in runs.items() if run.scores for record in run.scores.records]
    records.sort(key=lambda record: str(record["clip"]))
    scored = {drawing_name(record) for record in records}
    layers = {f"{clip}, {name}": path for name, run in runs.items() for clip, path in run.layers.items()}
    sites = [{**site, "clip": f"{site['clip']}, {name}"} for name, run in runs.items() for site in run.sites]
    tables = {f"{name}/{key}": table for name, run in runs.items() for key, table in run.tables.items()}
    files = {f"{name}/{key}": facts for name, run in runs.items() for key, facts in run.files.items()}
    first = own or next(iter(runs.values()))
    return replace(
        first,
        facts={**_agreed([run.facts for run in runs.values()]), **(own.facts if own else {})},
        files={**(own.files if own else {}), **files},
        scores=make_table(SCORES, records),
        tables={**_others(own), **tables},
        pictures=own.pictures if own else (),
        layers={name: path for name, path in layers.items() if name in scored},
        sites=tuple(sites),
        comparison=_comparison(records, list(runs)),
    )


def drawing_name(record: Record) -> str:
    """The name of a record's drawing: its clip, and its run if there are several."""
    return f"{record['clip']}, {record['run']}" if "run" in record else str(record.get("clip"))


def _of_run(record: Record, name: str) -> Record:
    """The record with its run after its clip."""
    return {"clip": record["clip"], "run": name, **{key: value for key, value in record.items() if key != "clip"}}


def _others(own: Run | None) -> dict[str, Table]:
    return {key: table for key, table in own.tables.items() if key not in OWN} if own else {}


def _agreed(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The facts that all runs share."""
    return {key: value for key, value in facts[0].items() if all(other.get(key) == value for other in facts)}


def _comparison(records: Sequence[Record], runs: Sequence[str]) -> Table:
    """Means over the clips that all runs have, one row a run, with the best and the worst marked."""
    clips = shared_clips(records)
    rows = []
    for run in runs:
        own = [record for record in records if record["run"] == run and record["clip"] in clips]
        times = [key for key in (own[0] if own else {}) if key.endswith("seconds_per_clip")]
        means = {key: mean(own, key) for key in (*MEANS, *times)}
        rounded = {key: round(value, 4) for key, value in means.items() if value is not None}
        rows.append({"run": run, "clips": len(own), **rounded})
    return make_table("Comparison", rows, scores=True)
