"""Several starts a clip: the masks that they begin with, and how many of them each level keeps."""

import math

import numpy as np
import torch
from torch import Tensor

from litho_dl.ilt.method import Method
from litho_dl.ilt.start import biased, coarsened, with_bars
from litho_dl.ilt.targets import Targets

NOISE_LENGTH_NM = 60.0  # standard deviation of the Gaussian that smooths noise
NOISE = 0.25  # its standard deviation


def start_masks(targets: Targets, method: Method, init: Tensor | None) -> Tensor:
    """The masks that the starts of each clip begin with, on the first level's pixel.

    The first one is the given mask, or the target, grown by the method's `bias_nm` and with its bars; the second, if
    masks are given, the target. The others are the target with noise of low frequency, the same for all clips.

    Args:
        targets: The targets.
        method: The method.
        init: Masks to start from, (B, H, W) in [0, 1] on the targets' pixel; None: the targets.

    Returns:
        (B * starts, h, w) in [0, 1], all starts of a clip beside each other.

    Raises:
        MaskError: The level's pixel is no multiple of the targets'.
    """
    level_nm = method.levels[0].pixel_nm
    begins = [] if init is None else [coarsened(init, targets.pixel_nm, level_nm)]
    if len(begins) < method.starts:
        drawn, bars = biased(targets.coverage, targets.pixel_nm, method.bias_nm), method.kept_assists.bars
        if bars is not None:
            drawn = with_bars(drawn, targets.coverage, targets.pixel_nm, targets.polygons, bars)
        drawn = coarsened(drawn, targets.pixel_nm, level_nm)
        shape = drawn.shape[-2], drawn.shape[-1]
        patterns = [noise(shape, level_nm, seed).to(drawn) for seed in range(method.starts - len(begins) - 1)]
        begins += [drawn, *((drawn + pattern).clamp(0, 1) for pattern in patterns)]
    return torch.stack(begins, 1).flatten(0, 1)


def noise(shape: tuple[int, int], pixel_nm: float, seed: int) -> Tensor:
    """Normal noise on a periodic field, smoothed by a Gaussian; the same for the same arguments.

    Args:
        shape: (h, w) of the field in pixels.
        pixel_nm: The pixel.
        seed: Number of the pattern.

    Returns:
        float64 (h, w), of standard deviation `NOISE`.
    """
    values = np.random.default_rng(seed).standard_normal(shape)
    squares = np.fft.fftfreq(shape[0], pixel_nm)[:, None] ** 2 + np.fft.rfftfreq(shape[1], pixel_nm) ** 2
    passed = np.exp(-2 * (math.pi * NOISE_LENGTH_NM) ** 2 * squares)
    smooth = np.fft.irfft2(np.fft.rfft2(values) * passed, shape)
    return torch.from_numpy(NOISE * smooth / smooth.std())


def kept_starts(method: Method) -> list[int]:
    """The number of starts of a clip that each level begins with."""
    first = next((n for n, level in enumerate(method.levels) if level.repaired), len(method.levels))
    return [method.starts if n < first else 1 for n in range(len(method.levels))]
