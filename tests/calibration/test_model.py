"""Predictions against the simulator's own CDs and closed forms; derivatives against differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.calibration import (
    FIELD_NM,
    IMAGES,
    VALUES,
    gauge_rows,
    measured_by,
    quick_recipe,
    small_measurements,
    with_topography,
    write_rows,
)

from litho_dl.calibration.images import difference_step
from litho_dl.calibration.keys import full_key, value_of, with_values
from litho_dl.calibration.measurement import COLUMNS, ContourPoint, read_measurements
from litho_dl.calibration.model import Model
from litho_dl.calibration.parameters import choose_parameters
from litho_dl.calibration.run import calibrate
from litho_dl.calibration.scene import Scenes
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.simulation.simulator import Simulator

NEAR = {  # steps of differences of predictions
    **{"resist.threshold": 1e-5, "dose": 1e-5, "resist.diffusion_nm": 1e-3, "pupil.flare": 1e-5},
    **{"mask.blur_nm": 1e-2, "mask.transmission": 1e-6, "mask.bias_nm": 1e-3},
    **{"focus_nm": 0.03, "pupil.focus_blur_nm": 0.03, "pupil.zernike_waves.Z11": 5e-5, "pupil.zernike_waves.Z5": 5e-5},
    **{"pupil.immersion_index": 5e-5, "source.blur_sigma": 0.01, "source.sigma_outer": 0.01, "pupil.na": 0.01},
}


@pytest.fixture(scope="module")
def measurements(tmp_path_factory):
    return small_measurements(tmp_path_factory.mktemp("scenes"))


def scalar_chemical():
    """A chemical resist under the scalar optics of the other tests."""
    resist = load_recipe("arf-positive-chemical").resist
    return quick_recipe().model_copy(update={"resist": resist})


def well(model, recipe):
    return model.prints(recipe, 0.1)


def attenuated(recipe, **changes):
    return recipe.model_copy(update={"mask": recipe.mask.model_copy(update={"type": "attenuated", **changes})})


class TestPredictions:
    @pytest.mark.parametrize("layers", [False, True])
    @pytest.mark.parametrize("name", ["duv193-immersion-annular", "gate-45nm"])
    def test_are_the_simulators_own_cds(self, measurements, name, layers):
        """Lines by `Exposure.cd`, which interpolates between samples; of boundary layers it leaves out weak fields."""
        recipe = quick_recipe(name, resist__diffusion_nm=6.0, pupil__flare=0.02, mask__bias_nm=1.5)
        recipe = with_topography(recipe) if layers else recipe
        lines = [own for own in measurements if own.gauge.kind == "line"]
        found = Model(lines, IMAGES).predict(recipe).values_nm
        assert np.isfinite(found).sum() > 20
        process = build_process(recipe, field_nm=FIELD_NM)
        for own, value in zip(lines, found, strict=True):
            if not np.isfinite(value):
                continue
            simulator = Simulator(process.with_corners({"tool": (own.dose, own.defocus_nm)}), dtype=torch.float64)
            exposure = simulator(own.scene.coverage, 1.0)
            out = 0.45 * np.array(own.gauge.reach_nm)[:, None]
            along = (np.array(own.gauge.end_nm) - own.gauge.start_nm) / own.gauge.target_nm
            start, end = own.gauge.start_nm - out[0] * along, own.gauge.end_nm + out[1] * along
            assert value == pytest.approx(
                float(exposure.cd(tuple(start), tuple(end), "tool")), abs=0.05 if layers else 0.02
            )

    def test_line_and_space_make_the_pitch(self, measurements):
        recipe = quick_recipe()
        found = Model(measurements, IMAGES).predict(recipe).values_nm
        by_name = {(own.name, own.dose, own.defocus_nm): value for own, value in zip(measurements, found, strict=True)}
        for (name, dose, focus), value in by_name.items():
            if name == "dense_line":
                assert value + by_name["dense_space", dose, focus] == pytest.approx(120, abs=1e-8)

    def test_dose_over_threshold_is_all_that_counts(self, measurements):
        model = Model(measurements, IMAGES)
        one = model.predict(quick_recipe(resist__threshold=0.2)).values_nm
        other = model.predict(quick_recipe(resist__threshold=0.24, dose=1.2)).values_nm
        np.testing.assert_allclose(one, other, atol=1e-8)

    def test_a_shift_of_focus_is_one_of_the_tool(self, measurements):
        moved = [replace(own, defocus_nm=own.defocus_nm + 11) for own in measurements]
        one = Model(moved, IMAGES).predict(quick_recipe()).values_nm
        other = Model(measurements, IMAGES).predict(quick_recipe(focus_nm=11)).values_nm
        np.testing.assert_allclose(one, other, atol=1e-8)

    def test_a_point_of_a_contour_says_how_far_the_edge_is(self, measurements):
        recipe = quick_recipe()
        own = next(own for own in measurements if own.name == "iso_line")
        cd = Model([own], IMAGES).predict(recipe).values_nm[0]
        for off in (-3.0, 0.0, 5.0):
            point = ContourPoint((240 + cd / 2 - off, 240.0), (1.0, 0.0))
            found = Model([replace(own, gauge=None, contour=point)], IMAGES).predict(recipe).values_nm
            np.testing.assert_allclose(found, off, atol=1e-8)

    def test_what_does_not_print_has_no_value(self, measurements):
        assert np.isnan(Model(measurements, IMAGES).predict(quick_recipe(resist__threshold=5.0)).values_nm).all()


class TestDerivatives:
    @pytest.mark.parametrize("key", NEAR)
    def test_are_those_of_predictions(self, measurements, key):
        recipe = attenuated(quick_recipe(**{name.replace(".", "__"): value for name, value in VALUES.items()}))
        recipe = with_values(recipe, {full_key("pupil.zernike_waves.Z11", recipe): 0.01, "source.blur_sigma": 0.04})
        if key == "pupil.zernike_waves.Z5":
            recipe = with_values(recipe, {full_key(key, recipe): 0.03})
        full, step = full_key(key, recipe), NEAR[key]
        model = Model(measurements, IMAGES)
        good = well(model, recipe)
        assert good.sum() > 20
        (found,) = model.derivatives(recipe, [full], model.predict(recipe)).T
        ends = [with_values(recipe, {full: value_of(recipe, full) + side * step}) for side in (1, -1)]
        high, low = (model.predict(end).values_nm for end in ends)
        expected = ((high - low) / (2 * step))[good]
        moving = key.startswith("source.") or key == "pupil.na"
        tolerance = 0.02 if moving else 1e-4  # over steps as wide as the fit's: only the slopes' own bend is left
        assert np.linalg.norm(found[good] - expected) < tolerance * np.linalg.norm(expected)

    def test_of_boundary_layers(self, measurements):
        recipe, key = with_topography(quick_recipe()), "mask.topography.x.parallel.zeroth_nm.1"
        model = Model(measurements, IMAGES)
        (found,) = model.derivatives(recipe, [key], model.predict(recipe)).T
        ends = [model.predict(with_values(recipe, {key: 1.0 + side * 0.3})).values_nm for side in (1, -1)]
        good = well(model, recipe)
        expected = ((ends[0] - ends[1]) / 0.6)[good]
        assert np.linalg.norm(found[good] - expected) < 1e-3 * np.linalg.norm(expected) > 0

    def test_of_the_mask_are_exact_for_every_step(self, measurements):
        """The image is quadratic in the mask's spectrum: transmission against its own closed form, d sqrt(T) / dT."""
        recipe, scene = attenuated(quick_recipe()), measurements[0].scene
        key, share = "mask.transmission", value_of(quick_recipe(), "mask.transmission")
        found = IMAGES.mask_derivative(recipe, scene, 0.0, key)

        def image(root):
            return IMAGES.aerial(with_values(recipe, {key: root**2}), scene, 0.0)

        root, step = share**0.5, 0.05  # quadratic in the root: central differences are exact
        expected = (image(root + step) - image(root - step)) / (2 * step) / (2 * root)
        assert (found - expected).abs().max() < 1e-9 * expected.abs().max()

    def test_steps_in_kernels_are_small_enough(self, measurements):
        """Halving the step of focus changes derivatives by less than 1e-5 of them."""
        recipe, model = quick_recipe(focus_nm=10.0), Model(measurements, IMAGES)
        prediction, key = model.predict(recipe), full_key("focus_nm", quick_recipe())
        good, step = well(model, recipe), difference_step(recipe, key)
        (found,) = model.derivatives(recipe, [key], prediction).T
        ends = [model.predict(with_values(recipe, {key: 10.0 + side * step / 2})).values_nm for side in (1, -1)]
        error = np.linalg.norm(found[good] - ((ends[0] - ends[1]) / step)[good])
        assert error < 1e-5 * np.linalg.norm(found[good])


class TestChemicalResist:
    """A resist with exposure, bake and quencher; its numbers are fitted by their keys."""

    @pytest.fixture
    def few(self, measurements):
        return [own for own in measurements if own.name in ("dense_line", "semi_line", "iso_line", "trench_space")]

    def test_predictions_are_the_simulators_own_cds(self, few):
        recipe = scalar_chemical()
        own = next(own for own in few if own.name == "semi_line" and own.defocus_nm == 40)
        found = Model([own], IMAGES).predict(recipe).values_nm
        process = build_process(recipe, field_nm=FIELD_NM).with_corners({"tool": (own.dose, own.defocus_nm)})
        exposure = Simulator(process, dtype=torch.float64)(own.scene.coverage, 1.0)
        assert found == pytest.approx(float(exposure.cd((180, 240), (300, 240), "tool")), abs=0.05)

    @pytest.mark.parametrize(
        "key", ["resist.acid_diffusion_nm", "resist.quencher", "resist.dose_mj_cm2", "dose", "mask.bias_nm"]
    )
    def test_derivatives_are_those_of_predictions(self, few, key):
        recipe, model = scalar_chemical(), Model(few, IMAGES)
        full = full_key(key, recipe)
        step = 2 * difference_step(recipe, full)
        (found,) = model.derivatives(recipe, [full], model.predict(recipe)).T
        ends = [with_values(recipe, {full: value_of(recipe, full) + side * step}) for side in (1, -1)]
        high, low = (model.predict(end).values_nm for end in ends)
        good = well(model, recipe)
        expected = ((high - low) / (2 * step))[good]
        assert good.sum() > 10
        assert np.linalg.norm(found[good] - expected) < 3e-3 * np.linalg.norm(expected)

    def test_its_numbers_are_recovered(self, few):
        truth = {"resist.acid_diffusion_nm": 13.0, "resist.dose_mj_cm2": 31.0}
        recipe = scalar_chemical()
        measured = measured_by(with_values(recipe, truth), few)
        parameters, started = choose_parameters(recipe, list(truth))
        result = calibrate(started, measured, parameters, images=IMAGES)
        np.testing.assert_allclose(result.fit.values, list(truth.values()), rtol=1e-5)


def test_a_written_contour_is_where_the_simulator_prints(measurements, tmp_path):
    """Contours as the simulator draws them lie on the edges that the model finds, holes of a clear field too."""
    recipe = quick_recipe("gate-45nm")
    own = next(own for own in measurements if own.name == "slanted_line")
    write_layout(tmp_path / "slanted.gds", own.scene.drawn)
    exposure = Simulator(build_process(recipe, field_nm=FIELD_NM), dtype=torch.float64)(own.scene.coverage, 1.0)
    (contour,) = exposure.contours("nominal")
    write_layout(tmp_path / "seen.gds", Layout("seen", tuple(Polygon(p.hull) for p in contour.polygons)), dbu_nm=0.001)
    row = gauge_rows()[0] | {"layout": "slanted.gds", "kind": "contour", "cd_nm": "", "contour": "seen.gds", "dose": 1}
    row |= dict.fromkeys(("x0", "y0", "x1", "y1"), "") | {"defocus_nm": 0}
    write_rows(tmp_path / "gauges.csv", [row], [*COLUMNS, "contour"])
    points = read_measurements(tmp_path / "gauges.csv", Scenes(FIELD_NM, 1.0))
    off = Model(points, IMAGES).predict(recipe).values_nm
    assert len(off) > 50
    np.testing.assert_allclose(off, 0, atol=0.02)
