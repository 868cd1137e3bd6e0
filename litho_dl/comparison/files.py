"""Files of a comparison: the table as CSV, JSON and Markdown, and the picture of some clips side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litho_dl.comparison.results import as_markdown, mean_rows, notes, table_cells
from litho_dl.comparison.run import Comparison
from litho_dl.core.io import write_csv, write_text
from litho_dl.runs.pictures import clip_images
from litho_dl.runs.summary import write_summary
from litho_dl.viz.comparison import comparison_figure
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip

COMPARISON = "comparison"


def write_comparison(
    found: Comparison, folder: Path, command: str, settings: Mapping[str, Any], *, figures: bool
) -> None:
    """Writes comparison.csv, .json and .md, and with figures comparison.png.

    Args:
        found: The comparison.
        folder: Folder to write to.
        command: The command, for the files.
        settings: The settings of the run.
        figures: Whether to draw the picture.

    Raises:
        OutputError: A file cannot be written.
    """
    suite, means = found.suite, mean_rows(found.suite, found.rows)
    stem = folder / COMPARISON
    faults = [{"run": name, "clip": clip, "fault": fault} for (name, clip), fault in found.faults.items()]
    runs = list(dict.fromkeys(row["run"] for row in found.rows))
    summary = {**settings, "runs": runs, "means": means, "clips": found.rows, **({"faults": faults} if faults else {})}
    write_csv(stem.with_suffix(".csv"), found.rows)
    text = [f"# {', '.join(runs)} on {len(suite.clips)} clips, {Path(suite.optics).name}"]
    text += [as_markdown(table_cells(suite, means)), *notes(suite, means)]
    write_text(stem.with_suffix(".md"), "\n\n".join(text) + "\n")
    if figures:
        draw_comparison(found, stem.with_suffix(".png"))
    write_summary(stem.with_suffix(".json"), command, summary)


def draw_comparison(found: Comparison, path: Path) -> None:
    """Draws some clips, with a column for each candidate that has masks of all of them.

    Raises:
        OutputError: The file cannot be written.
    """
    names = dict.fromkeys(row["run"] for row in found.rows)
    clips = {
        clip: {
            name: GalleryClip(name, clip_images(own.evaluation, own.mask), _caption(own), own.evaluation.violations_nm)
            for name, own in drawn.items()
        }
        for clip, drawn in found.shown.items()
        if len(drawn) == len(names)
    }
    if clips:
        title = f"{len(clips)} of {len(found.suite.clips)} clips" if len(clips) < len(found.suite.clips) else ""
        save_figure(comparison_figure(clips, title=title), path, dpi=110)


def _caption(scored: Any) -> dict[str, float]:
    card = scored.evaluation.scorecard
    scores = {"L2": card.l2_nm2, "PVB": card.pvb_nm2, "EPE": card.epe_violations, "EPE 3 nm": card.epe_violations_3nm}
    return {**scores, "stray": card.stray_prints, "MRC": sum((card.mrc_violations or {}).values())}
