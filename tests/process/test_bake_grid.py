"""Samples and steps of the bake: edges hold still, also those of masks that the choice did not see."""

import pytest
from scenes.chemistry import resist

from litho_dl.core.errors import RecipeError
from litho_dl.process import bake_grid as module
from litho_dl.process.bake_grid import EDGE_NM, bake_grid

PERIOD_NM = 37.9  # of intensities at 193 nm, NA 1.35, sigma 0.9


def test_edges_move_by_less_than_allowed():
    grid = bake_grid(resist(), PERIOD_NM)
    assert 0 < grid.edge_nm <= EDGE_NM
    assert grid.band <= grid.samples


def test_finer_edges_take_more():
    coarse, fine = (bake_grid(resist(), PERIOD_NM, edge) for edge in (0.5, 0.02))
    assert coarse.samples**2 * coarse.steps < fine.samples**2 * fine.steps


def test_sharper_resists_take_finer_samples():
    soft, sharp = (bake_grid(resist(acid_diffusion_nm=length, quencher=0.05), PERIOD_NM) for length in (25.0, 4.0))
    assert soft.samples < sharp.samples


def test_a_band_can_be_kept():
    assert bake_grid(resist(), PERIOD_NM, 0.5, 1.75).band == 1.75


def test_abrupt_bakes_are_refused():
    abrupt = resist(neutralisation_per_s=1e4, quencher=0.3)
    with pytest.raises(RecipeError, match="steps place within"):
        bake_grid(abrupt, PERIOD_NM)


def test_bakes_that_leave_no_edges_are_refused():
    with pytest.raises(RecipeError, match="acid_diffusion_nm = 200"):
        bake_grid(resist(acid_diffusion_nm=200.0), PERIOD_NM)


def test_unseen_masks_keep_their_edges(monkeypatch):
    """The grid chosen for some random openings, on others."""
    own = resist()
    grid = bake_grid(own, PERIOD_NM)
    monkeypatch.setattr(module, "SEED", 7)
    spectra = module._example_images(own)
    exact = module._latent(module._baked(own, spectra, PERIOD_NM, module.FINEST, module.MOST_STEPS), module.FINEST)
    found = module._latent(module._baked(own, spectra, PERIOD_NM, grid.samples, grid.steps), grid.band)
    assert module._moved_nm(own, found, exact, PERIOD_NM) < 1.5 * EDGE_NM
