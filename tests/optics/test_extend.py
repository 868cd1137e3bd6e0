"""Kernels on a larger field: as they were nearby, nothing far away, the same image whatever the field."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from scenes.ilt import RECIPE
from torch import Tensor

from litho_dl.core.errors import GridMismatchError
from litho_dl.optics.extend import extended
from litho_dl.optics.kernels import SocsKernels
from litho_dl.process.model import Corner, ProcessModel, build_process
from litho_dl.simulation.simulator import Simulator

OWN = (1024.0, 1024.0)
PIXEL_NM = 8.0


@cache
def process() -> ProcessModel:
    return build_process(RECIPE, field_nm=OWN, count=6)


def squares(count: int, seed: int = 0) -> Tensor:
    """(4 count, 4 count) pixels of random squares of 32 nm."""
    random = torch.rand(count, count, generator=torch.Generator().manual_seed(seed)) < 0.5
    return random.double().repeat_interleave(4, 0).repeat_interleave(4, 1)


def image(process: ProcessModel, mask: Tensor) -> Tensor:
    """The image in focus of a small mask in the middle of the field, where the mask is."""
    side = round(process.field_nm[0] / PIXEL_NM)
    begin = (side - len(mask)) // 2
    here = slice(begin, begin + len(mask))
    field = mask.new_zeros(1, side, side)
    field[0, here, here] = mask
    return Simulator(process, dtype=torch.float64).expose(field, PIXEL_NM).intensity["focus"][0, here, here]


def in_space(kernels: SocsKernels, x: Tensor) -> Tensor:
    """Kernels (K, n, n) at points x nm in both axes, by their Fourier series."""
    half = kernels.half[0]
    waves = torch.exp(2j * torch.pi * x[:, None] * torch.arange(-half, half + 1) / kernels.field_nm[0])
    waves = waves.to(torch.complex128)
    return waves @ kernels.spectra.to(torch.complex128) @ waves.T / (kernels.field_nm[0] * kernels.field_nm[1])


@pytest.mark.parametrize("side_nm", [1024.0, 1536.0, 2560.0])
def test_masks_smaller_than_half_the_reach_image_as_before(side_nm):
    mask = squares(5)  # 160 nm
    torch.testing.assert_close(
        image(process().on_field((side_nm, side_nm)), mask), image(process(), mask), rtol=0, atol=5e-5
    )


def test_the_image_does_not_depend_on_the_field():
    """Neither field is so small that the mask sees its own repetition within the reach."""
    mask = squares(16)  # 512 nm
    small, large = (process().on_field((side, side)) for side in (1536.0, 2560.0))
    torch.testing.assert_close(image(small, mask), image(large, mask), rtol=0, atol=5e-5)
    assert (image(process(), mask) - image(large, mask)).abs().max() > 5e-4, "on their own field it does"


@pytest.mark.parametrize("name", ["focus", "defocus+30nm"])
def test_kernels_stay_near_by_and_end_at_the_reach(name):
    kernels = process().kernels[name]
    carried = extended(kernels, (2048.0, 2048.0))
    x = torch.arange(0, 1024, 16, dtype=torch.float64)
    distance = torch.hypot(x[:, None], x) / kernels.reach_nm
    before, after = in_space(kernels, x), in_space(carried, x)
    off = (after - before).abs() / before.abs().amax((1, 2), keepdim=True)
    assert off[:, distance <= 0.65].max() < 5e-3
    assert off[:, (distance > 0.75) & (distance < 1)].max() > 0.015
    assert (after.abs() / before.abs().amax((1, 2), keepdim=True))[:, distance >= 1].max() < 5e-3
    torch.testing.assert_close(carried.weights, kernels.weights)


def test_every_kernel_keeps_its_mean():
    """So does the image of a clear mask."""
    carried = process().on_field((1536.0, 2048.0))
    for name, kernels in process().kernels.items():
        after = carried.kernels[name]
        torch.testing.assert_close(
            after.spectra[:, after.half[0], after.half[1]], kernels.spectra[:, kernels.half[0], kernels.half[1]]
        )
        assert after.open_frame == pytest.approx(kernels.open_frame, rel=1e-6)


def test_small_features_image_as_through_kernels_built_for_the_larger_field():
    exact = RECIPE.model_copy(
        update={
            "kernels": RECIPE.kernels.model_copy(update={"energy": 0.98, "source_samples": 41, "edge_error_nm": None})
        }
    )
    line = torch.zeros(60, 60, dtype=torch.float64)
    line[10:50, 25:35] = 1
    carried, built = (build_process(exact, field_nm=(side, side)) for side in (1024.0, 1536.0))
    found, expected = (image(it, line) for it in (carried.on_field((1536.0, 1536.0)), built))
    assert expected.max() > 0.25
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-3)


def test_what_else_a_process_is_stays():
    imported = replace(process().kernels["focus"], mask_pixel_nm=1.0, discarded_energy=None)
    model = ProcessModel({"focus": imported}, process().mask, process().resist, {"nominal": Corner(1.1, "focus")})
    carried = model.on_field((1536.0, 1024.0))
    assert (carried.field_nm, carried.mask_pixel_nm) == ((1536.0, 1024.0), 1.0)
    assert (carried.corners, carried.resist, carried.mask) == (model.corners, model.resist, model.mask)
    assert carried.kernels["focus"].spectra.dtype == imported.spectra.dtype
    assert carried.kernels["focus"].discarded_energy is None
    assert carried.half[0] / 1536 == pytest.approx(carried.half[1] / 1024, abs=1e-3)


@pytest.mark.parametrize("field_nm", [(512.0, 512.0), (2048.0, 1000.0)])
def test_a_smaller_field_is_refused(field_nm):
    with pytest.raises(GridMismatchError, match=f"at least the kernels' own 1024 nm, got {min(field_nm):g} nm"):
        process().on_field(field_nm)
