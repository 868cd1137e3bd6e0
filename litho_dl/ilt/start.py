"""Start masks of an optimisation: targets on coarser pixels, and grown targets."""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import whole_ratio


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
