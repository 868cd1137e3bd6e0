"""The package's own names: one import, objects that say what they are, and one clear line for wrong input."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.pictures import image_axes, opacity, shown_part

import litho_dl as ld
from litho_dl.core.errors import GridMismatchError, KernelError, LayoutError, MaskError, RecipeError
from litho_dl.layout.clips import place
from litho_dl.process.model import Corner
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS

FIELD_NM = 640.0
MOST_NAMES = 31
FIRST_LINE = (-50.0, 200.0, 200.0, 200.0)


@pytest.fixture(scope="module")
def simulator() -> ld.Simulator:
    return ld.Simulator("duv193-dry-annular", field_nm=FIELD_NM)


def two_lines(name: str = "lines", shift_nm: float = 0.0) -> ld.Layout:
    boxes = ((shift_nm, 0.0, 130.0 + shift_nm, 420.0), (300.0, 60.0, 430.0, 420.0))
    corners = (np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) for x0, y0, x1, y1 in boxes)
    return ld.Layout(name, tuple(ld.Polygon(polygon) for polygon in corners))


@pytest.fixture(scope="module")
def clip(simulator) -> ld.Clip:
    return place(two_lines(), simulator, "lines")


@pytest.fixture(scope="module")
def method() -> ld.Method:
    return ld.load_method("fast").in_steps(6)


@pytest.fixture(scope="module")
def solution(simulator, clip, method):
    return ld.solve(simulator, clip, method)


@pytest.fixture(scope="module")
def pair(simulator, clip, method):
    return ld.solve(simulator, [clip, place(two_lines("others", 60.0), simulator, "others")], method)


class TestNames:
    def test_are_few_and_all_there(self):
        assert dir(ld) == sorted(ld.__all__)
        assert len(dir(ld)) <= MOST_NAMES
        assert all(getattr(ld, name) is not None for name in dir(ld))

    def test_wait_for_their_use(self):
        program = (
            "import sys, time; began = time.perf_counter(); import litho_dl; took = time.perf_counter() - began;"
            "print('torch' in sys.modules, 'numpy' in sys.modules, took < 0.1)"
        )
        tries = [
            subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
            ).stdout
            for _ in range(3)  # a busy machine may be slow once
        ]
        assert "False False True\n" in tries

    def test_others_are_refused(self):
        with pytest.raises(AttributeError, match="no attribute 'simulate'"):
            ld.simulate  # noqa: B018


class TestFlow:
    def test_one_clip_gives_a_batch_of_one(self, simulator, clip, solution):
        assert solution.mask.dtype == torch.bool
        assert solution.mask.shape == (1, 320, 320)
        score = ld.evaluate(simulator, solution, clip)
        assert isinstance(score, ld.Scorecard)
        assert score.clip == "lines"
        assert str(score).splitlines()[3].split() == ["l2_nm2", f"{score.l2_nm2:,.0f}"]

    def test_a_list_gives_its_length(self, simulator, pair):
        cards = ld.evaluate(simulator, pair, pair.clips)
        assert pair.mask.shape[0] == 2
        assert [card.clip for card in cards] == ["lines", "others"]
        alone = ld.evaluate(simulator, pair.mask[1], pair.clips[1])
        assert (alone.l2_nm2, alone.pvb_nm2) == (cards[1].l2_nm2, cards[1].pvb_nm2)

    def test_arrays_and_tensors_are_taken_alike(self, simulator, clip, solution):
        given = (
            solution,
            solution.mask,
            solution.mask[0],
            solution.mask.numpy(),
            solution.mask.numpy().astype(np.uint8),
        )
        scores = {ld.evaluate(simulator, masks, clip).l2_nm2 for masks in given}
        assert len(scores) == 1
        images = [simulator(masks).aerial() for masks in (solution.mask, solution.mask.numpy().astype(float))]
        assert torch.equal(*images)

    def test_the_pixel_follows_from_the_shape(self, simulator, solution):
        assert torch.equal(simulator(solution.mask).aerial(), simulator(solution.mask, 2.0).aerial())
        assert simulator(solution.mask, out_pixel_nm=2.0).pixel_nm == 2.0

    def test_masks_go_on_from_masks(self, simulator, clip, method, solution):
        again = ld.solve(simulator, clip, method, masks=solution.mask)
        assert again.level_starts == (0,)

    def test_files(self, simulator, clip, solution, tmp_path):
        image, polygons = solution.save(tmp_path)
        for path in (image, polygons):
            found = ld.load_mask(path, clip)
            assert ld.evaluate(simulator, found, clip).l2_nm2 == ld.evaluate(simulator, solution, clip).l2_nm2

    def test_pictures_are_one_call(self, simulator, clip, solution):
        titles = [axes.get_title() for axes in solution.plot().axes if axes.get_title()]
        assert titles == ["Target", "Mask (black: open)", "Aerial image", "Print"]
        assert [axes.get_title() for axes in simulator(solution.mask).plot().axes if axes.get_title()] == titles[2:]
        assert len(simulator.plot().axes) > len(simulator.process.kernels)
        assert len(solution.plot_convergence().axes[0].lines) >= len(solution.history)

    @pytest.mark.parametrize("index", [0, 1, -1])
    def test_the_picture_is_that_of_its_clip(self, pair, index):
        target, mask = image_axes(pair.plot(index))[:2]
        drawn = shown_part(target, pair.clips[index].coverage(1.0).numpy() >= 0.5, 1.0)
        np.testing.assert_array_equal(opacity(target, 0) > 0, drawn)
        solved = shown_part(mask, np.kron(pair.mask[index].numpy(), np.ones((2, 2))), 1.0)
        np.testing.assert_array_equal(np.asarray(mask.images[0].get_array()), solved)

    @pytest.mark.parametrize(("raster", "more_nm"), [("exact", 0), ("inclusive", 1)])
    def test_the_l2_of_a_closed_mask_is_the_area_of_the_rastered_target(self, simulator, clip, raster, more_nm):
        area_nm2 = (130 + more_nm) * (420 + more_nm) + (130 + more_nm) * (360 + more_nm)
        assert ld.evaluate(simulator, torch.zeros(160, 160), clip, raster=raster).l2_nm2 == area_nm2

    def test_scores_of_a_single_precision_simulator_are_in_double_precision(self, simulator, clip, solution):
        double = ld.Simulator(simulator.process, dtype=torch.float64)
        single, expected = (
            evaluate_mask(solution.mask[0], 2.0, clip.placed, one, PROTOCOLS["default"]).scorecard.edges
            for one in (simulator, double)
        )
        assert simulator.dtype == torch.float32
        assert ld.evaluate(simulator, solution, clip).edges == expected != single

    @pytest.mark.parametrize(("value", "kept"), [(0.3, True), (0.5, False)])
    def test_mask_rules_take_half_open_pixels_as_open(self, simulator, value, kept):
        mask = torch.zeros(160, 160)
        mask[40:100, 80:82] = value  # 8 nm wide
        (found,) = ld.check_mask_rules(simulator, mask, ld.MaskRules(20.0, 20.0, 0.0))
        assert (found.counts["width"] == 0) == kept

    def test_cds_at_the_ends_of_the_window_are_off_by_the_tolerance(self, simulator, clip):
        def measured(**settings):
            return ld.process_window(simulator, clip.placed, clip, foci_nm=[0.0], cutlines_nm=[FIRST_LINE], **settings)

        window = measured(tolerance=0.02).gauges[0].window
        ends = measured(doses=(window.low[0], window.high[0])).gauges[0]
        assert ends.gauge.target_nm == pytest.approx(130.0)
        np.testing.assert_allclose(ends.cd_nm, [[0.98 * 130.0, 1.02 * 130.0]], atol=1e-3)

    def test_the_nominal_cd_is_at_the_focus_and_dose_of_the_nominal_corner(self, simulator, clip):
        corners = {**simulator.process.corners, "nominal": Corner(1.1, "defocus+30nm")}
        moved = ld.Simulator(replace(simulator.process, corners=corners))
        found, expected = (
            ld.process_window(one, clip.placed, clip, foci_nm=[focus], doses=[dose], cutlines_nm=[FIRST_LINE]).gauges[0]
            for one, focus, dose in ((moved, 0.0, 1.0), (simulator, 30.0, 1.1))
        )
        assert found.cd_nominal_nm == pytest.approx(expected.cd_nm.item(), abs=1e-9)

    def test_process_windows_and_mask_rules(self, simulator, clip, solution):
        window = ld.process_window(simulator, solution, clip, foci_nm=(-60.0, 0.0, 60.0), doses=(0.95, 1.0, 1.05))
        assert window.gauges[0].cd_nm.shape == (3, 3)
        assert window.plot(clip).axes
        rules = ld.MaskRules(20.0, 20.0, 1000.0)
        (found,) = ld.check_mask_rules(simulator, solution, rules)
        assert found.counts == ld.evaluate(simulator, solution, clip).mrc_violations
        assert [found.counts] * 2 == [
            one.counts for one in ld.check_mask_rules(simulator, solution.mask.repeat(2, 1, 1))
        ]


class TestWhatObjectsSay:
    def test_fits_a_terminal_and_holds_no_values(self, simulator, clip, method, solution):
        window = ld.process_window(simulator, solution, clip, foci_nm=(-60.0, 0.0, 60.0))
        network = ld.load_generator("unet", ld.Simulator("iccad13-like", field_nm=512.0), force=True)
        objects = [
            (simulator, ("193 nm", "NA 0.85", "640 x 640 nm", "nominal, outer, inner", "kernels", "cpu")),
            (simulator.process, ("193 nm", "640 x 640 nm")),
            (clip, ("lines", "2 shapes", "430 x 420 nm")),
            (clip.placed, ("2 polygons",)),
            (clip.placed.polygons[0], ("4 vertices",)),
            (method, ("multilevel", "adam", "l2_area 1")),
            (solution, ("1 mask", "320 x 320", "2 nm", "objective", "finished")),
            (simulator(solution.mask), ("1 x 320 x 320", "nominal, outer, inner")),
            (ld.check_mask_rules(simulator, solution)[0], ("width", "area")),
            (window, ("gauges", "3 foci")),
            (network, ("unet", "iccad13-like")),
        ]
        for thing, words in objects:
            text = repr(thing)
            assert all(word in text for word in words), text
            assert len(text.splitlines()) <= 6
            assert max(map(len, text.splitlines())) <= 160
            assert "tensor(" not in text
            assert "array(" not in text
        assert repr(ld.evaluate(simulator, solution, clip)).startswith("Scorecard(lines, default/4: L2 ")


class TestWrongInput:
    @pytest.mark.parametrize(
        ("mask", "error", "message"),
        [
            (np.full((160, 160), 255, np.uint8), MaskError, r"in \[0, 1\], got 255 to 255; divide it by 255"),
            (torch.full((160, 160), -0.5), MaskError, r"in \[0, 1\], got -0\.5"),
            (torch.full((160, 160), torch.nan), MaskError, "NaN"),
            (np.zeros((160, 160), complex), MaskError, "real numbers"),
            (np.full((160, 160), "open"), MaskError, "real numbers"),
            ("mask.png", MaskError, "got str"),
            (torch.zeros(160), MaskError, "real numbers"),
            (torch.zeros(160, 128), GridMismatchError, "square pixels"),
        ],
    )
    def test_masks(self, simulator, clip, mask, error, message):
        with pytest.raises(error, match=message):
            simulator(mask)
        with pytest.raises((error, MaskError)):
            ld.evaluate(simulator, mask, clip)

    @pytest.mark.parametrize(
        ("masks", "message"),
        [
            (torch.zeros(1, 2, 160, 160), r"\(H, W\) or \(B, H, W\), got values of shape \(1, 2, 160, 160\)"),
            ([torch.zeros(160, 160), torch.zeros(80, 80)], r"one shape, got \(160, 160\), \(80, 80\)"),
        ],
    )
    def test_batches_of_masks(self, simulator, clip, masks, message):
        for use in (
            lambda: ld.evaluate(simulator, masks, [clip] * len(masks)),
            lambda: ld.check_mask_rules(simulator, masks),
        ):
            with pytest.raises(MaskError, match=message):
                use()

    def test_values_at_the_edge_of_the_range_are_taken(self, simulator):
        assert simulator(torch.full((160, 160), 1 + 1e-7)).aerial().max() == pytest.approx(1, abs=1e-5)

    def test_optics(self):
        with pytest.raises(RecipeError, match="did you mean duv193-dry-annular"):
            ld.Simulator("duv193-dry-anular")
        with pytest.raises(GridMismatchError, match="field"):
            ld.Simulator(ld.Simulator("duv193-dry-annular", field_nm=FIELD_NM).process, field_nm=1280.0)

    def test_clips_and_methods(self, simulator, clip, method, solution):
        larger = ld.Simulator("duv193-dry-annular", field_nm=800.0)
        with pytest.raises(GridMismatchError, match="'lines' on 640 x 640 nm"):
            ld.solve(larger, clip, method)
        with pytest.raises(RecipeError, match="did you mean fast"):
            ld.solve(simulator, clip, "fasst")
        with pytest.raises(MaskError, match="at least one clip"):
            ld.solve(simulator, [], method)
        with pytest.raises(MaskError, match="clip"):
            ld.solve(simulator, "layouts/metal_01.glp", method)
        with pytest.raises(MaskError, match="one mask for each clip"):
            ld.evaluate(simulator, solution.mask.repeat(2, 1, 1), clip)
        with pytest.raises(ld.LithoError, match="default"):
            ld.evaluate(simulator, solution, clip, "iccad31")

    @pytest.mark.parametrize(
        ("argument", "call"),
        [
            ("field_nm", lambda sim, clip, masks: ld.Simulator("duv193-dry-annular", field_nm="512")),
            ("field_nm", lambda sim, clip, masks: ld.Simulator(sim.process, field_nm=[512])),
            ("layer", lambda sim, clip, masks: ld.load_clip("a.gds", sim, layer=11)),
            ("cell", lambda sim, clip, masks: ld.read_layout("a.gds", cell=0)),
            ("window_nm", lambda sim, clip, masks: ld.read_layout("a.gds", window_nm=5)),
            ("path", lambda sim, clip, masks: ld.load_mask(5, clip)),
            ("Layout", lambda sim, clip, masks: ld.write_layout("a.gds", "layout")),
            ("on_step", lambda sim, clip, masks: ld.solve(sim, clip, "fast", 5)),
            ("simulator", lambda sim, clip, masks: ld.check_mask_rules("iccad13-like", masks)),
            ("raster", lambda sim, clip, masks: ld.evaluate(sim, masks, clip, raster=5)),
            (
                "tolerance",
                lambda sim, clip, masks: ld.process_window(sim, masks, clip, tolerance="1"),
            ),
            (
                "cutlines_nm",
                lambda sim, clip, masks: ld.process_window(sim, masks, clip, cutlines_nm=5),
            ),
            ("name_or_path", lambda sim, clip, masks: ld.load_generator(5, sim)),
            ("optics", lambda sim, clip, masks: ld.load_generator("unet", "iccad13-like")),
            ("optics", lambda sim, clip, masks: ld.best_generator("iccad13-like")),
            ("folder", lambda sim, clip, masks: ld.PairDataset(5)),
            ("images", lambda sim, clip, masks: ld.PairDataset("a", images="target")),
        ],
    )
    def test_a_wrong_type_names_the_argument(self, simulator, clip, solution, argument, call):
        with pytest.raises(ld.LithoError, match=f"Expected .*{argument}"):
            call(simulator, clip, solution)

    def test_corners_and_cuts(self, simulator, clip):
        exposure = simulator(clip.coverage(4.0))
        with pytest.raises(KernelError, match="best"):
            exposure.aerial("best")
        with pytest.raises(MaskError, match="crosses 2"):
            exposure.cd((10.0, 320.0), (630.0, 320.0))
        with pytest.raises(MaskError, match=r"crosses 0 .* 1 more in part"):
            exposure.cd((10.0, 320.0), (170.0, 320.0))
        with pytest.raises(MaskError, match="points of the field"):
            exposure.cd((-10.0, 320.0), (170.0, 320.0))
        with pytest.raises(LayoutError, match="exactly one line"):
            ld.process_window(simulator, clip.placed, clip, cutlines_nm=[(-50.0, 200.0, 500.0, 200.0)])
