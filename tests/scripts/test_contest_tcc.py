"""How far the packaged recipes are from the contest's kernels, from the TCC matrices themselves."""

import numpy as np
import pytest
import torch
from contest_tcc import FIELD_NM, START, Variant, amplitudes, factor, match, system

from litho_dl.optics.pupil import pupil_function
from litho_dl.optics.socs import build_socs
from litho_dl.optics.source import sample_source
from litho_dl.process.files import import_contest
from litho_dl.process.recipe import load_recipe


def error_at_best_scale(one: np.ndarray, other: np.ndarray) -> float:
    """min_a ||a T - T_c||_F / ||T_c||_F."""
    scale = (np.vdot(one, other) / np.vdot(one, one)).real
    return float(np.linalg.norm(scale * one - other) / np.linalg.norm(other))


def test_a_match_is_that_of_the_matrices():
    a, b = torch.randn(2, 30, 40, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    for columns in (7, 40):  # fewer and more than rows
        part = a[:, :columns]
        one, other = (part @ part.mH).numpy(), (b @ b.mH).numpy()
        found = match(part, b)
        assert found.error == pytest.approx(np.linalg.norm(one - other) / np.linalg.norm(other))
        assert found.error_scaled == pytest.approx(error_at_best_scale(one, other))
        assert found.scale == pytest.approx((np.vdot(one, other) / np.vdot(one, one)).real)


@pytest.mark.parametrize("polarization", [None, "te", "unpolarized"])
def test_a_variant_is_the_light_that_it_says(polarization):
    """The TCC's diagonal is the light that the source sends through each frequency, whatever its polarisation."""
    chosen = system(START, Variant("any", polarization=polarization))
    assert chosen.pupil.imaging == ("scalar" if polarization is None else "vector")
    assert chosen.source.polarization == (polarization or "unpolarized")
    source = sample_source(chosen.source, 9)
    found = amplitudes(source, chosen.pupil, 0.0).abs().square().sum(1).reshape(35, 35)
    f = torch.arange(-17, 18, dtype=torch.float64) * chosen.pupil.wavelength_nm / chosen.pupil.na / FIELD_NM[0]
    x, y = (torch.from_numpy(s)[:, None, None] for s in source.points.T)
    light = pupil_function(chosen.pupil, *torch.broadcast_tensors(f + x, f[:, None] + y)).abs().square()
    expected = torch.einsum("s,syx->yx", torch.from_numpy(source.weights), light)
    torch.testing.assert_close(found, expected / expected[17, 17])


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "focus", "defocus"), [("iccad13-like", 0.155, 0.157), ("iccad13-vector", 0.07, 0.09)])
def test_recipes_are_as_close_to_the_contest_s_kernels_as_they_say(data_dir, name, focus, defocus):
    recipe, contest = load_recipe(name), import_contest(data_dir / "iccad13")
    source = sample_source(recipe.source, recipe.kernels.source_samples)
    foci = {"focus": (0.0, focus), "defocus": (recipe.corners["inner"].defocus_nm, defocus)}
    for set_name, (defocus_nm, most) in foci.items():
        ours, theirs = (
            factor(kernels).numpy()
            for kernels in (
                build_socs(source, recipe.pupil, FIELD_NM, defocus_nm=defocus_nm),
                contest.kernels[set_name],
            )
        )
        assert error_at_best_scale(ours @ ours.conj().T, theirs @ theirs.conj().T) <= most, set_name
