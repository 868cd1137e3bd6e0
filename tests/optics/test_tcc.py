"""Hopkins' sum over pairs of mask frequencies against Abbe's over source points."""

import pytest
import torch
from scenes.vector_optics import STACK, WET

from litho_dl.core.errors import KernelError
from litho_dl.optics import tcc as module
from litho_dl.optics.abbe import columns_intensity_spectrum
from litho_dl.optics.columns import Columns
from litho_dl.optics.modes import coherent_modes, tcc_modes
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import focus_columns, leading_kernels
from litho_dl.optics.source import Annular, Multipole, Pole, sample_source
from litho_dl.optics.tcc import hopkins_tcc, tcc_intensity_spectrum

FIELD = (286.0, 352.0)
SOURCES = {
    "ring": Annular(sigma_inner=0.5, sigma_outer=0.85, polarization="te"),
    "a pole on neither axis": Multipole(poles=[Pole(x=0.3, y=-0.5, radius=0.3)]),
}


def columns(source: str, *, film: bool = False, scalar: bool = False) -> Columns:
    pupil = Pupil(wavelength_nm=193.0, na=0.9, zernike_waves={7: 0.05}) if scalar else WET
    shape = SOURCES[source].model_copy(update={"polarization": "unpolarized"} if scalar else {})
    return focus_columns(sample_source(shape, 9), pupil, FIELD, film=STACK if film else None, defocus_nm=20.0)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", [{}, {"film": True}, {"scalar": True}], ids=["vector", "film", "scalar"])
def test_images_are_abbes(source, kind):
    found = columns(source, **kind)
    spectrum = torch.randn(2, 2 * found.half[0] + 1, 2 * found.half[1] + 1, dtype=torch.complex128)
    spectrum = spectrum + spectrum.flip(-2, -1).conj()  # of real masks
    tcc = hopkins_tcc(found)
    image = tcc_intensity_spectrum(spectrum, tcc)
    exact = columns_intensity_spectrum(spectrum, found)
    torch.testing.assert_close(image, exact, rtol=0, atol=1e-12 * float(exact.abs().max()))


@pytest.mark.parametrize("source", SOURCES)
def test_its_diagonal_is_that_of_all_kernels(source):
    found = columns(source, scalar=True)
    torch.testing.assert_close(hopkins_tcc(found).diagonal, leading_kernels(found).diagonal, rtol=0, atol=1e-12)


def test_modes_of_the_matrix_are_those_of_the_columns():
    found = columns("ring")
    own, direct = tcc_modes(hopkins_tcc(found), 20), coherent_modes(found, 20)
    torch.testing.assert_close(own.energies[:20], direct.energies[:20])
    torch.testing.assert_close(own.total, direct.total)


def test_a_matrix_that_does_not_fit_in_memory(monkeypatch):
    monkeypatch.setattr(module, "MOST_VALUES", 1000)
    with pytest.raises(KernelError, match="more than fits in memory; choose a smaller field"):
        hopkins_tcc(columns("ring"))
