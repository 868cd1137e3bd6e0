"""Several starts a clip: the masks that they begin with, and how many of them go through each level.

Measured with `quality`, scores after the first levels do not tell which start is best in the end, so two go to the end.
"""

import math
from collections.abc import Iterator
from itertools import count, islice

import numpy as np
import torch
from torch import Tensor

from litho_dl.ilt.assists import Bars
from litho_dl.ilt.method import Method
from litho_dl.ilt.start import biased, coarsened, with_bars
from litho_dl.ilt.targets import Targets

KEPT = 2  # starts of each clip that go to the end
GROWN_NM = 8.0
BARS = Bars(width_nm=36.0, distance_nm=80.0, pullback_nm=10.0, shortest_nm=60.0, rows=1, spacing_nm=50.0)
NOISE = 0.25  # standard deviation
NOISE_LENGTH_NM = 40.0  # standard deviation of the Gaussian that smooths noise


def start_masks(targets: Targets, method: Method, init: Tensor | None) -> Tensor:
    """The masks that the starts of each clip begin with, on the first level's pixel.

    They are, in this order, as many as the method says: the given masks; the targets, grown by the method's `bias_nm`
    and with its bars; the same, grown by `GROWN_NM` more; the targets with `BARS`, if the method allows assist features
    and has no bars of its own; and the targets with noise, each with its own pattern, which is the same for all clips.

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
    begins += islice(_drawn_starts(targets, method, level_nm), method.starts - len(begins))
    return torch.stack(begins, 1).flatten(0, 1)


def _drawn_starts(targets: Targets, method: Method, level_nm: float) -> Iterator[Tensor]:
    """The masks that are made of the targets, (B, h, w) on a level's pixel."""
    coverage, pixel_nm, assists = targets.coverage, targets.pixel_nm, method.kept_assists

    def made(grown_nm: float, bars: Bars | None) -> Tensor:
        mask = biased(coverage, pixel_nm, method.bias_nm + grown_nm)
        if bars is not None:
            mask = with_bars(mask, coverage, pixel_nm, targets.polygons, bars)
        return coarsened(mask, pixel_nm, level_nm)

    yield (first := made(0.0, assists.bars))
    yield made(GROWN_NM, assists.bars)
    if assists.allowed and assists.bars is None:
        yield made(0.0, BARS if method.rules is None else BARS.keeping(method.rules.mask_rules()))
    for seed in count():
        yield (first + noise((first.shape[-2], first.shape[-1]), level_nm, seed).to(first)).clamp(0, 1)


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
    """The number of starts of each clip that go through each level: all in the first half, then the best `KEPT`."""
    levels = len(method.levels)
    early = max(1, levels // 2)
    return [method.starts] * early + [min(method.starts, KEPT)] * (levels - early)
