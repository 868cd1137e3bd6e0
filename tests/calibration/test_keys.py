"""Numbers of recipes by dotted keys."""

import math

import pytest
from scenes.calibration import quick_recipe, with_topography

from litho_dl.calibration.keys import DOSE, FOCUS, full_key, known_keys, limits, value_of, with_values
from litho_dl.core.errors import RecipeError
from litho_dl.process.recipe import load_recipe


class TestKeys:
    def test_every_number_is_there_and_numerical_settings_are_not(self):
        keys = known_keys(quick_recipe())
        assert {"resist.threshold", "mask.bias_nm", "pupil.na", "source.sigma_outer", DOSE, FOCUS} <= set(keys)
        assert not [key for key in keys if key.startswith(("kernels", "scale")) or "outer." in key]

    def test_films_and_poles_are_numbered(self):
        keys = known_keys(load_recipe("duv193-immersion-annular-te"))
        assert "film.layers.0.thickness_nm" in keys

    @pytest.mark.parametrize(("short", "full"), [("dose", DOSE), ("focus_nm", FOCUS)])
    def test_short_names(self, short, full):
        assert full_key(short, quick_recipe()) == full

    def test_aberrations_that_a_recipe_lacks(self):
        recipe = quick_recipe()
        assert full_key("pupil.zernike_waves.11", recipe) == "pupil.zernike_waves.Z11"
        assert value_of(recipe, "pupil.zernike_waves.Z11") == 0
        changed = with_values(recipe, {"pupil.zernike_waves.Z11": 0.02})
        assert changed.pupil.zernike_waves == {11: 0.02}
        assert value_of(changed, "pupil.zernike_waves.Z11") == 0.02

    @pytest.mark.parametrize(
        "key", ["resist.treshold", "pupil.imaging", "kernels.field_nm", "pupil.zernike_waves.Z900"]
    )
    def test_unknown_keys_name_the_valid_ones(self, key):
        with pytest.raises(RecipeError, match=r"no number .*known: .*resist\.threshold"):
            full_key(key, quick_recipe())


class TestValues:
    @pytest.mark.parametrize("key", [key for key in known_keys(quick_recipe()) if not key.startswith("corners")])
    def test_set_and_read_each(self, key):
        recipe = quick_recipe()
        value = value_of(recipe, key) * 1.001 if value_of(recipe, key) else 0.01
        changed = with_values(recipe, {key: value})
        assert value_of(changed, key) == value
        others = [other for other in known_keys(recipe) if other != key]
        assert [value_of(changed, other) for other in others] == [value_of(recipe, other) for other in others]

    def test_all_corners_follow_the_nominal_one(self):
        recipe = quick_recipe()
        changed = with_values(recipe, {DOSE: 1.1, FOCUS: 7.0})
        for name, corner in recipe.corners.items():
            assert changed.corners[name].dose == pytest.approx(corner.dose * 1.1)
            assert changed.corners[name].defocus_nm == corner.defocus_nm + 7

    def test_a_film_of_several(self):
        recipe = load_recipe("duv193-immersion-annular-te")
        changed = with_values(recipe, {"film.layers.1.thickness_nm": 91.5})
        assert changed.film.layers[1].thickness_nm == 91.5
        assert changed.film.layers[0] == recipe.film.layers[0]

    def test_two_biases(self):
        recipe = quick_recipe()
        pair = recipe.model_copy(update={"mask": recipe.mask.model_copy(update={"bias_nm": (1.0, 2.0)})})
        assert {"mask.bias_nm.0", "mask.bias_nm.1"} <= set(known_keys(pair))
        assert with_values(pair, {"mask.bias_nm.1": 3.0}).mask.bias_nm == (1.0, 3.0)

    def test_boundary_layers(self):
        recipe = with_topography(quick_recipe())
        key = "mask.topography.x.perpendicular.zeroth_nm.1"
        assert key in known_keys(recipe)
        changed = with_values(recipe, {key: 2.5})
        assert changed.mask.topography.x.perpendicular.zeroth_nm == (-4.0, 2.5)
        assert changed.mask.topography.x.parallel == recipe.mask.topography.x.parallel

    def test_values_out_of_range_are_refused(self):
        with pytest.raises(RecipeError, match="threshold"):
            with_values(quick_recipe(), {"resist.threshold": -1.0})

    def test_limits_are_those_of_the_model(self):
        recipe = quick_recipe()
        assert limits(recipe, "source.sigma_outer") == (0, 1)
        assert limits(recipe, "resist.diffusion_nm") == (0, 1000)
        assert limits(recipe, "pupil.na")[1] == math.inf
        assert limits(recipe, DOSE) == (0.01, 100)
