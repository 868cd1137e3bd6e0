"""How finely a bake is computed in the loop: samples and steps, chosen for edges that hold still.

An image of highest frequency f has a latent image of higher ones, which the bake's diffusion damps, so how fine a grid
must be depends on the resist. It is measured: on random images of that band along a line, edges of coarse grids and few
steps are compared with those of a fine grid and many steps, and the cheapest that agree are taken.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from litho_dl.core.errors import RecipeError
from litho_dl.process.bake import Lattice, bake
from litho_dl.process.chemistry import ChemicalResist

EDGE_NM = 0.05  # by which 99 % of edges may move, at a scale of 1
SHARE = 0.99
LEAST_NILS = 1.0  # of edges that count, of a feature as wide as the finest period times `FEATURE`
FEATURE = 1.6  # 0.43 wavelength / NA, as in `process.accuracy`
PERIODS, IMAGES, SEED = 32, 32, 0
SIGMA, POINTS, MASK_SAMPLES = 0.9, 32, 16  # of the source; samples of masks per period
SAMPLES = (1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875, 2.0, 2.25, 2.5, 3.0, 4.0)
BANDS = (1.0, 1.125, 1.25, 1.375, 1.5, 1.75, 2.0, 3.0, 4.0)
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)
FINEST, MOST_STEPS = 6.0, 96  # of the bake that stands for the exact one
PROBES = 32  # per period, between which edges are interpolated


@dataclass(frozen=True)
class BakeGrid:
    """What a bake in the loop takes.

    Attributes:
        samples: Samples along an axis, over the fewest that hold the intensity.
        band: Highest frequency of latent images, over that of the intensity.
        steps: Steps of the bake.
        edge_nm: How far 99 % of edges of the random images lay from those of the fine bake, in nm.
    """

    samples: float
    band: float
    steps: int
    edge_nm: float


@lru_cache(maxsize=64)
def bake_grid(
    resist: ChemicalResist, period_nm: float, edge_nm: float = EDGE_NM, band: float | None = None
) -> BakeGrid:
    """The cheapest grid and number of steps that leave edges where they are.

    Args:
        resist: The resist.
        period_nm: Period of the highest frequency of the intensity.
        edge_nm: How far 99 % of edges may move.
        band: Of latent images; None: the lowest that is enough.

    Raises:
        RecipeError: No grid of `SAMPLES` and `STEPS` is enough: the bake is too abrupt; or it leaves no edges.
    """
    with torch.inference_mode(False), torch.no_grad():
        spectra = _example_images(resist)
        exact = _latent(_baked(resist, spectra, period_nm, FINEST, MOST_STEPS), FINEST)
        found = []
        for _, samples, steps in sorted((samples**2 * steps, samples, steps) for samples in SAMPLES for steps in STEPS):
            baked = _baked(resist, spectra, period_nm, samples, steps)
            for highest in (one for one in (BANDS if band is None else (band,)) if one <= samples):
                moved = _moved_nm(resist, _latent(baked, highest), exact, period_nm)
                if moved <= edge_nm:
                    return BakeGrid(samples, highest, steps, moved)
                found.append(moved)
    best = min(found)
    raise RecipeError(
        f"Expected a bake whose edges {STEPS[-1]} steps place within {edge_nm:g} nm, got {best:.2g} nm at best; a "
        f"longer diffusion or a lower neutralisation_per_s in [resist] makes it smoother."
    )


def _example_images(resist: ChemicalResist) -> Tensor:
    """Half spectra (n, PERIODS + 1) of the images of random openings, whose drawn edges the resist prints on average.

    Partially coherent imaging along a line, with a source up to sigma = `SIGMA`: the highest frequency of the intensity
    is 2 (1 + sigma) NA / lambda.
    """
    generator, count = torch.Generator().manual_seed(SEED), MASK_SAMPLES * PERIODS
    shortest = count // PERIODS
    widths = torch.randint(shortest, 3 * shortest, (IMAGES, 2 * PERIODS), generator=generator)
    ends = widths.cumsum(-1)
    inside = torch.searchsorted(ends, torch.arange(count).repeat(IMAGES, 1), right=True) % 2
    frequencies = torch.fft.fftfreq(count, 1 / count)
    radius = PERIODS / 2 / (1 + SIGMA)
    spectrum = torch.fft.fft(inside.to(torch.complex128))
    shifts = radius * torch.linspace(-SIGMA, SIGMA, POINTS, dtype=torch.float64)
    passed = (frequencies + shifts[:, None]).abs() <= radius
    intensity = torch.fft.ifft(spectrum[:, None] * passed).abs().square().mean(1)
    drawn = inside != inside.roll(1, -1)
    intensity *= resist.threshold / intensity[drawn].mean()
    return torch.fft.rfft(intensity, norm="forward")[:, : PERIODS + 1]


def _baked(resist: ChemicalResist, spectra: Tensor, period_nm: float, samples: float, steps: int) -> Tensor:
    """Spectra of the latent images (n, f), of all frequencies that the samples hold."""
    intensity = torch.fft.irfft(spectra, n=2 * math.ceil(samples * (2 * PERIODS + 1) / 2), norm="forward")
    lattice = Lattice((PERIODS * period_nm,), intensity)
    baked = bake(resist.acid(intensity), resist.kinetics, lattice, steps, whole=False)
    return torch.fft.rfft(resist.latent(baked.amplification), norm="forward")


def _latent(spectra: Tensor, band: float) -> Tensor:
    """Latent images of a band at `PROBES` positions a period."""
    return torch.fft.irfft(spectra[:, : math.ceil(band * PERIODS) + 1], n=PROBES * PERIODS, norm="forward")


def _moved_nm(resist: ChemicalResist, found: Tensor, exact: Tensor, period_nm: float) -> float:
    """The share `SHARE` of edges moves by at most this."""
    pixel_nm = period_nm / PROBES
    slope = ((exact.roll(-1, -1) - exact.roll(1, -1)) / (2 * pixel_nm)).abs()
    edges = (exact - resist.threshold).abs() < slope * pixel_nm / 2
    edges &= slope * FEATURE * period_nm >= LEAST_NILS * resist.threshold
    if not edges.any():
        raise RecipeError(
            f"Expected a bake that leaves edges in images of periods from {period_nm:.3g} nm, got none with "
            f"acid_diffusion_nm = {resist.acid_diffusion_nm:g} in [resist]; shorten it."
        )
    return float(((found - exact).abs() / slope)[edges].quantile(SHARE))
