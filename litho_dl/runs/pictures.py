"""Pictures of a run: clips with masks and prints, convergence, galleries; and layout files with layers of a clip."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from litho_dl.core.io import write_csv
from litho_dl.core.second_process import Call, at_once
from litho_dl.layout.clips import Clip
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.stack import SUFFIX, write_stack
from litho_dl.runs.tables import headline_scores
from litho_dl.scoring.evaluate import Evaluation
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.viz.drawing import draw_clip, draw_history
from litho_dl.viz.images import ClipImages, sampled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from litho_dl.ilt.solve import Solution
    from litho_dl.runs.optimize import ScoredMask

BINARY_OBJECTIVE = "objective, binary"


class Pictures(NamedTuple):
    """How the pictures of a run are drawn.

    Attributes:
        threshold: Intensity at which the resist prints.
        title: What their titles say after the clip's name, such as the method.
        call: Makes the calls that draw, such as what `viz.drawing.drawing_process` yields.
    """

    threshold: float
    title: str
    call: Call = at_once


def mask_figure(scored: "ScoredMask", threshold: float, title: str) -> "Figure":
    """Draws target, mask, aerial image, prints with PV band, and EPE violations of a scored mask.

    Args:
        scored: The clip with its mask and scores.
        threshold: Intensity at which the resist prints.
        title: Title of the figure.

    Returns:
        The figure.
    """
    from litho_dl.viz.clip import clip_figure

    return clip_figure(clip_images(scored.evaluation, scored.mask), **_settings(scored, threshold, title))


def draw_mask(path: Path, scored: "ScoredMask", threshold: float, title: str, call: Call = at_once) -> None:
    """Writes the picture of `mask_figure`.

    Args:
        path: The file.
        scored: As for `mask_figure`.
        threshold: As for `mask_figure`.
        title: As for `mask_figure`.
        call: Makes the call that draws, such as what `viz.drawing.drawing_process` yields.

    Raises:
        OutputError: The file cannot be written.
    """
    shown = clip_images(scored.evaluation, scored.mask).shown()
    call(draw_clip, path, shown, **_settings(scored, threshold, title))


def _settings(scored: "ScoredMask", threshold: float, title: str) -> dict[str, Any]:
    """What a scored mask's picture holds besides its images, as arguments of `viz.clip.clip_figure`."""
    evaluation = scored.evaluation
    return {
        "threshold": threshold,
        "epe_sites_nm": evaluation.violations_nm,
        "score": headline_scores(evaluation.scorecard),
        "title": title,
    }


def clip_images(evaluation: Evaluation, mask: Tensor, *, aerial: bool = True) -> ClipImages:
    """The images of a scored mask, for `viz`.

    Args:
        evaluation: The scores with their images.
        mask: The mask, bool (h, w).
        aerial: Whether to hold the aerial image, which is as large as all others together and not in galleries.

    Returns:
        All images on the protocol's pixel.
    """
    return ClipImages(
        pixel_nm=evaluation.pixel_nm,
        mask=sampled(mask.cpu().numpy(), evaluation.target.shape),
        nominal=evaluation.prints["nominal"],
        outer=evaluation.prints["outer"],
        inner=evaluation.prints["inner"],
        target=evaluation.target,
        aerial=evaluation.aerial if aerial else None,
        reach_nm=evaluation.reach_nm,
        mask_field=evaluation.mask_field,
    )


def write_layers(folder: Path, clip: Clip, mask: Sequence[Polygon], evaluation: Evaluation) -> None:
    """Writes NAME.layers.oas: a clip's target, mask, nominal print and PV band, in the layout's own coordinates.

    Args:
        folder: Folder to write to.
        clip: The clip.
        mask: The mask's polygons on the field.
        evaluation: Its scores, with the prints.

    Raises:
        OutputError: The file cannot be written.
    """
    prints, pixel_nm = evaluation.prints, evaluation.pixel_nm
    dx_nm, dy_nm = clip.shift_nm
    stack = {
        "target": clip.placed.polygons,
        "mask": mask,
        "nominal": pixel_polygons(prints["nominal"], pixel_nm),
        "band": pixel_polygons(prints["outer"] ^ prints["inner"], pixel_nm),
    }
    placed = {name: Layout(name, tuple(shapes)).translated(-dx_nm, -dy_nm) for name, shapes in stack.items()}
    write_stack(folder / f"{clip.name}{SUFFIX}", placed, cell=clip.name)


def draw_convergence(path: Path, solution: "Solution", title: str, call: Call = at_once) -> None:
    """Draws the terms of the objective, as means over the clips, against the step; writes them as .csv too.

    Args:
        path: The picture; the .csv has the same stem.
        solution: The optimisation.
        title: Title of the figure.
        call: As for `draw_mask`.

    Raises:
        OutputError: A file cannot be written.
    """
    terms = _mean_terms(solution)
    columns = zip(*terms.values(), strict=True)
    rows = [
        {
            "step": step,
            **{name: "" if np.isnan(value) else f"{value:.7g}" for name, value in zip(terms, row, strict=True)},
        }
        for step, row in enumerate(columns)
    ]
    write_csv(path.with_suffix(".csv"), rows)
    call(draw_history, path, terms, **_axes(solution), title=title)


def convergence_figure(solution: "Solution", title: str = "") -> "Figure":
    """Draws the terms of the objective, as means over the clips, against the step.

    Args:
        solution: The optimisation.
        title: Title of the figure.
    """
    from litho_dl.viz.history import history_figure

    return history_figure(_mean_terms(solution), **_axes(solution), title=title)


def _axes(solution: "Solution") -> dict[str, Any]:
    """How the terms of an objective are shown, as arguments of `viz.history.history_figure`."""
    return {"level_starts": solution.level_starts, "total": BINARY_OBJECTIVE, "y_label": "mean per clip (nm²)"}


def _mean_terms(solution: "Solution") -> dict[str, np.ndarray]:
    """Each term, (steps,), as the mean over the clips; and the objective of the binary masks, held between checks."""
    terms = {name: values.mean(1).numpy() for name, values in solution.history.items()}
    last = np.searchsorted(solution.check_steps, np.arange(len(terms["objective"])), side="right") - 1
    return {**terms, BINARY_OBJECTIVE: solution.checks.mean(1).numpy()[last]}


def draw_gallery(path: Path, clips: Sequence[tuple[str, ClipImages, Scorecard, np.ndarray]], title: str) -> None:
    """Draws a gallery with one row for each clip: target, mask, prints.

    Args:
        path: The picture.
        clips: Name, images, scores, and EPE violations (n, 2) in nm of each clip.
        title: Title of the figure.

    Raises:
        OutputError: The file cannot be written.
    """
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.gallery import GalleryClip, gallery_figure

    rows = [
        GalleryClip(name, images, score=_short(headline_scores(score)), epe_sites_nm=sites)
        for name, images, score, sites in clips
    ]
    save_figure(gallery_figure(rows, title=title), path)


def _short(score: Mapping[str, float]) -> dict[str, float]:
    return {name.split(" ")[0]: value for name, value in score.items()}
