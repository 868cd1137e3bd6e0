"""Clips and masks as users give them, checked to fit a simulator and each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import GridMismatchError, LithoError, MaskError
from litho_dl.core.grid import Grid, HasField, same_length
from litho_dl.core.io import IMAGE_SUFFIXES
from litho_dl.layout.clips import Clip, load_mask, load_mask_polygons, pixel_of
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.curves import Outlines
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.simulation.mask_values import mask_tensor
from litho_dl.simulation.simulator import Simulator


class Masks(Protocol):
    """One mask for each clip, with their pixel, such as a `Solution` or a network's `Prediction`."""

    @property
    def mask(self) -> Tensor:
        """Masks (B, h, w), bool or in [0, 1]."""

    @property
    def pixel_nm(self) -> float:
        """Pixel in nm."""


@dataclass(frozen=True, eq=False, repr=False)
class GivenMasks:
    """Masks given as values.

    Attributes:
        mask: bool or values in [0, 1], (B, h, w).
        pixel_nm: Pixel in nm.
        drawn: The polygons of each mask that the values are the area coverage of; None: the masks are their pixels.
        outlines: What curves are drawn from; None: the outlines of the pixels.
    """

    mask: Tensor
    pixel_nm: float
    drawn: tuple[Layout, ...] | None = None
    outlines: Outlines | None = None

    def __repr__(self) -> str:
        count, height, width = self.mask.shape
        masks = "mask" if count == 1 else "masks"
        return f"GivenMasks({count} {masks} of {height} x {width} pixels of {self.pixel_nm:g} nm)"


def drawn_masks(layouts: Sequence[Layout], optics: HasField) -> GivenMasks:
    """Masks drawn as polygons.

    Args:
        layouts: The polygons of each mask, in field coordinates.
        optics: A simulator, clip or other object with the field.

    Returns:
        Their area coverage on pixels of `file_pixel_nm`.

    Raises:
        LayoutError: Polygons leave the field.
    """
    grid = Grid.of_field(optics.field_nm, file_pixel_nm(optics))
    coverage = torch.from_numpy(np.stack([rasterize(layout, grid) for layout in layouts]))
    return GivenMasks(coverage, grid.pixel_nm, tuple(layouts))


def read_given_mask(
    path: Path, clip: Clip, *, layer: str | None = None, cell: str | None = None, allow_missing: bool = False
) -> GivenMasks:
    """Reads the mask of a clip from a file: an image of the field, or polygons, which are imaged as they are drawn.

    Args:
        path: The file.
        clip: The clip.
        layer: As for `layout.clips.load_mask`.
        cell: As for `load_mask`.
        allow_missing: As for `load_mask`.

    Returns:
        The one mask.

    Raises:
        LithoError: As `layout.clips.load_mask`.
    """
    if path.suffix.lower() in IMAGE_SUFFIXES:
        values = load_mask(path, clip)
        return GivenMasks(values[None], pixel_of(values, clip))
    return drawn_masks([load_mask_polygons(path, clip, layer=layer, cell=cell, allow_missing=allow_missing)], clip)


def as_clips(clips: Clip | Iterable[Clip]) -> list[Clip]:
    """Clips as a list.

    Args:
        clips: One clip or several.

    Returns:
        The clips.

    Raises:
        MaskError: There is no clip, or one is of another type.
    """
    several = list(clips) if isinstance(clips, Iterable) and not isinstance(clips, str) else [clips]
    if not several:
        raise MaskError("Expected at least one clip, got none.")
    for clip in several:
        if not isinstance(clip, Clip):
            raise MaskError(f"Expected a clip or a list of clips, got {type(clip).__name__}; load one by load_clip.")
    return several


def _require_simulator(simulator: Simulator) -> None:
    if not isinstance(simulator, Simulator):
        raise LithoError(f"Expected a simulator, got {type(simulator).__name__}; make one by Simulator(optics).")


def clips_on_field(simulator: Simulator, clips: Clip | Iterable[Clip]) -> list[Clip]:
    """Checks that clips are on a simulator's field.

    Args:
        simulator: The simulator.
        clips: One clip or several.

    Returns:
        The clips as a list.

    Raises:
        LithoError: The simulator is of another type.
        MaskError: There is no clip, or one is of another type.
        GridMismatchError: A clip is on another field.
    """
    _require_simulator(simulator)
    several = as_clips(clips)
    for clip in several:
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
        simulator: A simulator with the field that they fill.

    Returns:
        The masks (B, H, W) with their pixel.

    Raises:
        MaskError: They have NaN or values outside [0, 1], or are of another type or shape.
        GridMismatchError: They do not fill the field.
    """
    if not isinstance(masks, Tensor | np.ndarray):
        several = [mask_tensor(mask) for mask in masks]
        shapes = list(dict.fromkeys(tuple(mask.shape) for mask in several))
        if len(shapes) != 1:
            raise MaskError(
                f"Expected one or more masks of one shape, got {', '.join(map(str, shapes)) or 'none'}; resample them."
            )
        masks = torch.stack(several)
    values = mask_tensor(masks)
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3:
        raise MaskError(f"Expected masks (H, W) or (B, H, W), got values of shape {tuple(values.shape)}.")
    return GivenMasks(values, pixel_of(values, simulator))


def masks_on_pixel(
    simulator: Simulator, masks: Masks | Tensor | np.ndarray | Layout | Sequence[Tensor] | Sequence[Layout]
) -> Masks:
    """Masks with their pixel, from any of the types that users pass.

    Args:
        simulator: A simulator with the field that they fill.
        masks: A `Solution`, a network's `Prediction`, mask values as for `given_masks`, or a `Layout` in field
            coordinates or a list of them.

    Returns:
        The masks (B, H, W) with their pixel.

    Raises:
        MaskError, GridMismatchError: As `given_masks`; also MaskError if they are of another type.
        LayoutError: Polygons leave the field.
    """
    _require_simulator(simulator)
    if isinstance(masks, Layout):
        return drawn_masks([masks], simulator)
    if isinstance(masks, Sequence) and masks and all(isinstance(mask, Layout) for mask in masks):
        return drawn_masks(cast("Sequence[Layout]", masks), simulator)
    if isinstance(masks, Tensor | np.ndarray | Sequence) and not isinstance(masks, str):
        return given_masks(cast("Tensor | np.ndarray | Sequence[Tensor]", masks), simulator)
    if not (isinstance(getattr(masks, "mask", None), Tensor) and hasattr(masks, "pixel_nm")):
        raise MaskError(
            f"Expected a solution, a prediction or mask values (H, W), got {type(masks).__name__}; read a mask file by "
            f"load_mask."
        )
    simulator.require_grid(mask_tensor(masks.mask), masks.pixel_nm)
    return masks


def masks_of_clips(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout | Sequence[Tensor] | Sequence[Layout],
    clips: Sequence[Clip],
) -> Masks:
    """Masks with their pixel, one for each clip.

    Args:
        simulator: A simulator with the field that they fill.
        masks: As for `masks_on_pixel`.
        clips: The clips.

    Returns:
        The masks (B, H, W) with their pixel.

    Raises:
        MaskError, GridMismatchError: As `masks_on_pixel`; also MaskError if there are not as many masks as clips.
    """
    given = masks_on_pixel(simulator, masks)
    if len(given.mask) != len(clips):
        raise MaskError(
            f"Expected one mask for each clip, got {len(given.mask)} for {len(clips)}; give the clips of these masks."
        )
    return given


def mask_polygons(simulator: Simulator, masks: Masks | Tensor | np.ndarray, clip: Clip) -> Layout:
    """The outline of a clip's mask along its pixels, as polygons on the field.

    Args:
        simulator: A simulator with the field that the mask fills.
        masks: The one mask of the clip, as for `evaluate`.
        clip: The clip.

    Returns:
        The polygons, in field coordinates.

    Raises:
        LithoError: As `evaluate`.
    """
    given = masks_of_clips(simulator, masks, clips_on_field(simulator, [clip]))
    return Layout(clip.name, pixel_polygons((given.mask[0] >= 0.5).cpu().numpy(), given.pixel_nm))
