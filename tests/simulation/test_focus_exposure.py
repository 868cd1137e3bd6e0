"""CDs through focus and dose: the simulator's own image, two beams, wide lines, imported kernels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.focus_optics import FIELD, small_recipe
from scenes.shapes import box

from litho_dl.core.dft import analyse, analysis, point_waves, synthesis, synthesise, synthesise_at
from litho_dl.core.errors import KernelError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.gauge import default_gauges, gauge_along
from litho_dl.optics.mask import MaskType
from litho_dl.optics.topography import Topography
from litho_dl.process.model import build_process, kernel_name, named_focus
from litho_dl.process.recipe import Recipe, RecipeCorner
from litho_dl.simulation.focus_exposure import choose_gauges, expose_through_focus
from litho_dl.simulation.simulator import Simulator


@pytest.fixture(scope="module")
def process():
    return build_process(small_recipe(), field_nm=FIELD)


def test_values_at_points_are_those_of_the_image():
    grid = Grid((24, 32), 8.0)
    image = torch.rand(grid.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    settings = {"dtype": torch.float64, "device": torch.device("cpu")}
    spectrum = analyse(image, analysis(grid, (3, 5), reference_nm=0.0, **settings))
    expected = synthesise(spectrum, synthesis(grid, (3, 5), **settings))
    pixels = torch.tensor([[0, 0], [5, 17], [23, 31]])
    points = (pixels.flip(1) + 0.5) * 8.0
    assert torch.allclose(
        synthesise_at(spectrum, point_waves(points, spectrum, grid.field_nm)), expected[pixels[:, 0], pixels[:, 1]]
    )


class TestFocusExposure:
    def test_the_image_is_the_simulators_through_symmetric_focus(self, process):
        clip = place(Layout("bars", (box(0, 0, 130, 360), box(280, 40, 400, 320))), Grid.of_field(FIELD, 1.0), "bars")
        gauges = choose_gauges(clip, [(-50, 180, 200, 180), (65, 180, 340, 180)])
        foci, seen = np.array([-80.0, 0.0, 80.0]), []
        found = expose_through_focus(
            clip.placed, gauges, process, foci_nm=foci, doses=np.array([0.8, 1.0]), advance=lambda *a: seen.append(a)
        )
        assert seen == [(1, 3, -80.0), (2, 3, 0.0), (3, 3, 80.0)]
        defocused = {**small_recipe().corners, "inner": RecipeCorner(dose=0.8, defocus_nm=80.0)}
        simulator = Simulator(build_process(small_recipe(corners=defocused), field_nm=FIELD), dtype=torch.float64)
        exposure = simulator(clip.coverage(1.0), 1.0, out_pixel_nm=1.0)
        row = round(180 + clip.shift_nm[1])
        for index, dose, corner in ((1, 1, "nominal"), (2, 0, "inner")):
            printed = exposure.binary_print(corner)[row].numpy()
            for measured in found.gauges:
                middle = round(np.mean([measured.gauge.start_nm[0], measured.gauge.end_nm[0]]))
                same = np.flatnonzero(printed != printed[middle])
                width = same[same > middle].min() - same[same < middle].max() - 1
                assert measured.cd_nm[index, dose] == pytest.approx(width, abs=1.0)
        for measured in found.gauges:
            assert measured.cd_nm[0] == pytest.approx(measured.cd_nm[2], abs=1e-6)
            assert abs(measured.cd_nm[0, 0] - measured.cd_nm[1, 0]) > 1
            assert measured.latitude.best_focus_nm == pytest.approx(0, abs=1e-6)
            assert measured.cd_nominal_nm == pytest.approx(measured.cd_nm[1, 1], abs=1e-9)
        lowest = np.max([m.window.low for m in found.gauges], axis=0)
        assert np.interp(foci, found.window.foci_nm, found.window.low) == pytest.approx(lowest, rel=1e-9)

    def test_two_beams_of_opposite_sign_make_a_sinusoid(self):
        # Point source, alternating-like image: an attenuated mask whose mean amplitude vanishes sends only the two
        # first orders through the lens, so I = A cos^2(2 pi x / pitch) in and out of focus.
        pupil = small_recipe().pupil.model_copy(update={"na": 0.6, "obliquity": False})
        source = {"shape": "conventional", "sigma": 0.001}
        transmission = (128 / 384) ** 2  # bright 128, dark 384: mean 128 - sqrt(T) 384 = 0
        recipe = small_recipe(pupil=pupil, mask=MaskType(type="attenuated", transmission=transmission))
        recipe = Recipe.model_validate({**recipe.model_dump(), "source": source})
        process = build_process(recipe, field_nm=FIELD)
        grating = Layout("g", (box(192, 0, 320, 512),))
        order = (1 + 1 / 3) * np.sin(np.pi * 128 / 512) / np.pi
        peak = (2 * order) ** 2
        (gauge,) = default_gauges(grating)
        dose = recipe.resist.threshold / (peak * np.cos(2 * np.pi * 50 / 512) ** 2)  # prints 100 nm
        found = expose_through_focus(
            grating, (gauge,), process, foci_nm=np.array([-200.0, 0.0, 300.0]), doses=np.array([dose])
        )
        assert found.gauges[0].cd_nm == pytest.approx(100.0, abs=2e-3)

    @pytest.mark.parametrize("field", ["dark", "clear"])
    def test_a_bias_of_the_recipe_is_one_of_the_mask(self, field):
        """To first order in the bias, which leaves some 0.3 nm at 6 nm; MEEF moves the biased edges."""
        drawn = Layout("pair", (box(50, 80, 180, 440), box(330, 120, 450, 400)))
        gauges = default_gauges(drawn)
        foci, doses = np.array([-80.0, 0.0, 80.0]), np.array([0.9, 1.0, 1.1])
        biased, moved, plain = (
            expose_through_focus(
                mask,
                gauges,
                build_process(small_recipe(mask=MaskType(field=field, bias_nm=bias_nm)), field_nm=FIELD),
                foci_nm=foci,
                doses=doses,
            )
            for mask, bias_nm in ((drawn, 6.0), (drawn.biased(6.0), 0.0), (drawn, 0.0))
        )
        for one, other, before in zip(biased.gauges, moved.gauges, plain.gauges, strict=True):
            assert one.cd_nm == pytest.approx(other.cd_nm, abs=0.5)
            assert abs(one.cd_nominal_nm - before.cd_nominal_nm) > 10
            assert one.meef == pytest.approx(other.meef, abs=0.01)

    def test_phases_of_thick_edges_move_best_focus(self):
        """The sweep sees the mask's topography: through focus it is the simulator's own, and no longer symmetric."""
        layer = {"zeroth_nm": (-2.0, 6.0)}
        topography = Topography.model_validate({"x": {"parallel": layer, "perpendicular": layer}})
        pupil = small_recipe().pupil.model_copy(update={"imaging": "vector"})
        recipe = small_recipe(pupil=pupil, mask=MaskType(topography=topography))
        process = build_process(recipe, field_nm=FIELD)
        line = Layout("line", (box(200, 56, 320, 456),))
        gauge = gauge_along(line, (150, 256, 370, 256), "g1")
        found = expose_through_focus(line, (gauge,), process, foci_nm=np.array([-60.0, 0.0, 60.0]), doses=np.ones(1))
        coverage = torch.from_numpy(rasterize(line, Grid.of_field(FIELD, 1.0)))
        for focus_nm, cd_nm in zip(found.foci_nm, found.gauges[0].cd_nm[:, 0], strict=True):
            simulator = Simulator(process.at_focus(float(focus_nm)), dtype=torch.float64)
            assert cd_nm == pytest.approx(float(simulator(coverage).cd((150, 256), (370, 256))), abs=0.01)
        low, _, high = found.gauges[0].cd_nm[:, 0]
        assert abs(low - high) > 0.5

    def test_a_wide_line_follows_its_mask(self):
        process = build_process(small_recipe(), field_nm=(1024.0, 1024.0))
        line = Layout("wide", (box(312, 100, 712, 924),))
        gauges = (gauge_along(line, (200, 512, 800, 512), "g1"),)
        found = expose_through_focus(line, gauges, process, foci_nm=np.zeros(1), doses=np.ones(1))
        assert found.gauges[0].meef == pytest.approx(1.0, abs=0.03)
        assert found.gauges[0].cd_nominal_nm == pytest.approx(400, abs=20)

    def test_dose_through_the_nominal_corner(self, process):
        line = Layout("line", (box(200, 50, 320, 462),))
        gauges = default_gauges(line)
        found = expose_through_focus(
            line, gauges, process, foci_nm=np.zeros(1), doses=np.array([1.1]), nominal=(50.0, 1.1)
        )
        other = expose_through_focus(line, gauges, process, foci_nm=np.array([50.0]), doses=np.array([1.1]))
        assert found.gauges[0].cd_nominal_nm == pytest.approx(float(other.gauges[0].cd_nm[0, 0]))
        assert abs(found.gauges[0].cd_nominal_nm - found.gauges[0].cd_nm[0, 0]) > 0.1

    def test_imported_kernels_have_their_own_foci_only(self, process):
        imported = replace(process, recipe=None)
        assert imported.at_focus(0.0).kernels["focus"] is process.kernels["focus"]
        line = Layout("line", (box(200, 50, 320, 462),))
        with pytest.raises(KernelError, match=r"imported kernels \(focus\), got a focus of 25 nm; .* give one, or"):
            expose_through_focus(line, default_gauges(line), imported, foci_nm=np.array([25.0]), doses=np.ones(1))
        alternating = replace(process, mask=MaskType(type="alternating"))
        with pytest.raises(MaskError, match="Alternating"):
            expose_through_focus(line, default_gauges(line), alternating, foci_nm=np.zeros(1), doses=np.ones(1))

    def test_foci_are_named_both_ways(self):
        for focus_nm in (0.0, -25.0, 12.5, 1e-7):
            assert named_focus(kernel_name(focus_nm)) == focus_nm
        assert named_focus("defocus") is None
