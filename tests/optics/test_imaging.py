"""The band-limited engine by itself: pairs of kernels, the lengths of its transforms, and its gradients."""

import math

import pytest
import torch

from litho_dl.optics import imaging
from litho_dl.optics.imaging import fft_length, intensity_spectrum, paired
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import build_socs
from litho_dl.optics.source import Annular, Multipole, Pole, sample_source

FIELD_NM = (400.0, 576.0)
RING = Annular(sigma_inner=0.5, sigma_outer=0.85)
LOPSIDED = Multipole(poles=[Pole(x=0.5, y=0.2, radius=0.25), Pole(x=-0.1, y=-0.6, radius=0.2, weight=2)])


@pytest.mark.parametrize(
    ("source", "zernike", "defocus_nm", "share"),
    [(RING, {}, 0.0, 0.5), (RING, {}, 60.0, 1.0), (RING, {8: 0.05}, 0.0, 0.5), (RING, {11: 0.05}, 0.0, 1.0),
     (LOPSIDED, {}, 0.0, 1.0)],
    ids=["symmetric", "defocused", "coma", "spherical", "lopsided"],
)  # fmt: skip
@pytest.mark.parametrize("count", [10, 11])
def test_pairs_of_kernels_with_real_fields_image_real_masks_alike(source, zernike, defocus_nm, share, count):
    lens = Pupil(wavelength_nm=193.0, na=0.85, zernike_waves=zernike)
    kernels = build_socs(sample_source(source, 15), lens, FIELD_NM, defocus_nm=defocus_nm, count=count)
    pairs = paired(kernels.weighted_spectra)
    assert len(pairs) == math.ceil(share * count)
    mask = torch.randn(kernels.spectra.shape[1:], dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    mask = mask + mask.flip(-2, -1).conj()  # the spectrum of a real one
    both = [intensity_spectrum(mask, some) for some in (pairs, kernels.weighted_spectra)]
    torch.testing.assert_close(*both, rtol=0, atol=1e-13 * float(both[1].abs().max()))


def test_no_kernel_is_transformed_at_the_length_that_torch_gets_wrong():
    assert [fft_length(n) for n in (69, 72, 105, 297, 1999, 2045, 2048)] == [72, 72, 108, 300, 2000, 2100, 2100]


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_the_sum_of_coherent_systems_has_the_gradients_of_finite_differences(batch):
    random = torch.Generator().manual_seed(1)
    kernels = torch.randn(3, 5, 7, dtype=torch.complex128, generator=random).requires_grad_()
    spectrum = torch.randn(*batch, 5, 7, dtype=torch.complex128, generator=random).requires_grad_()
    assert torch.autograd.gradcheck(intensity_spectrum, (spectrum, kernels))


@pytest.mark.parametrize("together", [1, 2, 5])
@pytest.mark.parametrize("half", [(62, 62), (64, 64)])
def test_fields_on_either_side_of_large_ones(half, together, monkeypatch):
    """252 x 252 samples and 280 x 280: image and gradient as with all of them at once, on the full grid."""
    random, rows, columns = torch.Generator().manual_seed(3), 2 * half[0] + 1, 2 * half[1] + 1
    kernels = torch.randn(5, rows, columns, dtype=torch.complex128, generator=random)
    spectrum = torch.randn(2, rows, columns, dtype=torch.complex128, generator=random).requires_grad_()
    size = fft_length(2 * rows - 1), fft_length(2 * columns - 1)
    assert (math.prod(size) >= imaging.LARGE_FIELD) == (half[0] == 64)
    monkeypatch.setattr(imaging, "CACHED_BYTES", together * 2 * 16 * math.prod(size))
    assert imaging._together(spectrum, kernels, size) == together
    image = imaging._CoherentSum.apply(spectrum, kernels, size)
    weights = torch.randn(image.shape, dtype=torch.float64, generator=random)
    (gradient,) = torch.autograd.grad((weights * image).sum(), spectrum)
    fields = torch.fft.ifft2(spectrum[:, None] * kernels, s=size, norm="forward")
    expected = fields.abs().square().sum(1)
    (expected_gradient,) = torch.autograd.grad((weights * expected).sum(), spectrum)
    torch.testing.assert_close(image, expected, rtol=1e-12, atol=1e-9)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-8)


def test_kernels_that_go_a_few_at_a_time_make_the_same_image_and_gradients(monkeypatch):
    """Seven kernels, of which two, three or all go together; a field has 12 x 16 samples and a batch two of them."""
    random = torch.Generator().manual_seed(2)
    shapes = (2, 5, 7), (7, 5, 7)
    values = [torch.randn(shape, dtype=torch.complex128, generator=random) for shape in shapes]
    results = []
    for together in (2, 3, 7):
        monkeypatch.setattr(imaging, "CACHED_BYTES", together * 2 * 12 * 16 * 16 + 1)
        spectrum, kernels = (value.clone().requires_grad_() for value in values)
        assert imaging._together(spectrum, kernels, (12, 16)) == together
        image = intensity_spectrum(spectrum, kernels)
        image.abs().square().sum().backward()
        results.append((image.detach(), spectrum.grad, kernels.grad))
        (alone,) = torch.autograd.grad(intensity_spectrum(spectrum.detach(), kernels).abs().square().sum(), kernels)
        assert torch.equal(alone, kernels.grad)
    for some in results[:2]:
        torch.testing.assert_close(some, results[2], rtol=0, atol=1e-11)
