"""Clips in, optimised and scored masks out: one optimisation for the whole batch, then a scorecard each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import GridMismatchError, LithoError, MaskError
from litho_dl.core.grid import Grid, same_length
from litho_dl.core.settings import known
from litho_dl.ilt.method import Method, load_method
from litho_dl.ilt.solve import OnStep, Solution, solve_targets
from litho_dl.layout.clips import MASK_FILE_PIXEL_NM, Clip, on_pixel, pixel_of, save_mask
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.curves import curved_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.scoring.evaluate import Evaluation, RasterConvention, evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS, default_protocol
from litho_dl.scoring.protocol import Protocol as ScoringProtocol
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.simulator import Simulator, mask_tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Masks(Protocol):
    """One mask a clip, bool (B, h, w), and their pixel, such as a `Solution` or a network's `Prediction`."""

    @property
    def mask(self) -> Tensor: ...

    @property
    def pixel_nm(self) -> float: ...


@dataclass(frozen=True, eq=False)
class GivenMasks:
    """Masks, bool or area coverage (B, h, w), and their pixel in nm."""

    mask: Tensor
    pixel_nm: float


@dataclass(frozen=True, eq=False, repr=False)
class ClipSolution(Solution):
    """Optimised masks of clips; see `Solution` for the rest.

    Attributes:
        clips: The clips, in the order of the masks.
        simulator: What the masks were optimised for.
    """

    clips: tuple[Clip, ...]
    simulator: Simulator

    def plot(self, index: int = 0) -> "Figure":
        """Target, mask, aerial image and prints of one clip, with its scores.

        Args:
            index: Which clip, from 0.
        """
        return plot_mask(self.simulator, GivenMasks(self.mask[index][None], self.pixel_nm), self.clips[index])

    def save(self, folder: str | Path) -> list[Path]:
        """Writes each clip's mask: NAME.mask.png, the field at 1 nm, and NAME.mask.oas, in layout coordinates.

        Args:
            folder: Where to write; it is made if it does not exist.

        Returns:
            The files.

        Raises:
            MaskError: The pixel is no whole number of nm.
            OutputError: A file cannot be written.
        """
        pairs = zip(self.clips, self.mask, strict=True)
        return [path for clip, mask in pairs for path in save_mask(mask, self.pixel_nm, clip, folder)]


@dataclass(frozen=True, eq=False)
class ScoredMask:
    """A clip with its mask and its score.

    Attributes:
        clip: The clip.
        mask: bool (h, w).
        pixel_nm: Its pixel.
        polygons: The mask as polygons on the field: along its pixels, or smooth curves.
        evaluation: The score of these polygons.
        pixels: The score of the pixel mask that the curves were drawn from; None if the polygons are along pixels.
    """

    clip: Clip
    mask: Tensor
    pixel_nm: float
    polygons: tuple[Polygon, ...]
    evaluation: Evaluation
    pixels: Evaluation | None


def solve(
    simulator: Simulator,
    clips: Clip | Sequence[Clip],
    method: str | Path | Method,
    on_step: OnStep | None = None,
    *,
    masks: Sequence[Tensor] | Tensor | None = None,
) -> ClipSolution:
    """Finds the masks that print clips, all as one batch, on the simulator's device.

    Args:
        simulator: The process; a trainable one (`SourceSimulator`) is optimised with the masks.
        clips: What to print: one clip or several, on the simulator's field.
        method: A method's name, a .toml file, or a `Method`.
        on_step: Called after each step with (step, steps in all, mean objective in nm^2).
        masks: One mask a clip to continue from, (H, W) in [0, 1] on any pixel that divides the method's target pixel or
            is a multiple of it; only the method's last level is run then.

    Returns:
        A solution with one mask for each clip.

    Raises:
        RecipeError: There is no such method.
        MaskError: There is no clip, one has nothing to print, or the masks do not fit the clips.
        GridMismatchError: A clip is on another field, or a level's pixel does not divide the field.
    """
    several = _on_field(simulator, clips)
    chosen = method if isinstance(method, Method) else load_method(method)
    target_nm = chosen.target_nm  # of all levels: on it the masks are given
    targets = torch.stack([clip.coverage(target_nm) for clip in several])
    init = None
    if masks is not None:
        chosen = chosen.on_last_level
        given = _matched(simulator, masks, several)
        init = torch.stack([on_pixel(mask, given.pixel_nm, target_nm) for mask in given.mask])
    found = solve_targets(simulator, targets, target_nm, chosen, on_step, init=init)
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    return ClipSolution(**parts, clips=tuple(several), simulator=simulator)


@overload
def evaluate(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray,
    clips: Clip,
    protocol: str | ScoringProtocol | None = None,
    *,
    raster: RasterConvention = "exact",
) -> Scorecard: ...


@overload
def evaluate(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray,
    clips: Sequence[Clip],
    protocol: str | ScoringProtocol | None = None,
    *,
    raster: RasterConvention = "exact",
) -> list[Scorecard]: ...


def evaluate(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray,
    clips: Clip | Sequence[Clip],
    protocol: str | ScoringProtocol | None = None,
    *,
    raster: RasterConvention = "exact",
) -> Scorecard | list[Scorecard]:
    """Scores masks against their clips, in float64.

    Args:
        simulator: The process.
        masks: A `Solution`, a network's `Prediction`, or mask values (H, W) or (B, H, W) in [0, 1] that fill the field;
            binarised at 0.5.
        clips: One clip, or one for each mask.
        protocol: `iccad13` or `default`, or a protocol; None: the one that suits the process.
        raster: How target pixels are counted; `inclusive` adds one row and column, as some published tables do.

    Returns:
        A scorecard for a clip, a list of them for a list.

    Raises:
        MaskError: The masks are not as many as the clips, or their values or the mask technology do not fit.
        GridMismatchError: Clips, masks and simulator have different fields, or the protocol is for another one.
        LayoutError: A clip covers no pixel.
        KernelError: The process lacks a corner that scoring needs.
        LithoError: There is no such protocol.
    """
    several = _on_field(simulator, clips)
    scored = score_masks(
        simulator, several, _matched(simulator, masks, several), _protocol(simulator, protocol), raster=raster
    )
    cards = [mask.evaluation.scorecard for mask in scored]
    return cards[0] if isinstance(clips, Clip) else cards


def plot_mask(simulator: Simulator, masks: Masks | Tensor | np.ndarray, clip: Clip) -> "Figure":
    """Target, mask, aerial image and prints of a clip's mask, with its scores.

    Args:
        simulator: The process.
        masks: The one mask of the clip, as for `evaluate`.
        clip: The clip.

    Raises:
        LithoError: As `evaluate`.
    """
    from litho_dl.runs.pictures import mask_figure

    several = _on_field(simulator, clip)
    (scored,) = score_masks(
        simulator, several, _matched(simulator, masks, several), default_protocol(simulator.process)
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
    """Scores each mask, in float64, one at a time.

    Args:
        simulator: The process.
        clips: The clips.
        masks: Their masks, in the same order.
        protocol: How to score.
        raster: How target pixels are counted.
        curves_nm: Draw the masks as smooth curves, simplified within this tolerance, and score what is drawn.

    Raises:
        LithoError: As `scoring.evaluate.evaluate_mask`.
    """
    precise = simulator.in_double()
    for clip, mask in zip(clips, masks.mask, strict=True):
        evaluation = evaluate_mask(mask, masks.pixel_nm, clip.placed, precise, protocol, raster=raster)
        binary = mask >= 0.5
        if curves_nm is None:
            polygons = pixel_polygons(binary.cpu().numpy(), masks.pixel_nm)
            yield ScoredMask(clip, binary, masks.pixel_nm, polygons, evaluation, None)
            continue
        polygons = curved_polygons(binary.cpu().numpy(), masks.pixel_nm, curves_nm)
        coverage = rasterize(Layout(clip.name, polygons), Grid.of_field(clip.field_nm, MASK_FILE_PIXEL_NM))
        drawn = torch.from_numpy(coverage >= 0.5)
        curved = evaluate_mask(drawn, MASK_FILE_PIXEL_NM, clip.placed, precise, protocol, raster=raster)
        yield ScoredMask(clip, drawn, MASK_FILE_PIXEL_NM, polygons, curved, evaluation)


def mask_polygons(simulator: Simulator, masks: Masks | Tensor | np.ndarray, clip: Clip) -> Layout:
    """The outline of a clip's mask along its pixels, as polygons on the field.

    Args:
        simulator: Whose field the mask fills.
        masks: The one mask of the clip, as for `evaluate`.
        clip: The clip.

    Raises:
        LithoError: As `evaluate`.
    """
    given = _matched(simulator, masks, _on_field(simulator, clip))
    return Layout(clip.name, pixel_polygons((given.mask[0] >= 0.5).cpu().numpy(), given.pixel_nm))


def _on_field(simulator: Simulator, clips: Clip | Sequence[Clip]) -> list[Clip]:
    """The clips as a list, checked to lie on the simulator's field."""
    several = [clips] if isinstance(clips, Clip) else list(clips)
    if not several:
        raise MaskError("Expected at least one clip, got none.")
    for clip in several:
        if not isinstance(clip, Clip):
            raise MaskError(f"Expected a clip or a list of clips, got {type(clip).__name__}; load one by load_clip.")
        if not all(same_length(own, side) for own, side in zip(clip.field_nm, simulator.field_nm, strict=True)):
            raise GridMismatchError(
                f"Expected clips on the simulator's field of {simulator.field_nm[1]:g} x {simulator.field_nm[0]:g} nm, "
                f"got '{clip.name}' on {clip.field_nm[1]:g} x {clip.field_nm[0]:g} nm; load it for this simulator."
            )
    return several


def given_masks(masks: Tensor | np.ndarray | Sequence[Tensor], simulator: Simulator) -> GivenMasks:
    """Mask values with their pixel, which follows from their shape.

    Args:
        masks: (H, W) or (B, H, W) in [0, 1], or a list of (H, W).
        simulator: Whose field they fill.

    Raises:
        MaskError: They have NaN or values outside [0, 1], or are no such tensors.
        GridMismatchError: They do not fill the field.
    """
    if not isinstance(masks, Tensor | np.ndarray):
        masks = torch.stack([mask_tensor(mask) for mask in masks])
    values = mask_tensor(masks)
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3:
        raise MaskError(f"Expected masks (H, W) or (B, H, W), got values of shape {tuple(values.shape)}.")
    return GivenMasks(values, pixel_of(values, simulator))


def _matched(
    simulator: Simulator, masks: Masks | Tensor | np.ndarray | Sequence[Tensor], clips: Sequence[Clip]
) -> Masks:
    """Masks with their pixel, one a clip."""
    given = given_masks(masks, simulator) if isinstance(masks, Tensor | np.ndarray | Sequence) else masks
    if len(given.mask) != len(clips):
        raise MaskError(f"Expected one mask for each clip, got {len(given.mask)} for {len(clips)}.")
    return given


def _protocol(simulator: Simulator, protocol: str | ScoringProtocol | None) -> ScoringProtocol:
    if protocol is None:
        return default_protocol(simulator.process)
    if isinstance(protocol, ScoringProtocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise LithoError(f"No protocol named {protocol!r}; {known(protocol, PROTOCOLS)}")
    return PROTOCOLS[protocol]
