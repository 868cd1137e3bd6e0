"""Process windows against closed forms: sinusoidal images, rectangles in known windows, wide lines, symmetric focus."""

import contextlib
import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from litho_dl.cli.main import main
from litho_dl.clips import load_clip, load_mask_polygons, place
from litho_dl.core.dft import analyse, analysis, synthesis, synthesise, synthesise_at
from litho_dl.core.errors import KernelError, LayoutError, LithoError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.core.io import write_png
from litho_dl.focus_exposure import choose_gauges, expose_through_focus
from litho_dl.layout import Layout, Polygon
from litho_dl.metrics.gauge import default_gauges, gauge_along
from litho_dl.metrics.process_window import (
    GaugeProfile,
    ProcessWindow,
    common_window,
    latitude,
    mask_error_factor,
    process_window,
)
from litho_dl.optics.mask import MaskType
from litho_dl.process.files import save_kernels
from litho_dl.process.model import build_process, kernel_name, named_focus
from litho_dl.process.recipe import Recipe, RecipeCorner, load_recipe
from litho_dl.simulator import Simulator
from litho_dl.viz.process_window import GaugeCurves, WindowCurves, process_window_figure

LAYOUTS = Path(__file__).parents[1] / "layouts"
PITCH_NM, MEAN, CONTRAST = 140.0, 0.4, 0.6
FIELD = (512.0, 512.0)


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))


def sinusoid(*, bright: bool = True, focus_contrast: tuple[float, ...] = (1.0,), **changes: object) -> GaugeProfile:
    """I = mean (1 +- contrast cos(2 pi x / pitch)): a grating of equal lines and spaces, sized at dose 1."""
    x = 0.5 * np.arange(-140, 141)
    wave = np.cos(2 * np.pi * x / PITCH_NM) * (1 if bright else -1)
    intensity = MEAN * (1 + CONTRAST * np.array(focus_contrast)[:, None] * wave)
    settings = {"positions_nm": x, "target_nm": PITCH_NM / 2, "bright": bright, "threshold": MEAN}
    return GaugeProfile(intensity, **(settings | changes))  # type: ignore[arg-type]


def dose_to_cd(cd_nm: float, contrast: float = CONTRAST) -> float:
    """The dose at which a bright sinusoid prints a line of that width, in closed form."""
    return 1 / (1 + contrast * np.cos(np.pi * cd_nm / PITCH_NM))


class TestProfile:
    @pytest.mark.parametrize("cd_nm", [40.0, 63.3, 70.0, 91.7])
    def test_cd_of_a_sinusoid(self, cd_nm):
        dose = dose_to_cd(cd_nm)
        line, space = sinusoid(), sinusoid(bright=False)
        assert line.cd_nm(np.array([dose])) == pytest.approx(cd_nm, abs=2e-3)
        assert space.cd_nm(np.array([dose])) == pytest.approx(PITCH_NM - cd_nm, abs=2e-3)

    def test_nils_of_a_sinusoid(self):
        contrasts = (1.0, 0.5)
        expected = [np.pi * CONTRAST * c for c in contrasts]  # w dI/dx / I at the quarter pitch, with w = pitch / 2
        assert sinusoid(focus_contrast=contrasts).nils() == pytest.approx(expected, rel=2e-4)

    def test_lost_and_bridged_features(self):
        doses = np.array([0.5, 5.0])  # below the highest intensity's, above the lowest's
        assert sinusoid().cd_nm(doses).tolist() == [[0.0, np.inf]]
        assert sinusoid(bright=False).cd_nm(doses).tolist() == [[np.inf, 0.0]]

    def test_only_what_is_connected_to_the_middle_counts(self):
        x = np.arange(-10.0, 11.0)
        profile = GaugeProfile(
            np.where((np.abs(x) < 3) | (np.abs(x) > 6), 1.0, 0.0)[None], x, target_nm=5, bright=True, threshold=0.5
        )
        assert profile.cd_nm(np.array([1.0])) == pytest.approx(5.0)

    def test_an_asymmetric_image_has_both_its_edges(self):
        x = np.arange(-10.0, 11.0)
        profile = GaugeProfile(1 - np.abs(x - 1.3)[None] / 8, x, target_nm=8, bright=True, threshold=0.5)
        assert profile.cd_nm(np.array([1.0])) == pytest.approx(8.0)
        assert profile.cd_nm(np.array([2.0])) == pytest.approx(12.0)

    def test_refuses_what_is_no_profile(self):
        with pytest.raises(LithoError, match="finite intensity"):
            GaugeProfile(np.full((1, 3), np.nan), np.arange(-1.0, 2.0), 1.0, True, 0.3)
        with pytest.raises(LithoError, match="positions through 0"):
            sinusoid(target_nm=-1.0)


class TestWindow:
    @pytest.mark.parametrize("bright", [True, False])
    @pytest.mark.parametrize("tolerance", [0.1, 0.05])
    def test_latitude_of_a_sinusoid(self, bright, tolerance):
        low, high = (dose_to_cd(PITCH_NM / 2 * (1 + side * tolerance)) for side in (-1, 1))
        window = process_window(sinusoid(bright=bright), np.array([0.0]), tolerance)
        assert (window.low[0], window.high[0]) == pytest.approx((low, high), rel=1e-4)
        found = latitude(window)
        assert found.max_el_percent == pytest.approx(200 * (high - low) / (high + low), rel=1e-3)
        assert found.max_el_percent == pytest.approx(100 * tolerance * np.pi * CONTRAST, rel=0.02)  # tolerance x NILS
        assert (found.dof_at_least_el_nm, found.dof_limited) == (None, False)

    def test_a_window_that_loses_contrast_with_defocus(self):
        foci = np.linspace(-100, 100, 11)
        contrast = 1 - (foci / 120) ** 2
        window = process_window(sinusoid(focus_contrast=tuple(contrast)), foci)
        expected = [dose_to_cd(PITCH_NM / 2 * 1.1, CONTRAST * c) for c in contrast]
        assert window.high == pytest.approx(np.array(expected), rel=1e-4)
        found = latitude(window)
        assert found.best_focus_nm == pytest.approx(0, abs=1e-6)
        assert (np.diff(found.el_percent) <= 1e-9).all()
        # The rectangle over [-60, 60] has the height of the window at 60 nm.
        at_60 = 10 * np.pi * CONTRAST * (1 - 0.25)
        assert np.interp(120, found.dof_nm, found.el_percent) == pytest.approx(at_60, rel=0.02)

    def test_rectangles_in_a_slanted_window(self):
        # Both limits rise with focus; a rectangle of width w loses slope x w of the height.
        foci = np.linspace(-50, 50, 5)
        window = ProcessWindow(foci, 0.9 + 0.001 * foci, 1.1 + 0.001 * foci)
        found = latitude(window, least_el_percent=12.0)
        width = 40.0  # wherever it lies: from low(right end) to high(left end); the lowest dose has the highest EL
        low, high = 0.9 + 0.001 * (-50 + width), 1.1 - 0.05
        expected = 200 * (high - low) / (high + low)
        assert np.interp(width, found.dof_nm, found.el_percent) == pytest.approx(expected, rel=1e-6)
        assert not found.dof_limited
        # 200 (0.2 - s w) / (1.9 + s w) = 12 at the left end of the sweep, where doses are lowest.
        dof = (0.2 * 200 - 1.9 * 12) / (0.001 * 212)
        assert found.dof_at_least_el_nm == pytest.approx(dof, abs=0.1)
        assert found.best_focus_nm == pytest.approx(-50 + dof / 2, abs=0.2)
        assert found.best_dose == pytest.approx(0.95 + 0.0005 * dof, abs=1e-3)

    def test_rectangles_in_a_triangle(self):
        foci = np.array([-100.0, 0.0, 100.0])
        found = latitude(ProcessWindow(foci, np.array([1.0, 0.9, 1.0]), np.array([1.0, 1.1, 1.0])))
        assert found.max_el_percent == pytest.approx(20)
        assert np.interp([50, 100, 150], found.dof_nm, found.el_percent) == pytest.approx([15, 10, 5])
        assert (found.dof_at_least_el_nm, found.dof_limited) == (pytest.approx(150), False)
        assert (found.best_focus_nm, found.best_dose) == (pytest.approx(0), pytest.approx(1))

    def test_a_window_wider_than_the_sweep(self):
        found = latitude(ProcessWindow(np.array([-20.0, 20.0]), np.full(2, 0.9), np.full(2, 1.1)))
        assert (found.dof_at_least_el_nm, found.dof_limited) == (40.0, True)

    def test_the_common_window_is_the_overlap(self):
        foci = np.array([-10.0, 10.0])
        first = ProcessWindow(foci, np.array([0.8, 0.9]), np.array([1.0, 1.1]))
        second = ProcessWindow(foci, np.array([0.9, 0.7]), np.array([1.2, 0.8]))
        both = common_window([first, second])
        # In t = 0 ... 1 from end to end: low is max(0.8 + 0.1 t, 0.9 - 0.2 t), high min(1 + 0.1 t, 1.2 - 0.4 t).
        at = -10 + 20 * np.array([0, 0.25, 0.4, 0.8, 1])
        assert np.interp(at, both.foci_nm, both.low) == pytest.approx([0.9, 0.85, 0.84, 0.88, 0.9])
        assert np.interp(at, both.foci_nm, both.high) == pytest.approx([1.0, 1.025, 1.04, 0.88, 0.8])
        found = latitude(both, least_el_percent=0.5)
        # The highest at t = 1/3, where low is lowest; the widest from t = 0 to 0.75, where high meets low(0).
        assert found.max_el_percent == pytest.approx(200 * 0.2 / (1.8 + 2 / 30), rel=1e-3)
        assert found.dof_nm[(found.el_percent > 0).sum()] == pytest.approx(15, abs=0.1)

    def test_no_common_window(self):
        foci = np.array([-10.0, 10.0])
        apart = [ProcessWindow(foci, np.full(2, low), np.full(2, low + 0.1)) for low in (0.8, 1.0)]
        found = latitude(common_window(apart))
        assert (found.max_el_percent, found.dof_at_least_el_nm) == (0.0, 0.0)
        assert (found.best_focus_nm, found.best_dose) == (None, None)

    def test_refuses_bad_tolerances_and_foci(self):
        with pytest.raises(LithoError, match="tolerance between 0 and 100"):
            process_window(sinusoid(), np.array([0.0]), 1.0)
        with pytest.raises(LithoError, match="2 rising foci"):
            process_window(sinusoid(focus_contrast=(1.0, 1.0)), np.array([0.0, 0.0]))

    def test_mask_error_factor(self):
        assert mask_error_factor(106, 98, 1.0, bright=True) == 2.0
        assert mask_error_factor(98, 106, 1.0, bright=False) == 2.0
        assert mask_error_factor(98, 0, 1.0, bright=False) is None
        assert mask_error_factor(np.inf, 98, 1.0, bright=True) is None


class TestGauges:
    layout = Layout("bars", (box(0, 0, 60, 400), box(150, 0, 250, 400), box(250, 100, 300, 200), box(20, 10, 50, 90)))

    def test_a_line_and_its_reach(self):
        gauge = gauge_along(self.layout, (100, 300, 280, 300), "g1")
        assert (gauge.kind, gauge.start_nm, gauge.end_nm) == ("line", (150, 300), (250, 300))
        assert gauge.reach_nm == (90, 200)
        x = gauge.positions_nm(0.7)
        assert (x[0], x[-1]) == (pytest.approx(-140, abs=0.7), pytest.approx(250, abs=0.7))
        assert np.abs(x[:, None] - [-50, 0, 50]).min(0).max() < 1e-9
        assert gauge.points_nm(np.array([-50.0, 10.0])).tolist() == [[150, 300], [210, 300]]

    def test_a_space_from_line_to_line(self):
        gauge = gauge_along(self.layout, (200, 50, 30, 50), "g1")
        assert (gauge.kind, gauge.target_nm, gauge.reach_nm) == ("space", 90, (100, 60))

    def test_a_slanted_cutline(self):
        gauge = gauge_along(self.layout, (100, 250, 300, 350), "g1")
        assert gauge.target_nm == pytest.approx(100 * np.sqrt(1.25))

    @pytest.mark.parametrize(
        "cutline",
        [(300, 300, 400, 300), (100, 300, 200, 300), (-10, 300, 310, 300), (10, 300, 50, 300), (155, 10, 155, 20)],
        ids=["nothing", "half a line", "two lines", "inside a line", "inside along"],
    )
    def test_bad_cutlines(self, cutline):
        with pytest.raises(LayoutError, match="g7: expected a cutline over exactly one"):
            gauge_along(self.layout, cutline, "g7")
        with pytest.raises(LayoutError, match="two different points"):
            gauge_along(self.layout, (1, 2, 1, 2), "g7")

    def test_default_gauges_are_the_narrowest(self):
        found = {(g.kind, g.start_nm, g.end_nm) for g in default_gauges(self.layout)}
        # The line 60 wide; no line across is at most 90. The space 90 wide, beside the middle of its longest side.
        assert found == {("line", (0, 200), (60, 200)), ("space", (60, 200), (150, 200))}

    def test_default_gauges_of_a_square_run_both_ways(self):
        found = [(g.kind, g.start_nm, g.end_nm) for g in default_gauges(Layout("via", (box(0, 0, 80, 80),)))]
        assert sorted(found) == [("line", (0, 40), (80, 40)), ("line", (40, 0), (40, 80))]

    def test_of_equal_widths_the_longest_then_the_most_central_counts(self):
        lines = (box(0, 0, 60, 300), box(200, 0, 260, 400), box(400, 0, 460, 400), box(620, 0, 680, 400))
        gauges = default_gauges(Layout("lines", lines))
        assert [(g.kind, g.start_nm) for g in gauges] == [("line", (400, 200)), ("space", (260, 200))]

    def test_what_a_window_cut_is_not_measured(self):
        window = (40.0, 0.0, 400.0, 350.0)  # leaves a sliver of the first line
        clip = place(self.layout.clipped(window), FIELD, "cut")
        assert {g.target_nm for g in choose_gauges(clip)} == {20.0, 90.0}
        assert {g.target_nm for g in choose_gauges(clip, window_nm=window)} == {100.0, 90.0}

    def test_nothing_to_measure(self):
        triangle = Layout("t", (Polygon(np.array([(0, 0), (100, 0), (40, 90)])),))
        with pytest.raises(LayoutError, match="give gauges of your own"):
            default_gauges(triangle)

    def test_cutlines_are_in_the_layouts_own_coordinates(self):
        clip = place(self.layout.translated(5000, -300), FIELD, "bars")
        (gauge,) = choose_gauges(clip, [(5100, 0, 5280, 0)])
        dx, dy = clip.shift_nm
        assert np.subtract(gauge.start_nm, (dx, dy)).tolist() == [5150, 0]
        with pytest.raises(LayoutError, match="g1: expected a cutline inside the field, from"):
            choose_gauges(clip, [(5100, 0, 6280, 0)])


def small_recipe(**changes: object) -> Recipe:
    """Dry optics with few source points and no diffusion."""
    recipe = load_recipe("duv193-dry-annular")
    settings = recipe.kernels.model_copy(update={"source_samples": 9, "count": None})
    resist = recipe.resist.model_copy(update={"diffusion_nm": 0.0})
    best = {name: RecipeCorner(dose=1.0, defocus_nm=0.0) for name in recipe.corners}
    return recipe.model_copy(update={"kernels": settings, "resist": resist, "corners": best, **changes})


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
    assert torch.allclose(synthesise_at(spectrum, points, grid.field_nm), expected[pixels[:, 0], pixels[:, 1]])


def test_biased_polygons():
    ring = Layout("ring", (Polygon(box(0, 0, 100, 80).hull, (box(30, 30, 60, 50).hull,)),))
    assert ring.biased(1.5).area_nm2 == pytest.approx(103 * 83 - 27 * 17)
    assert ring.biased(-0.25).area_nm2 == pytest.approx(99.5 * 79.5 - 30.5 * 20.5)


class TestFocusExposure:
    def test_the_image_is_the_simulators_through_symmetric_focus(self, process):
        clip = place(Layout("bars", (box(0, 0, 130, 360), box(280, 40, 400, 320))), FIELD, "bars")
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
        with pytest.raises(KernelError, match=r"imported kernels \(focus\), got a focus of 25 nm; .* give one as"):
            expose_through_focus(line, default_gauges(line), imported, foci_nm=np.array([25.0]), doses=np.ones(1))
        alternating = replace(process, mask=MaskType(type="alternating"))
        with pytest.raises(MaskError, match="Alternating"):
            expose_through_focus(line, default_gauges(line), alternating, foci_nm=np.zeros(1), doses=np.ones(1))

    def test_foci_are_named_both_ways(self):
        for focus_nm in (0.0, -25.0, 12.5, 1e-7):
            assert named_focus(kernel_name(focus_nm)) == focus_nm
        assert named_focus("defocus") is None


class TestFigure:
    def test_curves_and_the_best_rectangle(self):
        foci, doses = np.array([-100.0, 0.0, 100.0]), np.array([0.95, 1.05])
        low, high = np.array([1.0, 0.9, 1.0]), np.array([1.0, 1.1, 1.0])
        window = WindowCurves(foci, low, high, np.array([0.0, 200.0]), np.array([20.0, 0.0]), 0.0, 1.0, 150.0)
        cds = np.array([[0.0, 80.0], [75.0, 85.0], [70.0, np.inf]])
        gauge = GaugeCurves("g1: line 80 nm", 80.0, (0, 40), (80, 40), cds, window)
        figure = process_window_figure(
            [gauge],
            window,
            foci_nm=foci,
            doses=doses,
            tolerance=0.1,
            least_el_percent=5.0,
            outlines_nm=[box(0, 0, 80, 80).hull],
            nominal=(0.0, 1.0),
            title="t",
        )
        bossung, doses_through_focus, latitudes, drawing = figure.axes
        assert bossung.get_title() == "g1: line 80 nm"
        first, second = (line.get_ydata() for line in bossung.lines[1:])
        assert np.array_equal(first, [np.nan, 75, 70], equal_nan=True)
        assert np.array_equal(second, [80, 85, np.nan], equal_nan=True)
        (rectangle,) = doses_through_focus.patches
        assert rectangle.get_bbox().bounds == pytest.approx((-75, 0.975, 150, 0.05))
        assert latitudes.get_xlabel() == "depth of focus (nm)"
        assert drawing.get_title() == "Gauges"
        with pytest.raises(LithoError, match="at least one gauge"):
            process_window_figure(
                [],
                window,
                foci_nm=foci,
                doses=doses,
                tolerance=0.1,
                least_el_percent=5.0,
                outlines_nm=[],
                nominal=(0, 1),
            )


class Ran:
    """One command line, run in this process."""

    def __init__(self, *arguments: object) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code: object = 0
        with (
            mock.patch.object(sys, "argv", ["litho-dl", "process-window", *map(str, arguments)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as stop:
                self.code = stop.code
        self.out, self.err = out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def kernels(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("kernels") / "small.safetensors"
    save_kernels(path, build_process(small_recipe(), field_nm=(1280.0, 1280.0)))
    return path


class TestCommand:
    def test_a_shipped_layout(self, kernels, tmp_path):
        ran = Ran(
            *("--target", LAYOUTS / "metal_04.glp", "--optics", kernels, "--out", tmp_path, "--focus", "-60,60,60"),
            *("--dose", "0.9,1.1,0.1", "--gauge", "130,310,130,430", "--gauge", "450,375,650,375", "--json"),
        )
        assert ran.code == 0, ran.err
        summary = json.loads(ran.out)
        assert json.loads((tmp_path / "summary.json").read_text()) == summary
        line, space = summary["gauges"]
        assert (line["kind"], line["edges_nm"], line["target_cd_nm"]) == ("line", [130, 340, 130, 410], 70)
        assert (space["kind"], space["edges_nm"], space["target_cd_nm"]) == ("space", [490, 375, 610, 375], 120)
        assert line["best_focus_nm"] == pytest.approx(0, abs=1e-6)
        rows = list(csv.DictReader((tmp_path / "process_window.csv").open()))
        assert len(rows) == 2 * 3 * 3
        nominal = [r for r in rows if (r["gauge"], float(r["focus_nm"]), float(r["dose"])) == ("g1", 0, 1)]
        assert float(nominal[0]["cd_nm"]) == pytest.approx(line["cd_nominal_nm"], abs=1e-3)
        assert (tmp_path / "process_window.png").read_bytes().startswith(b"\x89PNG")

    def test_one_focus_prints_a_table(self, kernels, tmp_path):
        ran = Ran(
            *("--target", LAYOUTS / "metal_04.glp", "--optics", kernels, "--out", tmp_path, "--focus", "0,0,1"),
        )
        assert ran.code == 0, ran.err
        lines = ran.out.splitlines()
        assert lines[0].split()[:5] == ["gauge", "target", "CD", "NILS", "MEEF"]
        assert [line.split()[0] for line in lines[1:6]] == ["g1", "g2", "g3", "g4", "common"]

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["--gauge", "9000,0,9100,0"], 1, "g1: expected a cutline inside the field"),
            (["--gauge", "380,300,480,300"], 1, "g1: expected a cutline over exactly one line"),
            (["--focus", "60,-60,60"], 2, "expected FROM,TO,STEP, rising"),
            (["--focus", "0,10,0"], 2, "expected FROM,TO,STEP, rising"),
            (["--dose", "0,1,0.5"], 2, "expected positive doses"),
            (["--tolerance", "100"], 2, "--tolerance"),
        ],
    )
    def test_bad_input(self, kernels, tmp_path, arguments, code, message):
        ran = Ran("--target", LAYOUTS / "metal_04.glp", "--optics", kernels, "--out", tmp_path, *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert message in " ".join(ran.err.split())
        assert not any(tmp_path.iterdir())

    def test_masks_elsewhere(self, kernels, tmp_path):
        mask = LAYOUTS / "standard_cells.oas"
        ran = Ran(
            *("--target", LAYOUTS / "metal_04.glp", "--mask", mask, "--mask-layer", "11/0"),
            *("--optics", kernels, "--out", tmp_path),
        )
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"Error: {mask}: Expected polygons inside the field of 1280 x 1280 nm")

    def test_pixel_masks_and_polygon_masks_are_one(self, tmp_path):
        clip = load_clip(LAYOUTS / "metal_04.glp", (1280.0, 1280.0))
        write_png(tmp_path / "mask.png", (clip.coverage(10.0).numpy() >= 0.5).astype(np.uint8) * 255)
        pixels = load_mask_polygons(tmp_path / "mask.png", clip)
        polygons = load_mask_polygons(LAYOUTS / "metal_04.glp", clip)
        assert polygons.area_nm2 == clip.placed.area_nm2
        assert pixels.bbox_nm == pytest.approx(clip.placed.bbox_nm, abs=5)
