"""Random optics."""

from collections import Counter

import pytest
import torch

from litho_dl.process.draw import PERIODS_NM, drawn_process
from litho_dl.process.identity import finest_period_nm, process_digest
from litho_dl.simulation.simulator import Simulator

SIDE, PIXEL_NM = 48, 16.0
DRAWN = [drawn_process(seed, SIDE, PIXEL_NM) for seed in range(40)]


def test_a_seed_draws_the_same_optics_again():
    assert process_digest(drawn_process(3, SIDE, PIXEL_NM)) == process_digest(DRAWN[3])
    assert len({process_digest(process) for process in DRAWN}) == len(DRAWN)


def test_all_kinds_are_drawn():
    recipes = [process.recipe for process in DRAWN]
    assert {recipe.pupil.wavelength_nm for recipe in recipes} == {13.5, 193.0, 248.0}
    assert {recipe.source.shape for recipe in recipes} == {"conventional", "annular", "quasar", "cquad", "dipole"}
    assert {recipe.pupil.imaging for recipe in recipes} == {"scalar", "vector"}
    for kinds in ([r.mask.type for r in recipes], [r.mask.field for r in recipes], [r.film is None for r in recipes]):
        assert min(Counter(kinds).values()) >= 3, kinds
    assert {recipe.corners["inner"].defocus_nm > 0 for recipe in recipes} == {True, False}


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_it_prints_at_its_scale(seed):
    """A clear mask is brighter than the threshold by the share drawn, and the finest period is of the scale's range."""
    process = DRAWN[seed]
    simulator, side_nm = Simulator(process), SIDE * PIXEL_NM * process.scale
    assert simulator.field_nm == pytest.approx((side_nm, side_nm))
    open_value = 0.0 if process.mask.field == "clear" else 1.0
    image = simulator(torch.full((SIDE, SIDE), open_value)).aerial()
    assert 0.19 < process.resist.threshold / float(image.mean()) < 0.35
    finest_nm = finest_period_nm(process) / process.scale  # in whole steps of the field, with the source's blur
    assert 0.8 * PERIODS_NM[0] < finest_nm < 1.15 * PERIODS_NM[1]
    doses = process.corners["outer"].dose, process.corners["inner"].dose
    assert (doses[0] > doses[1]) == (process.mask.field == "dark")
