"""Start masks of an optimisation: targets on coarser pixels, grown targets, and bars beside them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import Grid, whole_ratio
from litho_dl.ilt.assists import Bars
from litho_dl.ilt.bars import assist_bars
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize


def coarsened(coverage: Tensor, pixel_nm: float, coarse_nm: float) -> Tensor:
    """Area coverage on a coarser pixel.

    Args:
        coverage: (B, H, W).
        pixel_nm: Its pixel.
        coarse_nm: The coarser pixel, a whole multiple of it.

    Returns:
        (B, h, w).

    Raises:
        MaskError: The coarser pixel is not a whole multiple.
    """
    factor = whole_ratio(coarse_nm, pixel_nm)
    if factor is None:
        raise MaskError(
            f"Expected a level pixel that is a multiple of the target's {pixel_nm:g} nm, got {coarse_nm:g} nm."
        )
    return avg_pool2d(coverage[:, None], factor)[:, 0] if factor > 1 else coverage


def biased(coverage: Tensor, pixel_nm: float, bias_nm: float) -> Tensor:
    """Coverage with every edge moved outwards; corners stay square.

    Exact for Manhattan shapes whose edges lie on pixel borders; fractions of a pixel become grey.

    Args:
        coverage: (B, H, W) in [0, 1].
        pixel_nm: Its pixel.
        bias_nm: Distance; inwards if negative.

    Returns:
        (B, H, W) in [0, 1].
    """
    if bias_nm < 0:
        return 1 - biased(1 - coverage, pixel_nm, -bias_nm)
    share, whole = math.modf(bias_nm / pixel_nm)
    grown = _grown(coverage, int(whole))
    return grown if share == 0 else torch.lerp(grown, _grown(coverage, int(whole) + 1), share)


def _grown(coverage: Tensor, pixels: int) -> Tensor:
    if pixels == 0:
        return coverage
    wrapped = pad(coverage[:, None], (pixels,) * 4, mode="circular")
    return max_pool2d(wrapped, 2 * pixels + 1, stride=1)[:, 0]


def outlines(target: Tensor, pixel_nm: float, polygons: Sequence[Sequence[Polygon] | None]) -> list[Sequence[Polygon]]:
    """The drawn polygons of each target in nm.

    Args:
        target: Area coverage (B, H, W).
        pixel_nm: Its pixel.
        polygons: Where polygons are None, those of the target's pixels are taken.
    """
    covered = (target >= 0.5).cpu().numpy()
    return [
        pixel_polygons(pixels, pixel_nm) if some is None else some
        for pixels, some in zip(covered, polygons, strict=True)
    ]


def with_bars(
    coverage: Tensor, target: Tensor, pixel_nm: float, polygons: Sequence[Sequence[Polygon] | None], bars: Bars
) -> Tensor:
    """Masks with assist features by rules; see `bars.assist_bars`.

    Args:
        coverage: The masks (B, H, W) in [0, 1].
        target: Area coverage (B, H, W) of the drawn shapes.
        pixel_nm: The pixel of both.
        polygons: The drawn polygons of each target in nm; None: those of the target's pixels.
        bars: The rules.

    Returns:
        (B, H, W) in [0, 1].
    """
    grid = Grid((coverage.shape[-2], coverage.shape[-1]), pixel_nm)
    placed = [assist_bars(own, bars, grid.field_nm) for own in outlines(target, pixel_nm, polygons)]
    images = [torch.from_numpy(rasterize(Layout("bars", tuple(own)), grid)) for own in placed]
    return torch.maximum(coverage, torch.stack(images).to(coverage))
