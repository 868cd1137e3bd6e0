"""Where prints are compared with the target: on all pixels around it, and on coarse ones elsewhere.

Away from the target nothing is to print, and images are smooth on the scale of the optics' resolution: a few samples
find what prints there, such as an assist feature, and count it with the area that they stand for.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.dft import PartialDft
from litho_dl.simulation.simulator import Simulator

MARGIN_NM = 64.0  # around targets: holds their EPE probes, and where assist features are allowed to print nothing
COARSE_NM = 16.0  # largest coarse pixel: images of 193 nm light have no period below 36 nm
WHOLE = 0.7  # share of the field from which one view of all of it takes less time


@dataclass(frozen=True, eq=False)
class Comparison:
    """What prints of some clips are compared with, on one pixel.

    Attributes:
        target: Area coverage (B, H, W) in [0, 1].
        probes: Number of EPE probes in each pixel, (B, H, W).
        background: 1 where nothing may print, (B, H, W).
        counted: 1 where prints count, (H, W); None: everywhere.
        pixel_nm: The pixel, for a process of scale 1.
    """

    target: Tensor
    probes: Tensor
    background: Tensor
    counted: Tensor | None
    pixel_nm: float

    def of(self, clips: slice) -> "Comparison":
        """Of some of the clips."""
        return Comparison(self.target[clips], self.probes[clips], self.background[clips], self.counted, self.pixel_nm)


@dataclass(frozen=True, eq=False)
class View:
    """Some pixels of the field, and what prints are compared with there.

    Attributes:
        transform: From image spectra to these pixels.
        comparison: The targets there.
    """

    transform: PartialDft
    comparison: Comparison


def views(simulator: Simulator, whole: Comparison) -> list[View]:
    """The views of clips: the targets' surroundings on their own pixels, and the rest of the field on coarse ones.

    Args:
        simulator: The process.
        whole: The clips' targets on the field.

    Returns:
        One view of everything where the targets' surroundings are most of the field; else the fine one, which holds all
        EPE probes, and the coarse one.
    """
    height, width = whole.target.shape[-2:]
    unit_nm = whole.pixel_nm * simulator.scale
    rows, columns = (_span(whole.target, dim, whole.pixel_nm) for dim in (-2, -1))
    if len(rows) * len(columns) > WHOLE * height * width:
        return [View(simulator.synthesis(unit_nm), whole)]
    step = _step(height, width, whole.pixel_nm)
    return [
        View(simulator.synthesis(unit_nm, (rows, columns)), _near(whole, rows, columns)),
        View(simulator.synthesis(unit_nm * step), _beyond(whole, rows, columns, step)),
    ]


def _near(whole: Comparison, rows: range, columns: range) -> Comparison:
    """What prints are compared with in a window."""

    def cut(image: Tensor) -> Tensor:
        return image[..., rows.start : rows.stop, columns.start : columns.stop]

    counted = None if whole.counted is None else cut(whole.counted)
    return Comparison(cut(whole.target), cut(whole.probes), cut(whole.background), counted, whole.pixel_nm)


def _beyond(whole: Comparison, rows: range, columns: range, step: int) -> Comparison:
    """What prints are compared with outside a window, where nothing is drawn, on pixels `step` times as large."""
    counted = torch.ones_like(whole.target[0]) if whole.counted is None else whole.counted.clone()
    counted[rows.start : rows.stop, columns.start : columns.stop] = 0
    counted = avg_pool2d(counted[None], step)[0]
    nothing = counted.new_zeros(len(whole.target), *counted.shape)
    return Comparison(nothing, nothing, torch.ones_like(nothing), counted, whole.pixel_nm * step)


def _span(target: Tensor, dim: int, pixel_nm: float) -> range:
    """The rows (dim -2) or columns (-1) of the targets' surroundings; all if these cross the field's border."""
    count, margin = target.shape[dim], math.ceil(MARGIN_NM / pixel_nm)
    covered = (target > 0).any(0).any(-1 if dim == -2 else 0).nonzero().flatten()
    if not len(covered):
        return range(count)
    first, last = int(covered[0]) - margin, int(covered[-1]) + margin
    return range(count) if first < 0 or last >= count else range(first, last + 1)


def _step(height: int, width: int, pixel_nm: float) -> int:
    """Pixels to a coarse one: as many as go into `COARSE_NM` and divide the field."""
    most = max(1, int(COARSE_NM / pixel_nm + 1e-9))
    return max(step for step in range(1, most + 1) if height % step == 0 and width % step == 0)
