"""Least squares: recovery, intervals, outliers, priors, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scenes.calibration import IMAGES, measured_by, quick_recipe, small_measurements

from litho_dl.calibration.fit import CONFIDENCE
from litho_dl.calibration.keys import with_values
from litho_dl.calibration.model import Model
from litho_dl.calibration.parameters import Prior, choose_parameters
from litho_dl.calibration.run import calibrate, held_out_rows
from litho_dl.core.errors import LithoError, RecipeError

TRUTH = {"resist.threshold": 0.24, "resist.diffusion_nm": 8.0, "mask.bias_nm": 2.0}
KEYS = list(TRUTH)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return small_measurements(tmp_path_factory.mktemp("scenes"))


def fitted(measurements, keys=KEYS, recipe=None, **options):
    parameters, started = choose_parameters(recipe or quick_recipe(), keys, **options)
    return calibrate(started, measurements, parameters, images=IMAGES)


class TestRecovery:
    def test_without_noise(self, drawn):
        truth = {**TRUTH, "focus_nm": 9.0, "pupil.zernike_waves.Z11": 0.02}
        hidden = quick_recipe(**{key.replace(".", "__"): value for key, value in truth.items()})
        result = fitted(measured_by(hidden, drawn), list(truth))
        np.testing.assert_allclose(result.fit.values, list(truth.values()), rtol=1e-6)
        assert result.fit.chi_square < 1e-9

    @pytest.mark.parametrize(("key", "value"), [("dose", 1.03), ("mask.transmission", 0.08), ("pupil.flare", 0.03)])
    def test_of_one_number(self, drawn, key, value):
        recipe = quick_recipe()
        recipe = recipe.model_copy(update={"mask": recipe.mask.model_copy(update={"type": "attenuated"})})
        hidden = with_values(recipe, {choose_parameters(recipe, [key])[0][0].key: value})
        result = fitted(measured_by(hidden, drawn), [key], recipe)
        assert result.fit.values[0] == pytest.approx(value, rel=1e-6)

    def test_in_a_clear_field(self, drawn):
        recipe = quick_recipe("gate-45nm")
        hidden = with_values(recipe, {"resist.threshold": 0.21, "mask.bias_nm": -2.0})
        result = fitted(measured_by(hidden, drawn), ["resist.threshold", "mask.bias_nm"], recipe)
        np.testing.assert_allclose(result.fit.values, [0.21, -2.0], rtol=1e-6)

    def test_intervals_hold_the_truth_and_are_those_of_cramer_and_rao(self, drawn):
        hidden = quick_recipe(**{key.replace(".", "__"): value for key, value in TRUTH.items()})
        clean = measured_by(hidden, drawn)
        model, steps = Model(clean, IMAGES), (1e-5, 1e-3, 1e-3)
        slopes = [
            (model.predict(with_values(hidden, {key: value + step})).values_nm
             - model.predict(with_values(hidden, {key: value - step})).values_nm) / (2 * step) / 0.5
            for (key, value), step in zip(TRUTH.items(), steps, strict=True)
        ]  # fmt: skip
        bounds = np.sqrt(np.diag(np.linalg.inv(np.array(slopes) @ np.array(slopes).T)))
        inside = 0
        for seed in range(10):
            result = fitted(measured_by(hidden, drawn, 0.5, seed), recipe=hidden)
            np.testing.assert_allclose(result.fit.sigmas, bounds, rtol=0.1)
            inside += int((np.abs(result.fit.values - list(TRUTH.values())) <= CONFIDENCE * result.fit.sigmas).sum())
        assert inside >= 24  # of 30; 28.5 are expected, and fewer than 24 come once in 300 times

    def test_a_recipe_that_cannot_fit_has_wider_intervals(self, drawn):
        hidden = quick_recipe(resist__threshold=0.24, resist__diffusion_nm=20.0)
        result = fitted(measured_by(hidden, drawn, 0.5), ["resist.threshold"])
        assert result.fit.widened > 2

    def test_at_a_bound_there_is_no_interval(self, drawn):
        hidden = quick_recipe(resist__threshold=0.24, resist__diffusion_nm=4.0)
        bounds = {"resist.diffusion_nm": (5.0, 9.0)}
        result = fitted(measured_by(hidden, drawn), KEYS[:2], quick_recipe(resist__diffusion_nm=7.0), bounds=bounds)
        assert result.fit.values[1] == pytest.approx(5.0, abs=1e-4)
        assert np.isnan(result.fit.sigmas[1])
        assert np.isfinite(result.fit.sigmas[0])


class TestOutliers:
    def test_are_named_and_left_out(self, drawn):
        hidden = quick_recipe(**{key.replace(".", "__"): value for key, value in TRUTH.items()})
        measured = measured_by(hidden, drawn, 0.5, seed=3)
        for index, off in ((4, 6.0), (11, -9.0)):
            measured[index] = replace(measured[index], value_nm=measured[index].value_nm + off)
        result = fitted(measured)
        assert np.flatnonzero(result.outliers).tolist() == [4, 11]
        assert (np.abs(result.fit.values - list(TRUTH.values())) < 3 * result.fit.sigmas).all()
        assert result.rms_sigmas(result.fit.used) == pytest.approx(1, abs=0.3)

    def test_many_are_the_recipes_fault(self, drawn):
        measured = measured_by(quick_recipe(resist__diffusion_nm=25.0), drawn)
        assert not fitted(measured, ["resist.threshold"]).outliers.any()

    def test_features_that_vanish_are_no_outliers(self, drawn):
        hidden = quick_recipe(resist__threshold=0.24)
        measured = measured_by(hidden, drawn)
        lost = replace(measured[0], dose=0.2)  # prints at no threshold near
        result = fitted([*measured, lost], ["resist.threshold"])
        assert not result.fit.used[-1]
        assert not result.outliers.any()
        assert result.fit.values[0] == pytest.approx(0.24, rel=1e-6)


class TestPriors:
    def test_pull_and_narrow(self, drawn):
        hidden = quick_recipe(**{key.replace(".", "__"): value for key, value in TRUTH.items()})
        measured = measured_by(hidden, drawn, 0.5)
        free = fitted(measured)
        sigma = float(free.fit.sigmas[1])
        mean = float(free.fit.values[1]) + sigma
        held = fitted(measured, priors={"resist.diffusion_nm": Prior(mean, sigma)})
        assert held.fit.sigmas[1] == pytest.approx(sigma / np.sqrt(2), rel=0.05)
        assert held.fit.values[1] == pytest.approx(mean - sigma / 2, abs=0.05 * sigma)

    def test_tell_what_data_cannot(self, drawn):
        measured = measured_by(quick_recipe(resist__threshold=0.24), drawn, 0.5)
        result = fitted(measured, ["dose", "resist.threshold"], priors={"dose": Prior(1.0, 0.01)})
        assert result.fit.sigmas[0] == pytest.approx(0.01, rel=0.01)


class TestRefusals:
    def test_dose_and_threshold(self, drawn):
        with pytest.raises(LithoError, match=r"can't tell resist\.threshold and corners\.nominal\.dose apart.*100 %"):
            fitted(measured_by(quick_recipe(), drawn), ["resist.threshold", "dose", "mask.bias_nm"])

    def test_focus_without_defocus(self, drawn):
        measured = [own for own in measured_by(quick_recipe(), drawn) if own.defocus_nm == 0]
        with pytest.raises(LithoError, match=r"can't tell corners\.nominal\.defocus_nm: .*at 0 .*three or more foci"):
            fitted(measured, ["focus_nm"])

    def test_what_has_no_effect(self, drawn):
        with pytest.raises(LithoError, match=r"can't tell resist\.steepness: no measurement depends on it"):
            fitted(measured_by(quick_recipe(), drawn), ["resist.threshold", "resist.steepness"])

    def test_more_parameters_than_measurements(self, drawn):
        with pytest.raises(LithoError, match="at least as many measurements, got 2"):
            fitted(measured_by(quick_recipe(), drawn)[:2])

    def test_nothing_prints(self, drawn):
        with pytest.raises(LithoError, match="features that print at the start"):
            fitted(measured_by(quick_recipe(), drawn), ["resist.threshold"], starts={"resist.threshold": 9.0})

    @pytest.mark.parametrize(
        ("keys", "options", "message"),
        [
            (["resist.threshold", "resist.threshold"], {}, "each once"),
            ([], {}, "got none"),
            (["resist.threshold"], {"starts": {"dose": 1.1}}, "--start: corners.nominal.dose: expected a fitted key"),
            (["resist.threshold"], {"bounds": {"resist.threshold": (0.3, 0.2)}}, "--bounds: resist.threshold"),
            (["resist.threshold"], {"bounds": {"resist.threshold": (0.3, 0.4)}}, "expected a start from 0.3"),
            (["resist.threshold"], {"priors": {"resist.threshold": Prior(0.2, 0.0)}}, "--prior: resist.threshold"),
        ],
    )
    def test_wrong_options(self, keys, options, message):
        with pytest.raises(RecipeError, match=message):
            choose_parameters(quick_recipe(), keys, **options)


class TestHoldOut:
    def test_is_seeded_and_keeps_lines_together(self, drawn):
        doubled = [own for own in drawn for _ in range(2)]
        held = held_out_rows(doubled, 0.25, seed=5)
        assert held.sum() == 2 * round(0.25 * len(drawn))
        assert (held[::2] == held[1::2]).all()
        np.testing.assert_array_equal(held, held_out_rows(doubled, 0.25, seed=5))
        assert (held != held_out_rows(doubled, 0.25, seed=6)).any()

    def test_takes_no_part(self, drawn):
        measured = measured_by(quick_recipe(resist__threshold=0.24), drawn)
        parameters, started = choose_parameters(quick_recipe(), ["resist.threshold"])
        held = held_out_rows(measured, 0.2, seed=1)
        wrong = [replace(own, value_nm=own.value_nm + 50 * out) for own, out in zip(measured, held, strict=True)]
        result = calibrate(started, wrong, parameters, hold_out=0.2, seed=1, images=IMAGES)
        assert result.fit.values[0] == pytest.approx(0.24, rel=1e-6)
        assert result.rms_nm(result.held_out) == pytest.approx(50, abs=1e-3)

    def test_a_wrong_share(self, drawn):
        with pytest.raises(LithoError, match="share"):
            held_out_rows(drawn, 1.0, 0)
