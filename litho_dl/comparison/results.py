"""The table of a comparison: a row a clip, their means, and published rows where they belong; as text and Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from litho_dl.comparison.suite import Suite
from litho_dl.report.published import PUBLISHED, Published
from litho_dl.report.table import shared_clips
from litho_dl.runs.optimize import ScoredMask

SCORES = (
    "l2_nm2",
    "pvb_nm2",
    "epe_violations",
    "epe_violations_3nm",
    "epe_violations_neuralilt",
    "stray_prints",
    "shots",
    "vertices",
    "mrc_violations",
)
EDGES = ("epe_mean_nm", "epe_3sigma_nm", "nils")
TITLES = ("L2", "PVB", "L2 + PVB", "EPE", "EPE 3 nm", "stray", "shots", "vertices", "MRC", "s a clip", "conditions")
Row = dict[str, Any]


def score_row(scored: ScoredMask, seconds: float | None) -> Row:
    """The scores of a mask as one row.

    Args:
        scored: The mask with its scores.
        seconds: Wall time a clip from drawn shapes to masks; None if unknown.

    Returns:
        Clip, raster, scores, violations of all mask rules together, whether anything prints, and the seconds.
    """
    card = scored.evaluation.scorecard
    row = {"clip": card.clip, "raster": card.raster, **{key: getattr(card, key) for key in SCORES[:-1]}}
    row["mrc_violations"] = sum((card.mrc_violations or {}).values())
    return {**row, "printed": bool(scored.evaluation.prints["nominal"].any()), "seconds": seconds}


def edge_columns(scored: ScoredMask) -> Row:
    """The mask's edge scores, where its protocol measures them."""
    edges = scored.evaluation.scorecard.edges
    return {} if edges is None else {key: getattr(edges, key) for key in EDGES}


def mean_row(rows: Iterable[Row], name: str, raster: str, column: str = "run") -> dict[str, float | None]:
    """Means of a run's scores and seconds over its clips.

    Args:
        rows: Rows of any runs.
        name: The run.
        raster: How target pixels are counted.
        column: Where a row names its run.

    Returns:
        The means by column; None where a row has no value, as those of an earlier version may.
    """
    chosen = [row for row in rows if row[column] == name and row["raster"] == raster]
    values: dict[str, list[Any]] = {key: [row.get(key) for row in chosen] for key in (*SCORES, "seconds")}
    return {key: fmean(found) if found and None not in found else None for key, found in values.items()}


def mean_rows(suite: Suite, rows: Sequence[Row], column: str = "run") -> list[Row]:
    """Means of every run under every raster, over the clips that all runs have; `column` is as of `mean_row`."""
    shared = shared_clips(rows, column)
    counted = [row for row in rows if row["clip"] in shared]
    names = dict.fromkeys(row[column] for row in rows)
    return [
        {"run": name, "raster": raster, "clips": len(shared), **mean_row(counted, name, raster, column)}
        for name in names
        for raster in suite.rasters
    ]


def mean_cells(name: str, means: Mapping[str, Any]) -> list[str]:
    """A run's means as the cells of the table, in the order of `TITLES`."""
    seconds, areas = means["seconds"], (means["l2_nm2"], means["pvb_nm2"])
    both = None if None in areas else sum(areas)
    return [
        name,
        *(_cell(value, ",.0f") for value in (means["l2_nm2"], means["pvb_nm2"], both)),
        *(_cell(means[key], ".1f") for key in ("epe_violations", "epe_violations_3nm", "stray_prints")),
        *(_cell(means[key], ",.0f") for key in ("shots", "vertices")),
        _cell(means["mrc_violations"], ".1f"),
        "-" if seconds is None else f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.2g}",
    ]


def _cell(value: float | None, form: str) -> str:
    """A mean as text; `-` where there is none, as the runs have no clip in common."""
    return "-" if value is None else format(value, form)


def published_cells(row: Published) -> list[str]:
    """A published row as the cells of the table."""
    epe, shots = "-" if row.epe is None else f"{row.epe:.1f}", "-" if row.shots is None else f"{row.shots:,.0f}"
    areas = (row.l2_nm2, row.pvb_nm2, row.l2_nm2 + row.pvb_nm2)
    return [
        row.method,
        *(f"{area:,.0f}" for area in areas),
        epe,
        "-",
        "-",
        shots,
        "-",
        "-",
        row.seconds,
        row.conditions,
    ]


def table_cells(suite: Suite, means: Sequence[Row]) -> list[list[str]]:
    """The table: a heading, a row for each run and raster, and published rows if the suite is the contest's."""
    own = [[*mean_cells(row["run"], row), f"{row['raster']}, measured here"] for row in means]
    published = [published_cells(row) for row in PUBLISHED] if suite.is_contest else []
    return [["mean of", *TITLES], *own, *published]


def as_markdown(cells: Sequence[Sequence[str]]) -> str:
    """Cells as a Markdown table, with numbers to the right."""
    heading, *rows = cells
    lines = [heading, ["---", *["---:"] * (len(heading) - 2), "---"], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def as_text(cells: Sequence[Sequence[str]]) -> str:
    """Cells as aligned text, with numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index in (0, len(widths) - 1) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def notes(suite: Suite, means: Sequence[Row]) -> list[str]:
    """What a reader of the table must know, one sentence each."""
    found = [
        f"Protocol {suite.protocol.name}; L2 and PVB in nm². MRC: places that break {suite.protocol.rules} "
        f"(at wafer scale).",
        "Seconds: from drawn shapes to masks, a clip of a batch of all; without kernels, files and scores.",
    ]
    if means and means[0]["clips"] < len(suite.clips):
        found.insert(0, f"Means over the {means[0]['clips']} of {len(suite.clips)} clips that all of them have.")
    return found
