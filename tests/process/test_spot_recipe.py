"""Recipes of direct writing: what they hold and refuse, their digests, and their kernels on disk."""

import tomllib

import numpy as np
import pytest
import torch
from scenes.ilt import RECIPE as PROJECTION

from litho_dl.core.dihedral import SYMMETRIES
from litho_dl.core.errors import LithoError, RecipeError
from litho_dl.core.settings import packaged_text, toml_text
from litho_dl.fullchip.halo import halo_nm
from litho_dl.process.cache import VARIABLE, cached_process
from litho_dl.process.files import Optics, load_process
from litho_dl.process.identity import finest_period_nm, process_digest, recipe_digest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import build_process
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.simulation.bulk import bulk_images
from litho_dl.simulation.source_simulator import SourceSimulator
from litho_dl.simulation.symmetry import imaging_symmetries

NAME = "uv405-spot"
TEXT = packaged_text("optics", NAME)
RECIPE = load_recipe(NAME)
FIELD = (4096.0, 4096.0)
SOURCE = '[source]\nshape = "{}"\nsigma = {}\n[mask]\nfield'
FILM = "[film]\nlayers = [{ n = 1.7, thickness_nm = 90.0, resist = true }]\nsubstrate = { n = 0.88, k = 2.78 }\n"


@pytest.fixture(scope="module")
def process():
    return build_process(RECIPE, field_nm=FIELD)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("fwhm_nm = 550.0\n", "", "pupil: a spot needs fwhm_nm"),
        ("fwhm_nm = 550.0", "fwhm_nm = 0.0", "pupil.fwhm_nm: .*greater than 0"),
        (
            "fwhm_nm = 550.0",
            "fwhm_nm = 300.0",
            "pupil: fwhm_nm must be at least 0.5 wavelength / na, 311.5 nm: .*got 300",
        ),
        ("fwhm_nm", "fwmh_nm", "pupil.fwmh_nm: unknown key; did you mean fwhm_nm"),
        ("na = 0.65", "na = 0.65\nobliquity = false", "pupil: obliquity: no meaning for a spot, .*; leave it out"),
        ("na = 0.65", "na = 0.65\nzernike_waves = { Z4 = 0.1 }", "pupil: zernike_waves: no meaning"),
        ("na = 0.65", 'na = 0.65\njones = "a.npy"', "pupil: jones: no meaning"),
        ("na = 0.65", "na = 0.65\nfocus_blur_nm = 9.0\nreduction = 5.0", "pupil: reduction, focus_blur_nm: no meaning"),
        ("[mask]\nfield", SOURCE.format("conventional", 0.5), r"source: a spot has no illumination .*out \[source\]"),
        ("field = ", 'type = "attenuated"\nfield = ', r"mask: a spot writes without a mask.*give field alone"),
        ("field = ", 'type = "alternating"\nfield = ', r"mask: a spot writes without a mask"),
        ("field = ", "blur_nm = 5.0\nfield = ", r"mask: a spot writes without a mask"),
        ("[kernels]", FILM + "[kernels]", r"film: .*; leave \[film\] out for a spot"),
        (
            "field_nm = 8192.0",
            "field_nm = 8192.0\ncount = 24\nsource_samples = 41",
            "exact .*out source_samples, count",
        ),
        ("field_nm = 8192.0", "field_nm = 8192.0\nedge_error_nm = 1.0", "kernels: .* leave out edge_error_nm"),
        ("field_nm = 8192.0", "field_nm = 8192.0\nenergy = 1.0", "kernels: .* leave out energy"),
        ('"spot"', '"scalar"', 'pupil: fwhm_nm is the width of a spot, got imaging = "scalar"'),
        ('"spot"', '"vector"', 'pupil: fwhm_nm is the width of a spot, got imaging = "vector"'),
        ('"spot"', '"spott"', "pupil.imaging: .*did you mean spot"),
    ],
)
def test_what_a_spot_lacks_is_refused_in_one_line(tmp_path, old, new, told):
    assert old in TEXT
    path = tmp_path / "own.toml"
    path.write_text(TEXT.replace(old, new, 1) if old != "fwhm_nm" else TEXT.replace("\nfwhm_nm", "\nfwmh_nm"))
    with pytest.raises(RecipeError, match=told) as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)


def test_a_projection_still_needs_a_source(tmp_path):
    table = tomllib.loads(packaged_text("optics", "duv193-dry-annular"))
    del table["source"]
    (tmp_path / "own.toml").write_text(toml_text(table))
    with pytest.raises(RecipeError, match="source: Field required"):
        load_recipe(tmp_path / "own.toml")


def test_a_recipe_is_written_as_it_is_read(tmp_path):
    table = RECIPE.model_dump(mode="json")
    assert "source" not in table
    assert set(table["pupil"]) == {"wavelength_nm", "na", "immersion_index", "imaging", "flare", "fwhm_nm"}
    (tmp_path / "again.toml").write_text(toml_text(table))
    assert load_recipe(tmp_path / "again.toml") == RECIPE
    assert {"fwhm_nm"}.isdisjoint(PROJECTION.model_dump()["pupil"])


def test_digests_tell_spots_apart():
    def digest(**pupil) -> str:
        return recipe_digest(Recipe.model_validate(RECIPE.model_dump() | {"pupil": RECIPE.pupil.model_dump() | pupil}))

    assert digest() == recipe_digest(RECIPE)
    found = {digest(**changes) for changes in ({}, {"fwhm_nm": 551.0}, {"na": 0.66}, {"flare": 0.01})}
    assert len(found) == 4


@pytest.mark.parametrize("place", ["a file", "the cache"])
def test_kernels_come_back_from_disk(process, tmp_path, monkeypatch, place):
    if place == "a file":
        save_kernels(tmp_path / "k.safetensors", process)
        again = load_kernels(tmp_path / "k.safetensors")
    else:
        monkeypatch.setenv(VARIABLE, str(tmp_path))
        cached_process(RECIPE, FIELD)
        monkeypatch.setattr("litho_dl.process.cache.build_process", lambda *a, **k: pytest.fail("built"))
        again = cached_process(RECIPE, FIELD)
    assert (again.recipe, again.corners, process_digest(again)) == (RECIPE, process.corners, process_digest(process))
    assert process_digest(again) == recipe_digest(RECIPE) == Optics(FIELD, RECIPE).digest()
    for name, kernels in process.kernels.items():
        found = again.kernels[name]
        assert (found.spectra.shape, found.edge_error_nm) == (kernels.spectra.shape, 0.0)
        assert all(torch.equal(*parts) for parts in zip(found.tail, kernels.tail, strict=True))


def test_a_field_of_any_size_and_what_it_says(process):
    assert load_process(NAME, field_nm=1024.0).field_nm == (1024.0, 1024.0)
    assert process.optics_summary == "405 nm, NA 0.65, spot of 550 nm, no mask"
    clear = RECIPE.model_copy(update={"mask": RECIPE.mask.model_copy(update={"field": "clear"})})
    assert build_process(clear, field_nm=FIELD).optics_summary.endswith("no mask, clear field")


def test_what_it_images_alike_how_far_and_how_fine(process):
    """A round spot; less than 1e-4 arrives from beyond 4.5 sigma; half the band is 0.51 / sigma."""
    assert set(imaging_symmetries(process)) == set(SYMMETRIES)
    assert 500 < halo_nm(process, 1e-4) <= 4.5 * 240
    assert halo_nm(process, 1e-2) < halo_nm(process, 1e-4)
    period = finest_period_nm(process)
    assert period == Optics(FIELD, RECIPE).finest_period_nm()
    assert period == pytest.approx(233.56 / 0.5123, rel=0.06)


def test_sources_films_and_their_images_are_refused(process):
    with pytest.raises(LithoError, match="source to optimise, got a spot, which writes without one"):
        SourceSimulator(process, samples=7)
    with pytest.raises(LithoError, match="Expected a recipe with films, got a spot"):
        bulk_images(RECIPE, np.zeros((8, 8)), 100.0, [0.0])
