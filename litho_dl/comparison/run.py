"""A comparison: every candidate's masks of the same clips, made, scored and written to a folder of its own."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litho_dl.comparison.candidates import Candidate, Made
from litho_dl.comparison.finished import FINISHED, finished_masks, keep_finished
from litho_dl.comparison.results import Row, edge_columns, score_row
from litho_dl.comparison.suite import Suite
from litho_dl.core.errors import LithoError, out_of_memory
from litho_dl.core.progress import progress_bar
from litho_dl.layout.saved_mask import save_mask
from litho_dl.runs.files import (
    warn_of_divergence,
    warn_of_nothing_printed,
    warn_of_unlike_print,
    worst_sites,
    write_scores,
)
from litho_dl.runs.optimize import ScoredMask
from litho_dl.runs.pictures import draw_convergence, write_layers

SHOWN = 5  # clips in the picture


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of a comparison.

    Attributes:
        suite: The clips.
        rows: One for each candidate, clip and raster.
        shown: Scored masks of some clips under the first raster, by clip and candidate, for the picture.
        faults: Why a candidate has no masks at all, or not of a clip, by its name and the clip's (empty: of all).
    """

    suite: Suite
    rows: list[Row] = field(default_factory=list)
    shown: dict[str, dict[str, ScoredMask]] = field(default_factory=dict)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)


def compare(
    suite: Suite, candidates: Sequence[Candidate], folder: Path, command: str, *, figures: bool = True
) -> Comparison:
    """Makes, scores and writes the masks of every candidate, each in the folder of its name.

    A candidate that fails is told on standard error and leaves the others their rows. Masks that an earlier run with
    the same settings finished are read from its folder.

    Args:
        suite: The clips.
        candidates: What to compare, checked by `require_candidates`.
        folder: Folder to write to.
        command: The command, for the files.
        figures: Whether to write what pictures and reports need beside masks and scores.

    Returns:
        The rows.

    Raises:
        LithoError: A candidate could not be written, or all of them failed.
        KeyboardInterrupt: Ctrl-C; the folders of finished candidates stay.
    """
    found = Comparison(suite)
    for candidate in candidates:
        try:
            _compare_one(found, candidate, folder / candidate.name, command, figures=figures)
        except (LithoError, MemoryError, RuntimeError) as error:
            if not (isinstance(error, LithoError) or out_of_memory(error)):
                raise
            _fail(found, candidate.name, "", str(error) if isinstance(error, LithoError) else "out of memory")
    if not found.rows:
        raise LithoError(f"Expected at least one candidate with masks, got none: {next(iter(found.faults.values()))}")
    return found


def _compare_one(found: Comparison, candidate: Candidate, folder: Path, command: str, *, figures: bool) -> None:
    """Adds a candidate's rows."""
    suite = found.suite
    made = finished_masks(folder, candidate, suite)
    if made is not None:
        print(f"{candidate.name}: taken from {folder}, finished before with the same settings", file=sys.stderr)
    else:
        (folder / FINISHED).unlink(missing_ok=True)
        made = candidate.make(suite)
        if made.solution is not None:
            warn_of_divergence(made.solution, [clip.name for clip in suite.clips])
    for missing, fault in made.faults.items():
        _fail(found, candidate.name, missing, fault)
    results, rows, shown = [], [], {}
    with progress_bar(f"Scoring {candidate.name}") as advance:
        for number, clip in enumerate(suite.clips):
            if clip.name not in made.masks:
                continue
            for raster in suite.rasters:
                (scored,) = suite.scored(made.masks[clip.name], raster, [clip])
                row = {"run": candidate.name, "kind": candidate.kind, **score_row(scored, made.seconds)}
                rows.append({**row, **edge_columns(scored)})
                if raster == suite.rasters[0]:
                    results.append(_written(scored, candidate, made, folder, figures=figures))
                    if number in shown_clips(len(suite.clips)):
                        shown[clip.name] = scored
            advance(number + 1, len(suite.clips), clip.name)
    write_scores(folder, command, {**_settings(suite, candidate), "clips_missing": len(made.faults)}, results)
    if figures and made.solution is not None:
        draw_convergence(folder / "convergence.png", made.solution, f"Convergence, {candidate.name}")
    if candidate.kind != "masks":
        keep_finished(folder, candidate, suite, made)
    found.rows.extend(rows)
    for name, scored in shown.items():
        found.shown.setdefault(name, {})[candidate.name] = scored


def _written(scored: ScoredMask, candidate: Candidate, made: Made, folder: Path, *, figures: bool) -> dict[str, Any]:
    """Writes a clip's mask and layers, and returns its entry of scores.json."""
    clip, evaluation = scored.clip, scored.evaluation
    warn_of_nothing_printed(scored)
    if candidate.kind == "masks":
        warn_of_unlike_print(scored)
    if candidate.kind != "masks":
        save_mask(scored.mask, scored.pixel_nm, clip, folder, scored.polygons)
    if figures:
        write_layers(folder, clip, scored.polygons, evaluation)
    entry = {"clip": clip.name, **evaluation.scorecard.as_dict(), "mask_seconds_per_clip": made.seconds}
    return {**entry, "reach_nm": evaluation.reach_nm, "worst_sites": worst_sites(scored)}


def _settings(suite: Suite, candidate: Candidate) -> dict[str, Any]:
    rules = suite.protocol.rules
    limits = None if rules is None else rules.limits
    field = suite.simulator.process.mask.field
    return {
        "optics": Path(suite.optics).name,
        "mask_field": field,
        candidate.kind: candidate.name,
        "mask_rules": limits,
    }


def _fail(found: Comparison, name: str, clip: str, fault: str) -> None:
    """Keeps a fault, and tells it at once."""
    found.faults[name, clip] = fault
    of = f" of {clip}" if clip else ""
    print(f"Warning: {name}: no mask{of}; {' '.join(fault.split())}", file=sys.stderr)


def shown_clips(count: int) -> set[int]:
    """Indices of the clips in the picture, evenly spread."""
    shown = min(SHOWN, count)
    return {index * count // shown for index in range(shown)}
