"""How far the packaged recipe is from the contest's kernels, from the TCC matrices themselves."""

import numpy as np
import pytest
import torch
from contest_tcc import FIELD_NM, START, Variant, best_freeform, full_tcc, kernel_tcc, match, system

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
    one, other = a @ a.mH, b @ b.mH
    found, (one, other) = match(one, other), (one.numpy(), other.numpy())
    assert found.error == pytest.approx(np.linalg.norm(one - other) / np.linalg.norm(other))
    assert found.error_scaled == pytest.approx(error_at_best_scale(one, other))
    assert found.scale == pytest.approx((np.vdot(one, other) / np.vdot(one, one)).real)


@pytest.mark.parametrize("polarization", [None, "te"])
def test_the_full_tcc_is_that_of_all_kernels(polarization):
    chosen = system(START, Variant("any", polarization))
    source = sample_source(chosen.source, 9)
    kernels = build_socs(source, chosen.pupil, FIELD_NM, defocus_nm=chosen.defocus_nm)
    torch.testing.assert_close(full_tcc(source, chosen.pupil, chosen.defocus_nm), kernel_tcc(kernels))


@pytest.mark.parametrize("polarization", [None, "te"])
def test_the_best_freeform_source_finds_optics_that_are_there(polarization, monkeypatch):
    """Its cells are not those of the C-quad, so something remains; of the other imaging's TCC much more."""
    monkeypatch.setattr("contest_tcc.FREEFORM_NA", (0.79, 0.80))
    chosen = system(START, Variant("any", polarization, aberrations=False))
    tcc = full_tcc(sample_source(chosen.source, 61), chosen.pupil, 0.0)
    found = best_freeform(chosen.pupil, tcc)
    imaging = "vector" if polarization is None else "scalar"
    other = best_freeform(chosen.pupil.model_copy(update={"imaging": imaging}), tcc)
    assert found.na == pytest.approx(chosen.pupil.na)
    assert found.error < 0.03 < 0.1 < other.error
    remade = match(full_tcc(found.source, chosen.pupil.model_copy(update={"na": found.na}), 0.0), tcc)
    assert remade.error_scaled == pytest.approx(found.error, rel=0.05)


@pytest.mark.parametrize("polarization", [None, "te", "unpolarized"])
def test_a_variant_is_the_light_that_it_says(polarization):
    """The TCC's diagonal is the light that the source sends through each frequency, whatever its polarisation."""
    chosen = system(START, Variant("any", polarization=polarization))
    assert chosen.pupil.imaging == ("scalar" if polarization is None else "vector")
    assert chosen.source.polarization == (polarization or "unpolarized")
    source = sample_source(chosen.source, 9)
    found = full_tcc(source, chosen.pupil, 0.0).diagonal().real.reshape(35, 35)
    f = torch.arange(-17, 18, dtype=torch.float64) * chosen.pupil.wavelength_nm / chosen.pupil.na / FIELD_NM[0]
    x, y = (torch.from_numpy(s)[:, None, None] for s in source.points.T)
    light = pupil_function(chosen.pupil, *torch.broadcast_tensors(f + x, f[:, None] + y)).abs().square()
    expected = torch.einsum("s,syx->yx", torch.from_numpy(source.weights), light)
    torch.testing.assert_close(found, expected / expected[17, 17])


@pytest.mark.data
@pytest.mark.slow
def test_the_recipe_is_as_close_to_the_contest_s_kernels_as_it_says(data_dir):
    recipe, contest = load_recipe("iccad13-like"), import_contest(data_dir / "iccad13")
    source = sample_source(recipe.source, recipe.kernels.source_samples)
    foci = {"focus": (0.0, 0.07), "defocus": (recipe.corners["inner"].defocus_nm, 0.09)}
    for name, (defocus_nm, most) in foci.items():
        ours = build_socs(source, recipe.pupil, FIELD_NM, defocus_nm=defocus_nm)
        one, other = (kernel_tcc(kernels).numpy() for kernels in (ours, contest.kernels[name]))
        assert error_at_best_scale(one, other) <= most, name
