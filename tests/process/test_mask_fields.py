"""Mask fields and resist tones in recipes, corners, files and identities."""

from dataclasses import replace

import pytest
from scenes.mask_fields import process_of, recipe_of

from litho_dl.core.errors import KernelError, RecipeError
from litho_dl.core.settings import packaged_text
from litho_dl.process.identity import process_digest, recipe_digest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import Corner, build_process, recipe_corners
from litho_dl.process.recipe import load_recipe

# As they were before masks had fields and resists had tones: weights and data sets of then are found by them.
DIGESTS = {
    "duv193-dry-annular": "3126b3903fb988887422fcd04cb5fef891986019b75922d6ee299360c902e2e2",
    "duv193-immersion-annular": "36747f918aca2033457e376c639141154ce217d135894dcd7209b10d52d307b6",
    "duv193-immersion-quasar": "175ac3ef83b9517a337bc4af0a37d3e98211d20812a78a2391c86194efa98c08",
    "iccad13-like": "7b00ea65ac1b6d79517d99e731cb2f2046d36222b643ca2f95a77e93849b20e6",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_optics_of_before_are_the_same(name):
    assert recipe_digest(load_recipe(name)) == DIGESTS[name]


def test_field_and_tone_are_part_of_the_identity():
    dark, clear = recipe_of("binary", "dark"), recipe_of("binary", "clear")
    turned = dark.model_copy(update={"mask": clear.mask})
    negative = dark.model_copy(update={"resist": dark.resist.model_copy(update={"tone": "negative"})})
    assert len({recipe_digest(recipe) for recipe in (dark, clear, negative)}) == 3
    assert recipe_digest(turned) == recipe_digest(clear)  # they print alike


class TestCorners:
    """`outer` has the dose of the larger print, whichever way they are named."""

    def test_they_are_exchanged_where_a_recipe_names_them_the_other_way(self):
        dark = recipe_of("binary", "dark")
        named = recipe_corners(dark)
        assert named["outer"] == Corner(1.06, "focus")
        turned = dark.model_copy(update={"mask": dark.mask.model_copy(update={"field": "clear"})})
        assert recipe_corners(turned) == {**named, "outer": named["inner"], "inner": named["outer"]}
        assert recipe_corners(turned) == recipe_corners(recipe_of("binary", "clear"))
        assert list(recipe_corners(turned)) == list(named)
        process = build_process(turned, field_nm=(300.0, 300.0), count=3)
        assert process.corners["outer"].dose < process.corners["nominal"].dose < process.corners["inner"].dose

    @pytest.mark.parametrize("field", ["dark", "clear"])
    def test_equal_doses_stay_as_they_are_named(self, field):
        table = recipe_of("binary", field).model_dump()
        table["corners"]["outer"] = {"dose": 1.0, "defocus_nm": 0.0}
        table["corners"]["inner"] = {"dose": 1.0, "defocus_nm": 60.0}
        corners = recipe_corners(type(recipe_of("binary", field)).model_validate(table))
        assert (corners["outer"].kernels, corners["inner"].kernels) == ("focus", "defocus+60nm")

    @pytest.mark.parametrize(("field", "more"), [("dark", "higher"), ("clear", "lower")])
    def test_a_process_refuses_them_the_other_way(self, field, more):
        process = process_of("binary", field)
        wrong = {**process.corners, "outer": process.corners["inner"], "inner": process.corners["outer"]}
        with pytest.raises(KernelError, match=f"in a {field} field by a {more} dose"):
            replace(process, corners=wrong)


def test_files_keep_field_and_tone(tmp_path):
    recipe = recipe_of("attenuated", "clear", tone="negative")
    process = build_process(recipe, field_nm=(300.0, 300.0), count=3)
    save_kernels(tmp_path / "k.safetensors", process)
    read = load_kernels(tmp_path / "k.safetensors")
    assert (read.mask, read.resist, read.corners) == (process.mask, process.resist, process.corners)
    assert process_digest(read) == process_digest(process)
    assert "attenuated clear-field mask" in repr(read)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('type = "binary"', 'type = "binary"\nfield = "bright"', "mask.field"),
        ('type = "binary"', 'type = "alternating"\nfield = "clear"', "no meaning for an alternating mask"),
        ("diffusion_nm = 5.0", 'diffusion_nm = 5.0\ntone = "chemically amplified"', "resist.tone"),
    ],
)
def test_what_is_misspelt_is_named(tmp_path, old, new, message):
    path = tmp_path / "own.toml"
    path.write_text(packaged_text("optics", "duv193-dry-annular").replace(old, new))
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)
