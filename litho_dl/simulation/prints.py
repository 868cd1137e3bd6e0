"""Binary prints of band-limited images, evaluated pixel by pixel only where an edge may be.

An image of highest frequency h over N pixels bends little between samples s pixels apart: by Bernstein's inequality
|d^2 I / dx^2| <= (2 pi h / N)^2 A, where A is the largest distance of I from any constant. Bilinear interpolation is
therefore wrong by at most e = k A, where k is the sum of (pi h s / N)^2 / 2 over both axes. A itself exceeds the
samples' largest distance a from the constant by at most e, so that

    e <= k / (1 - k) a.

Where the samples in and around a block of pixels all lie more than e above the threshold, or all below it, so do its
pixels. All other blocks are evaluated exactly, so that the prints are those of the whole image, wherever they are.

Source: A. Zygmund, Trigonometric Series (1959), ch. X, theorem 3.13: Bernstein's inequality.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.dft import PartialDft, Window, synthesis, synthesise, synthesise_blocks
from litho_dl.core.grid import Grid
from litho_dl.optics.print_rule import PrintRule
from litho_dl.process.model import Corner

LARGEST_STEP = 0.25  # of pi h s / N: e is then at most 7 % of a
SAMPLES = 4  # steps along the side of a block
ROUNDING = 1e3  # units of precision that samples and pixels may be apart by
BLOCKS_AT_ONCE = 1024


def corner_prints(
    spectra: Mapping[str, Tensor], corners: Mapping[str, Corner], grid: Grid, rule: PrintRule
) -> dict[str, np.ndarray]:
    """The print of one mask at every corner.

    Args:
        spectra: Half spectra of the images at dose 1, (2 h_y + 1, h_x + 1) complex, by kernel name.
        corners: The process conditions by name.
        grid: The pixels, at whose centres the images are compared with the threshold.
        rule: Which intensities print.

    Returns:
        Prints by corner, bool (H, W).
    """
    prints: dict[str, np.ndarray] = {}
    for kernels, spectrum in spectra.items():
        doses = {name: corner.dose for name, corner in corners.items() if corner.kernels == kernels}
        found = binary_prints(spectrum, grid, rule, list(doses.values()))
        prints |= {name: image.cpu().numpy() for name, image in zip(doses, found, strict=True)}
    return {name: prints[name] for name in corners}


def whole_image(spectrum: Tensor, grid: Grid) -> Tensor:
    """The image (H, W) of a half spectrum (2 h_y + 1, h_x + 1) at the pixel centres of a grid."""
    return synthesise(spectrum, _transform(spectrum, grid))


def _transform(spectrum: Tensor, grid: Grid, window: Window | None = None) -> PartialDft:
    return synthesis(grid, _half(spectrum), dtype=spectrum.real.dtype, device=spectrum.device, window=window)


def _half(spectrum: Tensor) -> tuple[int, int]:
    """(h_y, h_x), the highest frequencies of a half spectrum."""
    return spectrum.shape[-2] // 2, spectrum.shape[-1] - 1


@torch.no_grad()
def binary_prints(spectrum: Tensor, grid: Grid, rule: PrintRule, doses: Sequence[float]) -> list[Tensor]:
    """The prints of one image at several doses.

    Args:
        spectrum: Half spectrum of the image at dose 1, (2 h_y + 1, h_x + 1) complex.
        grid: The pixels.
        rule: Which intensities print.
        doses: The doses; > 0.

    Returns:
        The print at each dose, bool (H, W).
    """
    height, width = grid.shape
    step = min(
        math.floor(LARGEST_STEP * n / (math.pi * max(h, 1))) for n, h in zip(grid.shape, _half(spectrum), strict=True)
    )
    if step <= 1:
        return [rule.printed(whole_image(spectrum, grid), dose) for dose in doses]
    size = SAMPLES * step
    top, right = (size * math.ceil(n / size) for n in grid.shape)
    low, high = _bounds(spectrum, grid, (range(0, top + 1, step), range(0, right + 1, step)))
    prints, unknown = [], torch.zeros_like(low, dtype=torch.bool)
    for dose in doses:
        at_low, at_high = rule.printed(low, dose), rule.printed(high, dose)
        prints.append(at_low[:, None, :, None].expand(-1, size, -1, size).clone())
        unknown |= at_low != at_high
    transform = _transform(spectrum, grid, (range(top), range(right)))
    for part in unknown.nonzero().split(BLOCKS_AT_ONCE):
        values = synthesise_blocks(spectrum, transform, part, size)
        for image, dose in zip(prints, doses, strict=True):
            image[part[:, 0], :, part[:, 1]] = rule.printed(values, dose)
    return [image.flatten(2).flatten(0, 1)[:height, :width] for image in prints]


def _bounds(spectrum: Tensor, grid: Grid, window: Window) -> tuple[Tensor, Tensor]:
    """Bounds of the image in each block, from samples in equal steps over the whole field."""
    samples = synthesise(spectrum, _transform(spectrum, grid, window))
    bend = sum(
        (math.pi * h * pixels.step / n) ** 2 / 2
        for n, h, pixels in zip(grid.shape, _half(spectrum), window, strict=True)
    )
    lowest, highest = samples.aminmax()
    margin = bend / (1 - bend) * (highest - lowest) / 2
    margin += ROUNDING * torch.finfo(samples.dtype).eps * torch.maximum(lowest.abs(), highest.abs())
    rows = samples.unfold(0, SAMPLES + 1, SAMPLES)
    low, high = (extreme(extreme(rows, -1).unfold(1, SAMPLES + 1, SAMPLES), -1) for extreme in (torch.amin, torch.amax))
    return low - margin, high + margin
