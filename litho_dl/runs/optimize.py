"""Mask optimisation and scoring of clips: one optimisation for the whole batch, then a scorecard for each clip."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.arguments import require_functions, require_texts
from litho_dl.core.errors import LithoError, MaskError
from litho_dl.core.settings import suggestion
from litho_dl.ilt.method import Method, load_method
from litho_dl.ilt.solve import OnStep, Solution, solve_targets
from litho_dl.layout.clips import Clip, drawn_polygons, on_pixel
from litho_dl.layout.curves import Outlines, evened, smooth_contours
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.saved_mask import save_mask
from litho_dl.runs.curves import DrawnCurves, draw_curves
from litho_dl.runs.masks import GivenMasks, Masks, clips_on_field, drawn_masks, masks_of_clips
from litho_dl.scoring.evaluate import Evaluation, RasterConvention, evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS, default_protocol
from litho_dl.scoring.protocol import Protocol as ScoringProtocol
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class ClipSolution(Solution):
    """Optimised masks of clips; see `Solution` for the rest.

    Attributes:
        clips: The clips, in the order of the masks.
        simulator: The simulator that the masks were optimised with.
    """

    clips: tuple[Clip, ...]
    simulator: Simulator

    @classmethod
    def of(cls, solution: Solution, clips: Sequence[Clip], simulator: Simulator) -> "ClipSolution":
        """A solution with what it belongs to.

        Args:
            solution: The optimised masks.
            clips: Their clips, in the same order.
            simulator: The simulator that the masks were optimised with.
        """
        values = {field.name: getattr(solution, field.name) for field in fields(solution)}
        return cls(**values, clips=tuple(clips), simulator=simulator)

    def plot(self, index: int = 0) -> "Figure":
        """Draws target, mask, aerial image and prints of one clip, with its scores.

        Args:
            index: Index of the clip; negative ones count from the end.

        Returns:
            The figure.

        Raises:
            MaskError: There is no such clip.
        """
        if not (isinstance(index, int | np.integer) and -len(self.clips) <= index < len(self.clips)):
            raise MaskError(f"Expected an index below the number of clips, {len(self.clips)}, got {index!r}.")
        own = self.outlines and self.outlines.of(index)
        mask = GivenMasks(self.mask[index][None], self.pixel_nm, outlines=own)
        return plot_mask(self.simulator, mask, self.clips[index])

    def plot_convergence(self) -> "Figure":
        """Draws every term of the objective against the step, mean over the clips."""
        from litho_dl.runs.pictures import convergence_figure

        return convergence_figure(self)

    def save(self, folder: str | Path) -> list[Path]:
        """Writes each clip's mask: NAME.mask.png, the field at 1 nm times its scale, and NAME.mask.oas, along pixels.

        The curves of methods that draw them are written by `litho-dl optimize`.

        Args:
            folder: Folder to write to; made if it does not exist.

        Returns:
            The files.

        Raises:
            MaskError: The pixel is no multiple of that.
            OutputError: A file cannot be written.
        """
        pairs = zip(self.clips, self.mask, strict=True)
        return [path for clip, mask in pairs for path in save_mask(mask, self.pixel_nm, clip, folder)[:2]]


@dataclass(frozen=True, eq=False, repr=False)
class ScoredMask:
    """A clip with its mask and scores.

    Attributes:
        clip: The clip.
        mask: The mask, bool (h, w).
        pixel_nm: Pixel of the mask.
        polygons: The mask as polygons on the field, along its pixels or as smooth curves.
        evaluation: The scores of these polygons.
        curves: The curves that the polygons are flattened from; None if these are along pixels.
    """

    clip: Clip
    mask: Tensor
    pixel_nm: float
    polygons: tuple[Polygon, ...]
    evaluation: Evaluation
    curves: DrawnCurves | None = None

    def __repr__(self) -> str:
        height, width = self.mask.shape
        return (
            f"ScoredMask({height} x {width} pixels of {self.pixel_nm:g} nm, {len(self.polygons)} polygons; "
            f"{self.evaluation.scorecard!r})"
        )


def solve(
    simulator: Simulator,
    clips: Clip | Sequence[Clip],
    method: str | Path | Method,
    on_step: OnStep | None = None,
    *,
    masks: Sequence[Tensor] | Tensor | None = None,
) -> ClipSolution:
    """Optimises the masks of clips, all as one batch, on the simulator's device.

    Args:
        simulator: The process; a `SourceSimulator` has its source optimised with the masks.
        clips: One clip or several, on the simulator's field.
        method: A method's name, a .toml file, or a `Method`.
        on_step: Called after each step with (step, number of steps, mean objective in nm^2).
        masks: One mask for each clip to continue from, (H, W) in [0, 1], on any pixel that divides the method's target
            pixel or is a multiple of it; then only the method's last level is run. None: start from the clips.

    Returns:
        A solution with one mask for each clip.

    Raises:
        RecipeError: There is no such method.
        MaskError: There is no clip, a clip covers no pixel, or the masks do not fit the clips.
        GridMismatchError: A clip is on another field, or a level's pixel does not divide the field.
    """
    require_functions(on_step=on_step)
    several = clips_on_field(simulator, clips)
    chosen = method if isinstance(method, Method) else load_method(method)
    target_nm = chosen.target_nm * simulator.scale  # of all levels, also where only the last one is run
    targets = torch.stack([clip.coverage(target_nm) for clip in several])
    init = None
    if masks is not None:
        chosen = chosen.on_last_level
        given = masks_of_clips(simulator, masks, several)
        init = torch.stack([on_pixel(mask, given.pixel_nm, target_nm) for mask in given.mask])
    polygons = [drawn_polygons(clip) for clip in several]
    found = solve_targets(simulator, targets, target_nm, chosen, on_step, init=init, polygons=polygons)
    return ClipSolution.of(found, several, simulator)


@overload
def evaluate(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout,
    clips: Clip,
    protocol: str | ScoringProtocol | None = None,
    *,
    raster: RasterConvention = "exact",
) -> Scorecard: ...


@overload
def evaluate(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout,
    clips: Sequence[Clip],
    protocol: str | ScoringProtocol | None = None,
    *,
    raster: RasterConvention = "exact",
) -> list[Scorecard]: ...


def evaluate(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout,
    clips: Clip | Sequence[Clip],
    protocol: str | ScoringProtocol | None = None,
    *,
    raster: RasterConvention = "exact",
) -> Scorecard | list[Scorecard]:
    """Scores masks against their clips, in float64.

    Args:
        simulator: The process.
        masks: A `Solution`, a network's `Prediction`, or mask values (H, W) or (B, H, W) in [0, 1] that fill the field;
            binarised at 0.5; or a `Layout` in field coordinates, such as `clip.placed`, drawn to a fraction of a nm. A
            solution of a method that writes curves, such as `curvilinear`, is scored as these.
        clips: One clip, or a list with one clip for each mask.
        protocol: `iccad13`, `default`, or a `Protocol`; None: `iccad13` for imported kernels on its field, otherwise
            `default`.
        raster: How targets are rasterised; `inclusive` adds one row and column, as some published tables do.

    Returns:
        A scorecard for a clip, or a list of them for a list.

    Raises:
        MaskError: There are not as many masks as clips, or their values or the mask technology are invalid.
        GridMismatchError: Clips, masks and simulator have different fields, or the protocol is for another one.
        LayoutError: A clip covers no pixel.
        KernelError: The process lacks a corner that scoring needs.
        LithoError: There is no such protocol.
    """
    require_texts(raster=raster)
    several = clips_on_field(simulator, clips)
    scored = score_masks(
        simulator, several, masks_of_clips(simulator, masks, several), _protocol(simulator, protocol), raster=raster
    )
    cards = [mask.evaluation.scorecard for mask in scored]
    return cards[0] if isinstance(clips, Clip) else cards


def plot_mask(simulator: Simulator, masks: Masks | Tensor | np.ndarray | Layout, clip: Clip) -> "Figure":
    """Draws target, mask, aerial image and prints of a clip's mask, with its scores.

    Args:
        simulator: The process.
        masks: The one mask of the clip, as for `evaluate`.
        clip: The clip.

    Returns:
        The figure.

    Raises:
        LithoError: As `evaluate`.
    """
    from litho_dl.runs.pictures import mask_figure

    several = clips_on_field(simulator, [clip])
    (scored,) = score_masks(
        simulator, several, masks_of_clips(simulator, masks, several), default_protocol(simulator.process)
    )
    return mask_figure(scored, simulator.process.resist.threshold, clip.name)


def score_masks(
    simulator: Simulator,
    clips: Sequence[Clip],
    masks: Masks,
    protocol: ScoringProtocol,
    *,
    raster: RasterConvention = "exact",
    curves_nm: float | None = None,
) -> Iterator[ScoredMask]:
    """Scores masks in float64, one at a time.

    Args:
        simulator: The process.
        clips: The clips.
        masks: Their masks, in the same order.
        protocol: How to score.
        raster: How targets are rasterised.
        curves_nm: Tolerance in nm within which the masks are drawn as Bezier curves, which are then scored; see
            `runs.curves.draw_curves`. None: that of the masks' outlines, or no curves.

    Yields:
        The masks with their scores, in the order of the clips.

    Raises:
        LithoError: As `scoring.evaluate.evaluate_mask`.
    """
    precise, file_nm = simulator.in_double(), file_pixel_nm(simulator)
    layouts = getattr(masks, "drawn", None) or [None] * len(clips)
    outlines: Outlines | None = getattr(masks, "outlines", None)
    if curves_nm is None and outlines is not None:
        curves_nm = outlines.curves_nm
    for index, (clip, mask, drawn) in enumerate(zip(clips, masks.mask, layouts, strict=True)):
        evaluation = evaluate_mask(mask, masks.pixel_nm, clip.placed, precise, protocol, raster=raster, drawn=drawn)
        binary = mask >= 0.5
        if curves_nm is None:
            yield ScoredMask(clip, binary, masks.pixel_nm, evaluation.outline, evaluation)
            continue

        def scored(polygons: Sequence[Polygon], clip: Clip = clip) -> Evaluation:
            curves = Layout(clip.name, tuple(polygons))
            (coverage,) = drawn_masks([curves], clip).mask
            return evaluate_mask(coverage, file_nm, clip.placed, precise, protocol, raster=raster, drawn=curves)

        if outlines is None:
            contours, radius_nm = smooth_contours(binary.cpu().numpy(), masks.pixel_nm), 0.0
        else:
            contours, radius_nm = evened(outlines.polygons[index], file_nm), outlines.least_radius_nm
        curves = draw_curves(contours, curves_nm, radius_nm, evaluation, scored, protocol.rules)
        (coverage,) = drawn_masks([Layout(clip.name, curves.polygons)], clip).mask
        yield ScoredMask(clip, coverage >= 0.5, file_nm, curves.polygons, curves.evaluation, curves)


def _protocol(simulator: Simulator, protocol: str | ScoringProtocol | None) -> ScoringProtocol:
    if protocol is None:
        return default_protocol(simulator.process)
    if isinstance(protocol, ScoringProtocol):
        return protocol
    if not isinstance(protocol, str) or protocol not in PROTOCOLS:
        raise LithoError(f"No protocol named {protocol!r:.60}; {suggestion(str(protocol), PROTOCOLS)}")
    return PROTOCOLS[protocol].scaled(simulator.scale)
