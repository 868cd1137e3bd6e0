"""Edge densities of a mask: how much edge there is where, and which way it faces.

For coverage m with the gradient |grad m| n, the channels |grad m| n_x^2, |grad m| n_y^2 and |grad m| n_x n_y are line
densities along the edges, 1 per length of a sharp edge whichever way it runs: their first two sum to |grad m|. What a
thin mask lacks at its edges, a bias or a boundary layer, is a multiple of them.

They are taken by Scharr's operator, on pixels of at most `FINEST_PART` of the finest mask period. Pixels of a finer
raster are averaged first, so many as divide its sides, and the stairs of a slanted edge do not count as edges of their
own; those of a coarser one are repeated, so that its images are those of the mask that it stands for. Across a straight
edge the operator's response is even, of integral 1, and centred on the edge, also on pixels that the edge cuts; along x
and y, what it blurs is taken back in the spectrum.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import avg_pool2d, pad

from litho_dl.core.dft import PartialDft, analyse, analysis
from litho_dl.core.grid import Grid

CHANNELS = 3
FINEST_PART = 1 / 16  # of the finest mask period
CENTRE, SIDE = 10 / 16, 3 / 16  # Scharr's weights along the edge; the derivative is the same at every angle
FLAT = 1e-6  # of the steepest edge; flatter slopes have no direction


def edge_densities(mask: Tensor, pixel_nm: float) -> Tensor:
    """The densities of edges, differentiable in the mask.

    Args:
        mask: Coverage (..., H, W) of a periodic field.
        pixel_nm: Its pixel.

    Returns:
        (..., 3, H, W) in 1 / nm: |grad m| n_x^2, |grad m| n_y^2, |grad m| n_x n_y.

    Source: H. Scharr, Optimal Operators in Digital Image Processing, thesis, Heidelberg (2000).
    """
    found = _Densities.apply(mask.reshape(-1, *mask.shape[-2:]), pixel_nm)
    return found.view(*mask.shape[:-2], CHANNELS, *mask.shape[-2:])


class _Densities(torch.autograd.Function):
    """`edge_densities` of (B, H, W); its gradient by hand, as every step of ILT takes it on many pixels.

    With the slope g = (x, y) and r = 1 / |g|, the densities are x^2 r, y^2 r and x y r. The operator is odd, so its
    transpose is its negative.
    """

    @staticmethod
    def forward(ctx: Any, mask: Tensor, pixel_nm: float) -> Tensor:
        x, y = _slope(mask, pixel_nm)
        inverse = torch.full_like(x, (FLAT / pixel_nm) ** 2).addcmul_(x, x).addcmul_(y, y).rsqrt_()
        ctx.save_for_backward(x, y, inverse)
        ctx.pixel_nm = pixel_nm
        along = x * inverse
        return torch.stack((x * along, y * y * inverse, y * along), 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        x, y, inverse = ctx.saved_tensors
        of_xx, of_yy, of_xy = gradient.unbind(1)
        half_x, half_y = x * of_xx, y * of_yy
        shared = half_x.addcmul(y, of_xy).mul_(x).addcmul_(y, half_y).mul_(inverse).mul_(inverse)
        of_x = half_x.mul_(2).addcmul_(y, of_xy).addcmul_(x, shared, value=-1).mul_(inverse)
        of_y = half_y.mul_(2).addcmul_(x, of_xy).addcmul_(y, shared, value=-1).mul_(inverse)
        return -(_slope(of_x, ctx.pixel_nm)[0] + _slope(of_y, ctx.pixel_nm)[1]), None


def _slope(image: Tensor, pixel_nm: float) -> tuple[Tensor, Tensor]:
    """Scharr's derivatives along x and y of periodic images (B, H, W)."""
    around = pad(image.unsqueeze(1), (1, 1, 1, 1), mode="circular").squeeze(1)
    centre, side = CENTRE / (2 * pixel_nm), SIDE / (2 * pixel_nm)
    along_y = torch.add(around[:, :-2], around[:, 2:]).mul_(side).add_(around[:, 1:-1], alpha=centre)
    along_x = torch.add(around[..., :-2], around[..., 2:]).mul_(side).add_(around[..., 1:-1], alpha=centre)
    return along_y[..., 2:] - along_y[..., :-2], along_x[:, 2:] - along_x[:, :-2]


class EdgeTransform(NamedTuple):
    """From coverage on a grid to the spectra of its edges.

    Attributes:
        averaged: Pixels of the grid that are averaged along each axis.
        repeated: Pixels that one of the grid is repeated to along each axis.
        pixel_nm: The pixel that they make.
        transform: Of images on these pixels.
        sharpening: What takes back the pixel's and the operator's blur, (3, 2 h_y + 1, h_x + 1).
    """

    averaged: int
    repeated: int
    pixel_nm: float
    transform: PartialDft
    sharpening: Tensor


def edge_transform(
    grid: Grid,
    half: tuple[int, int],
    *,
    reference_nm: float,
    dtype: torch.dtype,
    device: torch.device,
    blur_nm: float,
    finest_period_nm: float,
) -> EdgeTransform:
    """The transform of coverage on a grid.

    Args:
        grid: The pixels.
        half: (h_y, h_x), the highest frequencies kept.
        reference_nm: As for `core.dft.analysis`.
        dtype: float32 or float64.
        device: Where it is stored.
        blur_nm: As for `core.dft.analysis`.
        finest_period_nm: The finest period that kernels pass.
    """
    most = FINEST_PART * finest_period_nm / grid.pixel_nm
    averaged = max(step for step in range(1, max(1, int(most)) + 1) if all(side % step == 0 for side in grid.shape))
    repeated = 2 ** max(0, math.ceil(-math.log2(most) - 1e-9))  # so that halved pixels have the same edges
    rows, columns = (side // averaged * repeated for side in grid.shape)
    own = Grid((rows, columns), grid.pixel_nm * averaged / repeated)
    transform = analysis(own, half, reference_nm=reference_nm, dtype=dtype, device=device, blur_nm=blur_nm)
    f_y = torch.arange(-half[0], half[0] + 1, dtype=torch.float64)[:, None] / rows
    f_x = torch.arange(half[1] + 1, dtype=torch.float64) / columns
    pixel = torch.sinc(f_y) * torch.sinc(f_x)
    both = torch.cos(torch.pi * f_x).expand_as(pixel), torch.cos(torch.pi * f_y).expand_as(pixel)
    blurs = torch.stack((*both, (both[0] * both[1]).sqrt()))
    return EdgeTransform(averaged, repeated, own.pixel_nm, transform, (1 / (pixel * blurs)).to(device, dtype))


def edge_spectra(mask: Tensor, transform: EdgeTransform) -> Tensor:
    """The spectra of the edges of masks, half spectra (..., 3, 2 h_y + 1, h_x + 1) in 1 / nm.

    Args:
        mask: Coverage (..., H, W) on the transform's grid.
        transform: By `edge_transform`.
    """
    if transform.averaged > 1:
        mask = avg_pool2d(mask.reshape(-1, 1, *mask.shape[-2:]), transform.averaged).view(
            *mask.shape[:-2], *(side // transform.averaged for side in mask.shape[-2:])
        )
    if transform.repeated > 1:
        mask = mask.repeat_interleave(transform.repeated, -2).repeat_interleave(transform.repeated, -1)
    return analyse(edge_densities(mask, transform.pixel_nm), transform.transform) * transform.sharpening


class BiasFactors(NamedTuple):
    """What the bias of edges makes of a mask's spectra.

    Attributes:
        areas: Factor of the coverage's, (2 h_y + 1, h_x + 1).
        edges: Factors in nm of the densities of edges that face along x, and along y, (2, 2 h_y + 1, h_x + 1).
        moved: What the three densities gain of the coverage's when their edges move, (3, 2 h_y + 1, h_x + 1) in 1 / nm;
            they are multiplied by `areas` too.
    """

    areas: Tensor
    edges: Tensor
    moved: Tensor


def bias_factors(biases_nm: Tensor, half: tuple[int, int], field_nm: tuple[float, float]) -> BiasFactors:
    """The spectrum of shapes whose edges lie b further out, from those of the shapes and of their edges.

    A shape with straight edges has its spectrum at f from edges that face along f. Moving them by b makes of the
    coverage M and the edges' density D: cos(2 pi |f| b) M + b sinc(2 |f| b) D, and of the density itself
    cos(2 pi |f| b) D - 2 pi |f| sin(2 pi |f| b) M. Both are exact for lines of any width and angle; a convex corner
    lacks the area b^2.

    Args:
        biases_nm: (2,) b of edges that face along x, and along y; those between have b_x n_x^2 + b_y n_y^2.
        half: (h_y, h_x), the highest frequencies of half spectra.
        field_nm: (height, width) of the field.

    Returns:
        The factors, differentiable in the biases.
    """
    f_y = torch.arange(-half[0], half[0] + 1, dtype=torch.float64)[:, None] / field_nm[0]
    f_x = torch.arange(half[1] + 1, dtype=torch.float64) / field_nm[1]
    along_x = f_x.square() / (f_x.square() + f_y.square()).clamp(min=torch.finfo(torch.float64).tiny)
    bias = biases_nm[0] * along_x + biases_nm[1] * (1 - along_x)
    radius = torch.hypot(f_x, f_y)
    turns = bias * radius
    across = f_x * f_y / radius.square().clamp(min=torch.finfo(torch.float64).tiny)
    moved = -2 * torch.pi * radius * torch.sin(2 * torch.pi * turns)
    return BiasFactors(
        torch.cos(2 * torch.pi * turns),
        biases_nm[:, None, None] * torch.sinc(2 * turns),
        moved * torch.stack((along_x, 1 - along_x, across)),
    )
