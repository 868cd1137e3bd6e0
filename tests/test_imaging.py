"""The band-limited engine by itself: the lengths of its transforms, and its gradients."""

import pytest
import torch

from litho_dl.optics.imaging import fft_length, intensity_spectrum


def test_no_kernel_is_transformed_at_the_length_that_torch_gets_wrong():
    assert [fft_length(n) for n in (69, 72, 105, 297, 1999, 2045, 2048)] == [72, 72, 108, 300, 2000, 2100, 2100]


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_the_sum_of_coherent_systems_has_the_gradients_of_finite_differences(batch):
    random = torch.Generator().manual_seed(1)
    kernels = torch.randn(3, 5, 7, dtype=torch.complex128, generator=random).requires_grad_()
    spectrum = torch.randn(*batch, 5, 7, dtype=torch.complex128, generator=random).requires_grad_()
    assert torch.autograd.gradcheck(intensity_spectrum, (spectrum, kernels))
