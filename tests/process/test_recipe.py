"""Recipes: those that ship, those of the user, and what is said of wrong ones."""

import tomllib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from litho_dl.core.errors import LithoError, RecipeError
from litho_dl.core.settings import packaged_names, packaged_text, validated
from litho_dl.optics.columns import clear_image
from litho_dl.optics.socs import build_socs, tcc_matrix
from litho_dl.optics.source import sample_source
from litho_dl.process.bake import bake
from litho_dl.process.files import load_process
from litho_dl.process.freeform import save_freeform
from litho_dl.process.identity import process_digest, recipe_digest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import ProcessModel, build_process, kernel_name
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe
from litho_dl.simulation.simulator import Simulator

BASE = "duv193-immersion-annular"
TEXT = packaged_text("optics", BASE)
ACCURACY = "edge_error_nm = 0.25"


def written(tmp_path, text: str):
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    return tmp_path / "own.toml"


def changed(*replacements: tuple[str, str]) -> str:
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def refusal(path) -> str | None:
    """What is said of a recipe that cannot be read; None if it can."""
    try:
        load_recipe(path)
    except RecipeError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", packaged_names("optics"))
def test_shipped_recipes_image_a_clear_mask_to_one(name):
    """All drawn in a dark field, nothing in a clear one; at every focus, of truncated kernels, and with diffusion.

    With films, which reflect and absorb, to what the film says.
    """
    recipe = load_recipe(name)
    if recipe.pupil.imaging != "spot":
        settings = KernelSettings(field_nm=recipe.kernels.field_nm, source_samples=41, count=24)
        recipe = recipe.model_copy(update={"kernels": settings})
    process = build_process(recipe, field_nm=(300.0 * recipe.scale, 400.0 * recipe.scale))
    assert process.recipe is recipe
    assert process.resist == recipe.resist
    assert process.mask == recipe.mask
    mask = torch.full((15, 20), 1.0 if recipe.mask.field == "dark" else 0.0, dtype=torch.float64)
    simulator = Simulator(process, dtype=torch.float64)
    exposure = simulator.expose(mask, 20.0 * recipe.scale)
    if process.writes_directly:
        clear = 1.0
    else:
        clear = clear_image(sample_source(recipe.source, recipe.kernels.source_samples), recipe.pupil, recipe.film)
    assert 0.3 < clear <= 1 + 1e-12
    assert set(process.kernels) == {kernel_name(corner.defocus_nm) for corner in recipe.corners.values()}
    for name, corner in recipe.corners.items():
        np.testing.assert_allclose(exposure.aerial(name), imaged(recipe.resist, corner.dose * clear), atol=1e-9)


def imaged(resist, intensity: float) -> float:
    """What even light leaves in the resist: itself, or its latent image, by fine steps of the bake."""
    if resist.model == "threshold":
        return intensity
    acid = resist.acid(torch.tensor([intensity], dtype=torch.float64))
    return float(resist.latent(bake(acid, resist.kinetics, None, 50).amplification))


def test_a_recipes_process_holds_its_foci_doses_and_rank():
    recipe = load_recipe(BASE)
    process = load_process(BASE, field_nm=400.0)
    assert all(0 < kernels.edge_error_nm <= 0.25 for kernels in process.kernels.values())
    process = build_process(recipe, field_nm=(400.0, 400.0), count=48)
    assert process.field_nm == (400.0, 400.0)
    assert process.corners == {"nominal": (1.0, "focus"), "outer": (1.04, "focus"), "inner": (0.96, "defocus+30nm")}
    source = sample_source(recipe.source, recipe.source_samples((400.0, 400.0)))
    for name, defocus_nm in (("focus", 0.0), ("defocus+30nm", 30.0)):
        expected = build_socs(source, recipe.pupil, (400.0, 400.0), defocus_nm=defocus_nm, count=48)
        torch.testing.assert_close(tcc_matrix(process.kernels[name]), tcc_matrix(expected), atol=1e-12, rtol=0)
        assert len(expected.weights) == 48
    assert len(build_process(recipe, field_nm=(300.0, 300.0), count=5).kernels["focus"].weights) == 5
    with pytest.raises(LithoError, match="count of at least 1, got 0"):
        build_process(recipe, field_nm=(300.0, 300.0), count=0)
    with pytest.raises(LithoError, match="positive pixel and field"):
        load_process(BASE, field_nm=0.0)


def test_a_recipe_without_field_uses_its_own(tmp_path):
    path = written(tmp_path, changed(("field_nm = 2048.0", "field_nm = 250.0")))
    assert load_process(path).field_nm == (250.0, 250.0)


def test_kernel_names():
    assert [kernel_name(z) for z in (0.0, -0.0, 30.0, -47.5)] == ["focus", "focus", "defocus+30nm", "defocus-47.5nm"]


def test_a_users_file_reads_like_the_shipped_one(tmp_path):
    assert load_recipe(written(tmp_path, TEXT)) == load_recipe(BASE)
    assert load_recipe(str(written(tmp_path, TEXT))) == load_recipe(BASE)


def test_a_freeform_map_is_found_beside_the_recipe(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    np.save(tmp_path / "recipes" / "map.npy", np.array([[0.0, 1.0], [0.0, 0.0]]))
    ring = 'shape = "annular"\nsigma_inner = 0.6\nsigma_outer = 0.9'
    recipe = load_recipe(written(tmp_path / "recipes", changed((ring, 'shape = "freeform"\nfile = "map.npy"'))))
    points = sample_source(recipe.source, 11).points
    assert (points[:, 0] >= 0).all()
    assert (points[:, 1] < 0.1).all()
    absolute = f'shape = "freeform"\nfile = "{(tmp_path / "recipes" / "map.npy").as_posix()}"'
    assert load_recipe(written(tmp_path, changed((ring, absolute)))).source == recipe.source


@pytest.mark.parametrize(
    ("replacements", "message"),
    [
        ([("sigma_inner", "sigma_iner")], "source.annular.sigma_iner: unknown key; did you mean sigma_inner?"),
        ([("[resist]", "[resists]")], "resists: unknown key; did you mean resist?"),
        ([("na = 1.35\n", "")], "pupil.na: Field required"),
        ([("na = 1.35", 'na = "high"')], "pupil.na: Input should be a valid number.*, got 'high'"),
        ([("na = 1.35", "na = 1.5")], "pupil: na must be below immersion_index .*got na = 1.5"),
        ([("na = 1.35", "na = -1")], "pupil.na: Input should be greater than or equal to 0.001, got -1"),
        ([("193.0", "inf")], "pupil.wavelength_nm: Input should be a finite number, got inf"),
        ([("defocus_nm = 30.0", "defocus_nm = nan")], "corners.inner.defocus_nm: Input should be a finite number"),
        ([("dose = 1.04", "dose = 0")], "corners.outer.dose: Input should be greater than"),
        ([("dose = 1.04", "dose = 1e4")], "corners.outer.dose: Input should be less than"),
        ([("defocus_nm = 30.0", "defocus_nm = 1e9")], "corners.inner.defocus_nm: Input should be less than"),
        ([("threshold = 0.25", "threshold = 1e6")], "resist.threshold: Input should be less than"),
        ([("steepness = 50.0", "steepness = 1e9")], "resist.steepness: Input should be less than"),
        ([("field_nm = 2048.0", "field_nm = 1e9")], "kernels.field_nm: Input should be less than"),
        ([("inner = {", "inmer = {")], "corners must hold nominal, outer, inner; missing: inner"),
        (
            [("sigma_outer = 0.9", "sigma_outer = 1.9")],
            "source.annular.sigma_outer: .*less than or equal to 1, got 1.9",
        ),
        ([("sigma_inner = 0.6", "sigma_inner = 0.95")], "source.annular: sigma_inner must be below sigma_outer"),
        ([('"annular"', '"anular"')], "source: .*'anular'"),
        ([('"binary"', '"bianry"')], "mask.type: .*'binary', 'attenuated' or 'alternating', got 'bianry'"),
        ([(ACCURACY, "source_samples = 2")], "kernels.source_samples: .*3, got 2"),
        ([(ACCURACY, "source_samples = 4.5")], "kernels.source_samples: .*integer"),
        ([(ACCURACY, "source_samples = 41\ncount = 0")], "kernels.count: .*1, got 0"),
        ([(ACCURACY, "source_samples = 41\nenergy = 1.5")], "kernels.energy: .*1, got 1.5"),
        ([("diffusion_nm = 5.0", "diffusion_nm = -5.0")], "resist.diffusion_nm"),
        ([("[pupil]", '"bad\\nkey" = 1\n[pupil]')], r"'bad\\nkey': unknown key"),
        ([("na = 1.35", "na = ")], r"not valid TOML: .*line 5"),
        ([("[source]", "[pupil]")], "not valid TOML"),
        ([("na = 1.35", "na = " + "[" * 5000)], "not valid TOML"),
    ],
)
def test_wrong_recipes_are_told_in_one_line(tmp_path, replacements, message):
    path = written(tmp_path, changed(*replacements))
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


COUNTED = (ACCURACY, "source_samples = 41\ncount = 48")
VECTOR = ("immersion_index = 1.44", 'immersion_index = 1.44\nimaging = "vector"')
TE = ('shape = "annular"', 'shape = "annular"\npolarization = "te"')
FILM = """
[film]
layers = [{ n = 1.7, k = 0.03, thickness_nm = 90.0, resist = true }, { n = 1.82, k = 0.34, thickness_nm = 75.0 }]
substrate = { n = 0.88, k = 2.78 }
image = 45.0
"""


def test_a_recipe_with_polarisation_and_film(tmp_path):
    """Its process says so, keeps them at other foci and through a kernel file, and images a clear mask below 1."""
    recipe = load_recipe(written(tmp_path, changed(VECTOR, TE, COUNTED) + FILM))
    process = build_process(recipe, field_nm=(200.0, 200.0), count=12)
    assert "te-polarized annular source" in process.optics_summary
    assert "vector imaging, 45 nm deep in 90 nm of resist in 2 films" in process.optics_summary
    save_kernels(tmp_path / "k.safetensors", process)
    again = load_kernels(tmp_path / "k.safetensors")
    assert again.recipe == recipe
    assert process_digest(again) == process_digest(process) == recipe_digest(recipe)
    source = sample_source(recipe.source, recipe.source_samples((200.0, 200.0)))
    for focus, expected in ((0.0, process), (30.0, process), (17.0, None)):
        found = again.at_focus(focus).kernels["focus"]
        assert found.open_frame == pytest.approx(clear_image(source, recipe.pupil, recipe.film), abs=1e-10)
        if expected is not None:
            torch.testing.assert_close(found.weights, expected.kernels[kernel_name(focus)].weights)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(TE), r'scalar imaging has no polarisation, got te; set imaging = "vector" in \[pupil\]'),
        (TEXT + FILM, r"film: A film reflects the s and the p wave .* which scalar imaging does not tell apart"),
        (changed(VECTOR) + FILM.replace("45.0", "95.0"), "film: image must lie within the resist"),
        (changed(VECTOR) + FILM.replace("thickness_nm = 90.0", "thicknes_nm = 90.0"), "did you mean thickness_nm?"),
        (
            changed(VECTOR, ('"annular"', '"annular"\npolarization = "z"')),
            "source.annular.polarization: .*'te' or 'tm'",
        ),
        (changed(("na = 1.35", 'na = 1.35\njones = "j.npy"')), 'pupil: a Jones pupil .* set imaging = "vector"'),
        (changed(("na = 1.35", "na = 1.35\nflare = 1.0")), "pupil.flare: .*less than 1"),
        (changed(("na = 1.35", "na = 1.35\nfocus_blur_nm = -1.0")), "pupil.focus_blur_nm: .*greater than"),
    ],
)
def test_impossible_polarisation_and_films_are_told_in_one_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_jones_pupil_is_found_beside_the_recipe(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "recipes" / "lens.npy", np.eye(2)[:, :, None, None] * np.ones((3, 3)))
    with_lens = changed(VECTOR, ("na = 1.35", 'na = 1.35\njones = "lens.npy"'))
    recipe = load_recipe(written(tmp_path / "recipes", with_lens))
    process = build_process(recipe, field_nm=(200.0, 200.0), count=8)
    plain = build_process(load_recipe(written(tmp_path, changed(VECTOR))), field_nm=(200.0, 200.0), count=8)
    torch.testing.assert_close(process.kernels["focus"].weights, plain.kernels["focus"].weights)
    assert process_digest(process) != recipe_digest(recipe), "the file's content counts, not its name"
    path = save_freeform(tmp_path / "smo", recipe, np.ones((5, 5)), field_nm=200.0)
    saved = load_recipe(path)
    assert saved.pupil.jones == tmp_path / "smo" / "jones.npy"
    assert build_process(saved, count=8).recipe is saved


def test_unknown_names_are_told_with_a_suggestion():
    with pytest.raises(RecipeError, match=f"'duv193-imersion-annular'; did you mean {BASE}\\? known: .*ends in .toml"):
        load_recipe("duv193-imersion-annular")
    with pytest.raises(RecipeError, match="named 'zzz'; known: "):
        load_recipe("zzz")


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: no such file"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"description = '\xff'")
    with pytest.raises(RecipeError, match=r"bad\.toml: expected a UTF-8 text file .* at byte 15"):
        load_recipe(tmp_path / "bad.toml")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_recipe_is_read_or_refused_in_one_line(tmp_path_factory, data):
    content = TEXT.encode()
    start = data.draw(st.integers(0, len(content)))
    inserted = data.draw(
        st.one_of(st.binary(max_size=4), st.sampled_from([b"9", b"-", b"e9", b'"', b"[", b"nan", b"\n"]))
    )
    path = tmp_path_factory.mktemp("recipes") / "a.toml"
    path.write_bytes(content[:start] + inserted + content[start + data.draw(st.integers(0, 12)) :])
    message = refusal(path)
    assert message is None or (message.startswith(f"{path}: ") and "\n" not in message)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_recipe_that_loads_also_builds_or_is_refused(data):
    """Every number of the recipe replaced by another one: kernels for a small field, or a plain error."""
    table = tomllib.loads(TEXT)
    table["kernels"] = {"field_nm": 200.0, "source_samples": 7, "count": 48}
    section = data.draw(st.sampled_from(["pupil", "source", "resist"]))
    key = data.draw(st.sampled_from([key for key, value in table[section].items() if isinstance(value, float)]))
    value = data.draw(st.floats(0, 3) | st.floats(0, 0.1) | st.sampled_from([1e-300, 1e-30, 1e30, 1e300]))
    if key == "wavelength_nm" and 0 < value < 20:  # a field of very many wavelengths is legal, and large
        value += 20
    table[section][key] = value
    try:
        process = build_process(validated(Recipe, table, "table"))
    except LithoError:
        return
    assert isinstance(process, ProcessModel)
    images = Simulator(process, dtype=torch.float64).expose(torch.ones(10, 10, dtype=torch.float64), 20.0).intensity
    assert all((image - 1).abs().max() < 1e-9 for image in images.values())
