"""Where prints are compared with the target: on all pixels around it, and on coarse ones elsewhere.

Away from the target nothing is to print, and images are smooth on the scale of the optics' resolution: a few samples
find what prints there, such as an assist feature, and count it with the area that they stand for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.dft import PartialDft
from litho_dl.simulation.simulator import Simulator

MARGIN_NM = 52.0  # around targets and their EPE probes, which lie some 12 nm off
COARSE_NM = 16.0  # largest coarse pixel
WHOLE = 0.7  # share of the field from which one view of all of it takes less time


@dataclass(frozen=True, eq=False)
class Comparison:
    """What prints of some clips are compared with, on one pixel.

    Attributes:
        target: Area coverage (B, H, W) in [0, 1].
        probes: Number of EPE probes in each pixel, (B, H, W).
        background: 1 where nothing may print, (B, H, W).
        counted: 1 where prints count, (B, H, W) or (H, W); None: everywhere.
        pixel_nm: The pixel, for a process of scale 1.
    """

    target: Tensor
    probes: Tensor
    background: Tensor
    counted: Tensor | None
    pixel_nm: float

    def of(self, clips: slice | Tensor) -> "Comparison":
        """Of some of the clips; `counted` must be the same for all."""
        maps = self.target, self.probes, self.background
        target, probes, background = (part[clips] for part in maps)
        return Comparison(target, probes, background, self.counted, self.pixel_nm)


@dataclass(frozen=True, eq=False)
class View:
    """Some pixels of the field, and what prints are compared with there.

    Attributes:
        transform: From image spectra to these pixels.
        comparison: The targets there.
    """

    transform: PartialDft
    comparison: Comparison


def make_views(simulator: Simulator, whole: Comparison) -> list[View]:
    """The views of clips: the targets' surroundings on their own pixels, and the rest of the field on coarse ones.

    What a clip is compared with where does not depend on the others: of the fine pixels, which hold the surroundings of
    all targets and all EPE probes, each clip counts those around its own, and of the coarse ones the rest.

    Args:
        simulator: The process.
        whole: The clips' targets on the field.

    Returns:
        The fine and the coarse view; or one of everything if there is nothing to be saved for any clip.
    """
    unit_nm, shape = whole.pixel_nm * simulator.scale, whole.target.shape[-2:]
    step = _step(shape, min(COARSE_NM, _finest_nm(simulator)) / whole.pixel_nm)
    drawn = (whole.target > 0) | (whole.probes > 0)
    boxes = [_box(clip, math.ceil(MARGIN_NM / whole.pixel_nm)) for clip in drawn]
    if step == 1 or all(box.shape == shape for box in boxes):
        return [View(simulator.synthesis(unit_nm), whole)]
    around = _Box(
        *(range(min(s.start for s in sides), max(s.stop for s in sides)) for sides in zip(*boxes, strict=True))
    )
    return [
        View(simulator.synthesis(unit_nm, around), _near(whole, boxes, around)),
        View(simulator.synthesis(unit_nm * step), _beyond(whole, boxes, step)),
    ]


class _Box(NamedTuple):
    """Rows and columns of pixels."""

    rows: range
    columns: range

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self.rows), len(self.columns)

    def of(self, image: Tensor, start: tuple[int, int] = (0, 0)) -> Tensor:
        """Its pixels of an image (..., H, W) that begins at a row and column of the field."""
        rows, columns = (slice(side.start - first, side.stop - first) for side, first in zip(self, start, strict=True))
        return image[..., rows, columns]


def _near(whole: Comparison, boxes: Sequence[_Box], around: _Box) -> Comparison:
    """What prints are compared with in a window around all boxes; those of a clip count in its own."""
    counted = None if whole.counted is None else around.of(whole.counted)
    if any(box != around for box in boxes):
        own = torch.zeros_like(around.of(whole.target))
        for clip, box in zip(own, boxes, strict=True):
            box.of(clip, (around.rows.start, around.columns.start)).fill_(1)
        counted = own if counted is None else own * counted
    maps = (around.of(image) for image in (whole.target, whole.probes, whole.background))
    target, probes, background = maps
    return Comparison(target, probes, background, counted, whole.pixel_nm)


def _beyond(whole: Comparison, boxes: Sequence[_Box], step: int) -> Comparison:
    """What prints are compared with outside the boxes, where nothing is drawn, on pixels `step` times as large."""
    counted = torch.ones_like(whole.target)
    if whole.counted is not None:
        counted *= whole.counted
    for clip, box in zip(counted, boxes, strict=True):
        box.of(clip).fill_(0)
    counted = avg_pool2d(counted, step)
    nothing = torch.zeros_like(counted)
    return Comparison(nothing, nothing, torch.ones_like(counted), counted, whole.pixel_nm * step)


def _box(drawn: Tensor, margin: int) -> _Box:
    """The surroundings of what is drawn, bool (H, W); all of the field if nothing is, or if they are most of it."""
    rows, columns = (_span(drawn.any(axis), margin) for axis in (1, 0))
    if len(rows) * len(columns) > WHOLE * drawn.numel():
        rows, columns = map(range, drawn.shape)
    return _Box(rows, columns)


def _span(covered: Tensor, margin: int) -> range:
    """The pixels of an axis around those that are covered, bool (N,); all if the margin crosses the field's border."""
    places = covered.nonzero().flatten()
    if not len(places):
        return range(len(covered))
    first, last = int(places[0]) - margin, int(places[-1]) + margin
    return range(len(covered)) if first < 0 or last >= len(covered) else range(first, last + 1)


def _finest_nm(simulator: Simulator) -> float:
    """Half the finest period of images, for a process of scale 1: samples no further apart determine them."""
    pairs = zip(simulator.field_nm, simulator.passband.intensity_half, strict=True)
    return min(side / (2 * max(half, 1)) for side, half in pairs) / simulator.scale


def _step(shape: Sequence[int], most: float) -> int:
    """Pixels to a coarse one: at most so many, and as many as divide the field."""
    steps = range(1, max(1, int(most + 1e-9)) + 1)
    return max(step for step in steps if all(side % step == 0 for side in shape))
