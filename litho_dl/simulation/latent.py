"""Latent images: what the intensity leaves in a chemically amplified resist after its bake, at each corner."""

import copy
import math

import torch
from torch import Tensor

from litho_dl.optics.imaging import fft_length, low_frequencies
from litho_dl.process.bake import Lattice, bake
from litho_dl.process.bake_grid import EDGE_NM, BakeGrid, bake_grid
from litho_dl.process.chemistry import ChemicalResist
from litho_dl.process.model import Corner, ProcessModel

COARSER = 5.0  # 0.25 nm, which recipes ask of their kernels


class LatentImages:
    """Images at each focus -> latent images at each corner, as half spectra; differentiable.

    The dose acts on the exposure, so each corner has a latent image of its own, and none is scaled afterwards: corners
    of exposures have dose 1. Latent images are equivalent intensities; see `ChemicalResist.latent`.

    Attributes:
        half: (h_y, h_x), the highest frequencies of latent images.
        grid: Samples and steps of the bake.
        corners: The process conditions, each with dose 1 and the name of its own latent image.
    """

    def __init__(self, process: ProcessModel, intensity_half: tuple[int, int], grid: BakeGrid | None = None) -> None:
        """Chooses the samples and steps of the bake.

        Args:
            process: A process with a chemical resist.
            intensity_half: The highest frequencies of intensities.
            grid: Samples and steps of another resist's bake, in place of its own; None: its own.

        Raises:
            RecipeError: The bake is too abrupt for the finest samples.
        """
        assert isinstance(process.resist, ChemicalResist)
        self.resist, self._field_nm = process.resist, process.field_nm
        self._conditions = {f"{c.kernels} at {c.dose:.12g}": c for c in process.corners.values()}
        self.corners = {name: Corner(1.0, f"{c.kernels} at {c.dose:.12g}") for name, c in process.corners.items()}
        self._period_nm = min(side / max(half, 1) for side, half in zip(self._field_nm, intensity_half, strict=True))
        self._edge_nm, self._intensity_half = EDGE_NM * process.scale, intensity_half
        self._use(grid or bake_grid(self.resist, self._period_nm, self._edge_nm))

    def _use(self, grid: BakeGrid) -> None:
        half_y, half_x = self._intensity_half
        self.grid = grid
        self.half = math.ceil(grid.band * half_y), math.ceil(grid.band * half_x)
        self._shape = tuple(fft_length(math.ceil(grid.samples * (2 * half + 1))) for half in (half_y, half_x))
        self._lattices: dict[tuple[torch.dtype, torch.device], Lattice] = {}

    def coarser(self) -> "LatentImages":
        """The same images of the same band, at the accuracy that few kernels have: edges may move 5 times as far."""
        few = copy.copy(self)
        few._use(bake_grid(self.resist, self._period_nm, COARSER * self._edge_nm, self.grid.band))
        return few

    def __call__(self, spectra: dict[str, Tensor]) -> dict[str, Tensor]:
        """The latent images of all corners.

        Args:
            spectra: Half spectra of intensities at dose 1, (..., 2 h_y + 1, h_x + 1), by kernel name.

        Returns:
            Half spectra of latent images by the names in `corners`.
        """
        foci = {name: samples_of(spectra[name], self._shape) for name in {c.kernels for c in self._conditions.values()}}
        doses = torch.stack([corner.dose * foci[corner.kernels] for corner in self._conditions.values()])
        acid = self.resist.acid(doses)
        baked = bake(acid, self.resist.kinetics, self._lattice(acid), self.grid.steps, whole=False)
        latent = low_frequencies(self.resist.latent(baked.amplification), self.half)
        return dict(zip(self._conditions, latent.unbind(0), strict=True))

    def _lattice(self, like: Tensor) -> Lattice:
        key = like.dtype, like.device
        if key not in self._lattices:
            self._lattices[key] = Lattice(self._field_nm, like)
        return self._lattices[key]


def samples_of(spectrum: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A real periodic function from its lowest frequencies; the inverse of `optics.imaging.low_frequencies`.

    Args:
        spectrum: Half spectrum (..., 2 h_y + 1, h_x + 1).
        shape: (n_y, n_x), at least (2 h_y + 1, 2 h_x + 1).

    Returns:
        Samples over one period, (..., n_y, n_x).
    """
    half = spectrum.shape[-2] // 2
    between = spectrum.new_zeros(*spectrum.shape[:-2], shape[0] - 2 * half - 1, spectrum.shape[-1])
    rows = torch.cat((spectrum[..., half:, :], between, spectrum[..., :half, :]), -2)
    return torch.fft.irfft2(rows, s=list(shape), norm="forward")
