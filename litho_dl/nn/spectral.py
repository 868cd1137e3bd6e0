"""Spectral (Fourier) convolution."""

import torch
from torch import Tensor, nn

from litho_dl.core.errors import GridMismatchError


class SpectralConv(nn.Module):
    """Multiplies the lowest frequencies by weights and drops the others: (B, C_in, H, W) -> (B, C_out, H, W).

        y_o = F^-1{ sum_i weight_oi F{x_i} },    |f_y| <= modes, |f_x| <= modes,

    which is the circular convolution with the kernels F^-1{weight}, as wide as the field. The same weights work on
    every grid. Only the kept frequencies are computed, by products with real matrices: unlike an FFT, these need no
    complex tensors, which model exporters and half precision do not support.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        modes: The highest frequency kept, in cycles per field; H and W must exceed 2 modes.

    Raises:
        GridMismatchError: In `forward`, for images of no more than 2 modes pixels a side.

    Attributes:
        weight: (2 (2 modes + 1) (modes + 1), C_in, C_out), real and imaginary parts of f_y = -modes ... modes and
            f_x = 0 ... modes, in this order; negative f_x follow by symmetry. Three axes, because torch cannot convert
            a network with five-axis weights to `channels_last`.

    Source: Li et al., Fourier Neural Operator for Parametric Partial Differential Equations (2020), section 4.
    """

    def __init__(self, in_channels: int, out_channels: int, modes: int) -> None:
        super().__init__()
        self.modes = modes
        # White noise of unit variance then gives an output of unit variance on a grid of 2 modes + 1 samples a side.
        spread = (2 * in_channels) ** -0.5
        frequencies = (2 * modes + 1) * (modes + 1)
        self.weight = nn.Parameter(spread * torch.randn(2 * frequencies, in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        if min(height, width) <= 2 * self.modes:
            raise GridMismatchError(
                f"Expected images of more than {2 * self.modes} pixels a side, for {self.modes} modes, got "
                f"{height} x {width}; use larger images or fewer modes."
            )
        cos_y, sin_y = _waves(height, -self.modes, self.modes, x)
        cos_x, sin_x = _waves(width, 0, self.modes, x)
        # Analysis, along x and then along y: exp(-i a) = cos a - i sin a.
        cos_re, cos_im, sin_re, sin_im = _quarters(torch.cat([cos_y, sin_y]) @ (x @ torch.cat([cos_x, -sin_x]).T))
        spectrum = torch.cat([cos_re + sin_im, cos_im - sin_re]).permute(2, 3, 0, 1)
        by_re, by_im = spectrum @ self.weight.unflatten(0, (2, 2 * self.modes + 1, self.modes + 1))
        re = by_re[..., :batch, :] - by_im[..., batch:, :]
        im = by_re[..., batch:, :] + by_im[..., :batch, :]
        re, im = re.permute(2, 3, 0, 1), im.permute(2, 3, 0, 1)
        # Synthesis, along y and then along x, of the real part; every f_x > 0 stands for its mirror image as well.
        rows = torch.cat([cos_y, sin_y]).T @ torch.cat([torch.cat([re, im], -1), torch.cat([-im, re], -1)], -2)
        twice = torch.full_like(cos_x[:, :1], 2.0)
        twice[0] = 1
        return rows @ torch.cat([twice * cos_x, -twice * sin_x])


def _waves(n: int, lowest: int, highest: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin(2 pi f j / n) / sqrt(n) for f = lowest ... highest, (frequencies, n); computed in float64."""
    frequencies = torch.arange(lowest, highest + 1, dtype=torch.float64, device=like.device)
    angles = 2 * torch.pi / n * frequencies[:, None] * torch.arange(n, dtype=torch.float64, device=like.device)
    return (angles.cos() / n**0.5).to(like.dtype), (angles.sin() / n**0.5).to(like.dtype)


def _quarters(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The upper left, upper right, lower left and lower right quarter of (..., 2 h, 2 w)."""
    (upper_left, upper_right), (lower_left, lower_right) = (half.chunk(2, -1) for half in x.chunk(2, -2))
    return upper_left, upper_right, lower_left, lower_right
