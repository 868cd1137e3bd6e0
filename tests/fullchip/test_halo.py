"""How far a mask reaches: against images of masks that differ beyond the halo alone."""

from dataclasses import replace

import pytest
import torch
from scenes.ilt import small_simulator
from torch import Tensor

from litho_dl.core.errors import KernelError
from litho_dl.fullchip.halo import PIXEL_NM, halo_nm, influence
from litho_dl.process.model import Corner
from litho_dl.simulation.simulator import Simulator

FIELD = (1536.0, 1536.0)
CORE = slice(64, 128)  # pixels of 8 nm
CELLS = 32  # of 48 nm: other masks than those of which the halo is made


@pytest.fixture(scope="module")
def tile() -> Simulator:
    return Simulator(small_simulator().process.on_field(FIELD))


def random_mask(seed: int) -> Tensor:
    random = torch.rand(CELLS, CELLS, generator=torch.Generator().manual_seed(seed)) < 0.5
    return random.float().repeat_interleave(6, 0).repeat_interleave(6, 1)


def change(tile: Simulator, halo_px: int, seed: int) -> float:
    """R.m.s. change along the core's border, of the worse focus, by another mask, or none, around core and halo."""
    one, other = random_mask(2 * seed), random_mask(2 * seed + 1)
    kept = slice(CORE.start - halo_px, CORE.stop + halo_px)
    masks = torch.stack((one, other, torch.zeros_like(one)))
    masks[1:, kept, kept] = one[kept, kept]
    with torch.no_grad():
        images = tile.expose(masks, PIXEL_NM).intensity
    border = torch.ones(64, 64, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    inside = [(changed - image[0])[CORE, CORE][border] for image in images.values() for changed in image[1:]]
    return max(float(found.square().mean().sqrt()) for found in inside)


@pytest.mark.parametrize("tolerance", [0.05, 0.01, 0.003])
def test_what_lies_beyond_the_halo_changes_the_core_by_the_tolerance(tile, tolerance):
    halo = halo_nm(small_simulator().process, tolerance)
    found = torch.tensor([change(tile, round(halo / PIXEL_NM), seed) for seed in range(6)])
    assert found.square().mean().sqrt() < 1.5 * tolerance
    assert found.max() > 0.3 * tolerance, "a much smaller halo would do"


def test_the_halo_grows_as_the_tolerance_falls():
    halos = [halo_nm(small_simulator().process, tolerance) for tolerance in (0.1, 0.03, 0.01, 0.003, 0.001)]
    assert halos == sorted(halos)
    assert halos[0] < halos[-1] / 3


def test_influence_falls_and_ends_at_the_reach():
    """The fields are 512 nm, so that it is known up to 256 nm; right at the border a mask counts much."""
    found = influence(small_simulator().process)
    assert found.shape == (32,)
    assert (found.diff() <= 0).all()
    assert 0.05 < found[0] < 0.5
    assert found[-1] < 5e-4


def test_the_focus_that_reaches_farthest_counts_in_units_of_its_clear_mask():
    process = small_simulator().process
    corner = {"nominal": Corner(1.0, "focus")}
    alone = [
        influence(replace(process, kernels={"focus": kernels.scaled(factor)}, corners=corner))
        for kernels, factor in zip(process.kernels.values(), (1.0, 2.0), strict=True)
    ]
    assert not torch.allclose(*alone, rtol=1e-3)
    torch.testing.assert_close(influence(process), torch.stack(alone).amax(0))


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 1.0, float("nan")])
def test_tolerances_out_of_range(tolerance):
    with pytest.raises(KernelError, match="tolerance between 0 and 1"):
        halo_nm(small_simulator().process, tolerance)


def test_kernels_that_do_not_fade():
    with pytest.raises(KernelError, match=r"fall to 1e-07 .* within their reach on 512 nm.*raise the tolerance"):
        halo_nm(small_simulator().process, 1e-7)
