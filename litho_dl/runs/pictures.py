"""Pictures of a run: clips with what their masks print, convergence, galleries; and clips as layers of a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from litho_dl.core.io import write_csv
from litho_dl.ilt.solve import Solution
from litho_dl.layout.clips import Clip
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.stack import SUFFIX, write_stack
from litho_dl.runs.tables import headline_scores
from litho_dl.scoring.evaluate import Evaluation
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.viz.clip import clip_figure
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure
from litho_dl.viz.history import history_figure
from litho_dl.viz.images import ClipImages

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from litho_dl.runs.optimize import ScoredMask


def mask_figure(scored: "ScoredMask", threshold: float, title: str) -> "Figure":
    """Target, mask, aerial image, prints with PV band and EPE violations of a scored mask.

    Args:
        scored: The clip with its mask and score.
        threshold: Intensity at which the resist prints.
        title: Heading.
    """
    evaluation = scored.evaluation
    return clip_figure(
        clip_images(evaluation, scored.mask),
        threshold=threshold,
        epe_sites_nm=evaluation.violations_nm,
        score=headline_scores(evaluation.scorecard),
        title=title,
    )


def clip_images(evaluation: Evaluation, mask: Tensor) -> ClipImages:
    """A scored mask's images on the protocol's pixel."""
    return ClipImages(
        pixel_nm=evaluation.pixel_nm,
        mask=sampled(mask.cpu().numpy(), evaluation.target.shape),
        nominal=evaluation.prints["nominal"],
        outer=evaluation.prints["outer"],
        inner=evaluation.prints["inner"],
        target=evaluation.target,
        aerial=evaluation.aerial,
    )


def sampled(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The image's nearest values on another number of pixels over the same field."""
    rows, columns = (((2 * np.arange(n) + 1) * old // (2 * n)) for n, old in zip(shape, image.shape, strict=True))
    return image[np.ix_(rows, columns)]


def write_layers(folder: Path, clip: Clip, mask: Sequence[Polygon], evaluation: Evaluation) -> None:
    """FOLDER/NAME.layers.oas: the clip's target, mask, nominal print and PV band, in the layout's own coordinates."""
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


def draw_convergence(path: Path, solution: Solution, title: str) -> None:
    """Every term of the objective against the step, mean over the clips; the numbers go into a .csv beside it."""
    terms = {name: values.mean(1).numpy() for name, values in solution.history.items()}
    # Each binary score holds until the next check.
    last = np.searchsorted(solution.check_steps, np.arange(len(terms["objective"])), side="right") - 1
    terms["objective, binary"] = solution.checks.mean(1).numpy()[last]
    columns = zip(*terms.values(), strict=True)
    rows = [
        {
            "step": step,
            **{name: "" if np.isnan(value) else f"{value:.7g}" for name, value in zip(terms, row, strict=True)},
        }
        for step, row in enumerate(columns)
    ]
    write_csv(path.with_suffix(".csv"), rows)
    figure = history_figure(
        terms, level_starts=solution.level_starts, total="objective, binary", y_label="mean per clip (nm²)", title=title
    )
    save_figure(figure, path)


def draw_gallery(path: Path, clips: Sequence[tuple[str, ClipImages, Scorecard, np.ndarray]], title: str) -> None:
    """One row a clip: target, mask, prints."""
    rows = [
        GalleryClip(name, images, score=_short(headline_scores(score)), epe_sites_nm=sites)
        for name, images, score, sites in clips
    ]
    save_figure(gallery_figure(rows, title=title), path)


def _short(score: Mapping[str, float]) -> dict[str, float]:
    return {name.split(" ")[0]: value for name, value in score.items()}
