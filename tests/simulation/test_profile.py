"""Profiles: walls of known fronts, standing waves, tones and what is refused."""

import math

import numpy as np
import pytest
import torch

from litho_dl.core.errors import MaskError, RecipeError
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe
from litho_dl.simulation.profile import Profile, baked_in_depth, resist_profile

PITCH_NM, COUNT = 120.0, 64
X = (np.arange(COUNT) + 0.5) * PITCH_NM / COUNT
LINES = torch.from_numpy((abs(X - PITCH_NM / 2) < PITCH_NM / 4).astype(float))[None]


def recipe(name: str = "arf-positive-chemical", **resist) -> Recipe:
    plain = load_recipe(name)
    kernels = KernelSettings(field_nm=480.0, source_samples=11, count=4)
    return plain.model_copy(update={"kernels": kernels, "resist": plain.resist.model_copy(update=resist)})


def made(times: np.ndarray) -> Profile:
    return Profile(times, times, times, times, 10.0, 2.0, PITCH_NM / COUNT)


class TestWall:
    @pytest.mark.parametrize("degrees", [75.0, 90.0, 96.0])
    def test_a_trench_of_known_slope(self, degrees):
        """Times grow exponentially along x from a wall that leans; 6 nm are lost at the top."""
        depths = (np.arange(40) + 0.5) * 2.0
        edge = PITCH_NM / 2 + 25.0 - (depths - 80.0) * -1 / math.tan(math.radians(degrees)) * -1
        times = 10.0 * np.exp((abs(X - PITCH_NM / 2) + PITCH_NM / 2 - edge[:, None]) / 8)
        times *= np.where(depths < 6, 1e-3, 1.0)[:, None]
        wall = made(times[:, None]).wall()
        assert wall.angle_deg == pytest.approx(degrees, abs=0.3)
        assert not wall.from_resist
        assert 2 * wall.edges_nm[-1] - PITCH_NM == pytest.approx(50.0, abs=1.0)

    def test_top_loss_is_interpolated(self):
        times = np.broadcast_to(((np.arange(40) + 0.5) * 2.0)[:, None, None], (40, 1, COUNT))
        assert made(times).top_loss_nm == pytest.approx(10.0)
        assert made(times / 100).top_loss_nm == 80.0

    def test_no_edge_is_refused(self):
        with pytest.raises(MaskError, match="edge at the bottom"):
            made(np.full((40, 1, COUNT), 20.0)).wall()


class TestProfile:
    def test_openings_go_in_positive_resist(self):
        pytest.importorskip("skfmm")
        profile = resist_profile(recipe(), LINES, PITCH_NM / COUNT)
        wall = profile.wall()
        assert not wall.from_resist
        assert 60 < wall.angle_deg < 92
        assert 0 < profile.top_loss_nm < 10
        assert profile.remaining[-1, 0, 0]
        assert not profile.remaining[-1, 0, COUNT // 2]

    def test_absorber_goes_in_negative_tone_development(self):
        pytest.importorskip("skfmm")
        profile = resist_profile(recipe("arf-negative-development-chemical"), LINES, PITCH_NM / COUNT)
        assert profile.remaining[-1, 0, 0]
        assert not profile.remaining[-1, 0, COUNT // 2]

    def test_diffusion_takes_standing_waves_away(self):
        acid = 0.3 + 0.1 * torch.cos(2 * math.pi * (torch.arange(60, dtype=torch.float64) + 0.5) / 20)
        acid = acid[:, None, None].expand(60, 1, 8).contiguous()
        own = recipe().resist
        still = own.model_copy(update={"acid_diffusion_nm": 0.0, "quencher_diffusion_nm": 0.0})
        waves = [float(baked_in_depth(acid, each, (3.0, 2.0, 2.0)).std()) for each in (own, still)]
        assert waves[0] < 0.6 * waves[1]

    def test_more_dose_widens_an_opening(self):
        pytest.importorskip("skfmm")
        edges = [resist_profile(recipe(), LINES, PITCH_NM / COUNT, dose=d).wall().edges_nm[-1] for d in (0.95, 1.05)]
        assert edges[1] > edges[0] + 1

    def test_what_is_needed_is_named(self):
        with pytest.raises(RecipeError, match=r"\[resist.development\]"):
            resist_profile(recipe(development=None), LINES, PITCH_NM / COUNT)
        with pytest.raises(RecipeError, match="films"):
            resist_profile(load_recipe("duv193-immersion-annular"), LINES, PITCH_NM / COUNT)
        with pytest.raises(MaskError, match="one mask"):
            resist_profile(recipe(), LINES[None], PITCH_NM / COUNT)
