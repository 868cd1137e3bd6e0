"""Masks of moving edges."""

import numpy as np
import pytest
import torch
from scenes.coarse_optics import coarse_recipe
from scenes.edges import SHAPES, SIDE, cut, drawn, edges, shapes
from scenes.ilt import FIELD, RECIPE, targets, with_levels
from scenes.ilt import SIMPLE as METHOD
from scenes.shapes import box
from scenes.slanted import turned
from torch import Tensor

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import Grid
from litho_dl.ilt.assists import Assists, Bars
from litho_dl.ilt.fragmentation import Fragmentation
from litho_dl.ilt.method import load_method
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Start
from litho_dl.ilt.parameterization.manhattan import SEARCH_NM, Manhattan, nearest_crossing, on_grid, sampled
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import MaskRules
from litho_dl.process.model import Corner, build_process
from litho_dl.process.resist import Resist
from litho_dl.runs.optimize import evaluate, solve
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.simulator import Simulator

ANNULAR = coarse_recipe("duv193-immersion-annular")


class TestCoverage:
    """The exact area of the moved polygons in each pixel."""

    @shapes
    @pytest.mark.parametrize("pixel_nm", [1.0, 4.0, 8.0])
    def test_without_moves_it_is_the_drawn_shape(self, shape, pixel_nm):
        form, parameters = edges(shape, pixel_nm)
        expected = torch.nn.functional.avg_pool2d(shape, round(pixel_nm))
        torch.testing.assert_close(form.mask(parameters, 1.0), expected, rtol=0, atol=1e-12)

    @shapes
    @pytest.mark.parametrize("move", [7.0, -5.0, 2.5])
    def test_one_fragment_s_move_changes_the_area_by_its_length(self, shape, move):
        """Straight parts: a strip of length times move, on the fragment's own side. Corners belong to both edges."""
        form, parameters = edges(shape)
        clip = cut(shape)
        before = form.mask(parameters, 1.0)
        for index in range(len(clip.sites)):
            moved = parameters.clone()
            moved[0, index] = move
            after = form.mask(moved, 1.0)
            assert 16 * (after - before).sum() == pytest.approx(2 * clip.halves[index] * move)
            rows, columns = ((after - before)[0].abs() > 1e-9).nonzero(as_tuple=True)
            x, y = (columns + 0.5) * 4 - clip.middles[index, 0], (rows + 0.5) * 4 - clip.middles[index, 1]
            axis = int(clip.normals[index, 1] != 0)
            along, across = (x, y) if axis else (y, x)
            assert along.abs().max() < clip.halves[index] + 4
            assert (across * clip.normals[index, axis] * np.sign(move)).min() > -4
            assert across.abs().max() < abs(move) + 4

    @shapes
    def test_growing_all_edges_is_growing_the_shape(self, shape):
        """And shrinking them, on whole nm; holes move the other way, corners stay square."""
        form, parameters = edges(shape, 1.0)
        pooled = torch.nn.functional.max_pool2d(torch.nn.functional.pad(shape, (6,) * 4), 13, stride=1)
        torch.testing.assert_close(form.mask(parameters + 6, 1.0), pooled)
        shrunk = 1 - torch.nn.functional.max_pool2d(1 - torch.nn.functional.pad(shape, (6,) * 4), 13, stride=1)
        torch.testing.assert_close(form.mask(parameters - 6, 1.0), shrunk)

    @shapes
    def test_the_gradient_is_the_edge_s_length(self, shape):
        """On pixel borders as between them."""
        clip = cut(shape)
        for offset in (0.0, 0.3, 1.0, -1.7):
            form, parameters = edges(shape)
            parameters.requires_grad_()
            apart = torch.zeros_like(parameters)
            apart[0, ::2] = offset
            area = 16 * form.mask(parameters + apart, 1.0).sum()
            area.backward()
            lengths = torch.from_numpy(2 * clip.halves)[None]
            if offset == 0:
                torch.testing.assert_close(parameters.grad, lengths)
            else:  # neighbours at other heights: corners lengthen or shorten edges by the offset
                assert parameters.grad is not None
                assert ((parameters.grad - lengths).abs() <= 2 * abs(offset) + 1e-9).all()

    def test_gradients_are_those_of_differences(self):
        form, parameters = edges(SHAPES["ell"])
        moves = 3 * torch.randn(parameters.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        weights = torch.rand(1, 100, 100, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
        assert torch.autograd.gradcheck(lambda m: (form.mask(m, 1.0) * weights).sum(), moves.requires_grad_())

    def test_clips_are_padded_and_stay_apart(self):
        both = torch.cat((SHAPES["bar"], SHAPES["frame"]))
        form, parameters = edges(both)
        count = len(cut(SHAPES["bar"]).sites)
        assert parameters.shape == (2, len(cut(SHAPES["frame"]).sites))
        moved = parameters.clone()
        moved[0, count:] = 9  # fragments of nothing
        moved[1, 3] = 5
        alone, zero = edges(SHAPES["bar"])
        assert torch.equal(form.mask(moved, 1.0)[0], alone.mask(zero, 1.0)[0])
        assert torch.equal(form.project(moved, 0)[0, count:], torch.zeros_like(moved[0, count:]))

    def test_some_of_the_clips_are_as_among_all(self):
        form, parameters = edges(torch.cat((SHAPES["bar"], SHAPES["frame"], SHAPES["ell"])))
        moves = parameters + torch.arange(parameters.numel()).reshape(parameters.shape) % 7
        for clips in (slice(0, 1), slice(1, 3)):
            assert torch.equal(form.of(clips).mask(moves[clips], 1.0), form.mask(moves, 1.0)[clips])

    @shapes
    def test_written_masks_are_the_binary_ones_on_their_grid(self, shape):
        """Every edge and jog on whole nm, whatever the moves."""
        form, parameters = edges(shape)
        moves = 4 * torch.randn(parameters.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
        written, pixel_nm = form.output_mask(moves, 4.0)
        assert (written.dtype, written.shape, pixel_nm) == (torch.bool, (1, SIDE, SIDE), 1.0)
        coarse = torch.nn.functional.avg_pool2d(written.double(), 4)
        torch.testing.assert_close(coarse, form.binary(moves), rtol=0, atol=1e-12)
        assert torch.equal(on_grid(moves), moves.round())

    def test_refined_pixels_show_the_same_shape(self):
        form, parameters = edges(SHAPES["ell"], 8.0)
        moves = parameters + 3.3
        coarse = form.mask(moves, 1.0)
        assert form.refine(moves, 2) is moves
        fine = form.mask(moves, 1.0)
        assert fine.shape == (1, 100, 100)
        torch.testing.assert_close(torch.nn.functional.avg_pool2d(fine, 2), coarse)


class TestEdgeErrors:
    """The print's place along each fragment's normal."""

    def ramp(self, x_nm: float, slope: float = 0.01) -> Exposure:
        """An image at 4 nm that falls through the threshold at x = 200 +- x_nm, linear in x."""
        x = (torch.arange(100, dtype=torch.float64) + 0.5) * 4 - 200
        image = (0.3 + slope * (x_nm - x.abs())).expand(1, 100, -1)
        return Exposure(
            {"focus": image},
            {},
            {"nominal": Corner(1.0, "focus")},
            Resist(threshold=0.3, steepness=50.0),
            (256.0, 256.0),
            4.0,
        )

    @pytest.mark.parametrize("shift_nm", [0.0, 1.0, 2.5, -7.0, 31.0])
    def test_a_shifted_image_gives_its_shift(self, shift_nm):
        """A line of 120 nm printed `shift_nm` too wide on each side; the ends are not measured here."""
        form, parameters = edges(drawn((140, 50, 260, 350)))
        found = form.edge_errors(parameters, self.ramp(60 + shift_nm), 4.0)[0]
        vertical = torch.from_numpy(cut(drawn((140, 50, 260, 350))).normals[:, 0] != 0)
        torch.testing.assert_close(
            found[vertical], torch.full((int(vertical.sum()),), shift_nm).double(), atol=1e-6, rtol=0
        )
        moved = form.edge_errors(parameters + 5, self.ramp(60 + shift_nm), 4.0)[0]
        assert torch.equal(moved, found)  # measured from the drawn edge, not from the mask's

    def test_without_a_crossing_it_is_the_end_of_the_search(self):
        form, parameters = edges(drawn((140, 50, 260, 350)))
        for level, expected in ((0.0, -SEARCH_NM), (1.0, SEARCH_NM)):
            exposure = self.ramp(60.0)
            exposure.intensity["focus"] = torch.full((1, 100, 100), level).double()
            assert (form.edge_errors(parameters, exposure, 4.0) == expected).all()

    def test_the_nearest_fall_counts(self):
        """Not rises, not farther falls."""
        offsets = torch.linspace(-3, 3, 7)
        profile = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.8, 0.0, 1.0])  # falls at -2.5 and, through 0.5, at 1.375
        assert nearest_crossing(profile, 0.5, offsets).item() == pytest.approx(1.375)
        assert nearest_crossing(profile.flip(0), 0.5, offsets).item() == pytest.approx(1.5)

    def test_images_are_sampled_at_pixel_centres_and_across_the_border(self):
        image = torch.rand(1, 6, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        y, x = torch.meshgrid(torch.arange(6) + 0.5, torch.arange(9) + 0.5, indexing="ij")
        places = torch.stack((x, y), -1).double()[None]
        for shift in (0, 9, -18):
            found = sampled(image, places + torch.tensor([shift, 0]))
            torch.testing.assert_close(found, image, rtol=1e-9, atol=1e-9)
        between = sampled(image, places + torch.tensor([0.5, 0.0]))
        rolled = sampled(image.roll(3, 2), places + torch.tensor([3.5, 0.0]))
        torch.testing.assert_close(rolled, between)


def test_feedback_lowers_the_edge_errors():
    """Twelve rounds: lines print within 2 nm rms; in the cross the sites beside inner corners see no edge at all."""
    simulator = Simulator(build_process(RECIPE, field_nm=FIELD, count=6), dtype=torch.float64)
    method = load_method("opc")
    level = method.levels[1].model_copy(update={"steps": 12, "learning_rate": (0.5, 0.3)})
    target = targets(1.0)
    solution = solve_targets(simulator, target, 1.0, method.model_copy(update={"levels": (level,), "check_every": 4}))
    form, start = edges(target)
    before, after = (
        form.edge_errors(moves, simulator(form.mask(moves, 1.0), 4.0), 4.0) for moves in (start, solution.parameters)
    )
    rms = [errors.square().mean(1).sqrt() for errors in (before, after)]
    assert rms[0][1] > 10
    assert rms[1][1] < 2
    assert (rms[1] < rms[0]).all()
    assert (after.abs().median(1).values < 0.3 * before.abs().median(1).values).all()
    assert (solution.checks[-1] < 0.9 * solution.checks[0]).all()


def test_errors_are_not_fed_back_to_assist_features():
    """Whose sides gradients alone move."""
    target, far = drawn((60, 60, 120, 340)), drawn((60, 60, 120, 340), (240, 100, 280, 300))
    form, parameters = edges(target, mask=torch.nn.functional.avg_pool2d(far, 4))
    count = len(cut(target).sites)
    assert parameters.shape == (1, count + 4)
    simulator = Simulator(build_process(RECIPE, field_nm=(SIDE, SIDE), count=6), dtype=torch.float64)
    errors = form.edge_errors(parameters, simulator(form.mask(parameters, 1.0), 4.0), 4.0)
    assert (errors[0, :count] != 0).all()
    assert (errors[0, count:] == 0).all()
    form.mask(parameters.requires_grad_(), 1.0).sum().backward()
    assert parameters.grad is not None
    assert (parameters.grad[0, count:] > 0).all()


def test_moves_are_kept_within_their_limits_in_the_loop():
    simulator = Simulator(build_process(RECIPE, field_nm=FIELD, count=6), dtype=torch.float64)
    level = METHOD.levels[1].model_copy(update={"learning_rate": (50.0, 50.0), "steps": 8})
    method = with_levels(level, parameterization="manhattan", optimizer="feedback", check_every=1)
    solution = solve_targets(simulator, targets(1.0), 1.0, method)
    form, _ = edges(targets(1.0), 8.0)
    assert torch.equal(form.project(solution.parameters, 0), solution.parameters)


def test_a_target_without_edges_is_refused():
    faint = torch.full((1, 16, 16), 0.4)
    with pytest.raises(MaskError, match="covers none by half"):
        PARAMETERIZATIONS["manhattan"]().start(Start(faint, 4.0, faint, 4.0))


class TestSlanted:
    """Polygons with edges at other angles, which are rasterised after each move."""

    bar = turned((box(-130, -45, 130, 45),), 30, 1e-3)[0].mapped(lambda points: points + 200)

    def start(self, *polygons: Polygon | None) -> tuple[Manhattan, Tensor]:
        """The bar, drawn, with the polygons that are given for each target."""
        drawn = torch.from_numpy(rasterize(Layout("bar", (self.bar,)), Grid((SIDE, SIDE), 1.0))).double()
        target = drawn.expand(len(polygons), SIDE, SIDE)
        coarse = torch.nn.functional.avg_pool2d(target, 4)
        form = Manhattan()
        given = [None if polygon is None else [polygon] for polygon in polygons]
        return form, form.start(Start(coarse, 4.0, target, 1.0, given))

    @pytest.mark.parametrize("move", [0.0, 6.0, -7.5])
    def test_growing_all_edges_is_growing_the_polygon(self, move):
        form, parameters = self.start(self.bar)
        assert parameters.shape == (1, 12)  # two line ends, and five to a side of 260 nm
        grown = Layout("bar", (self.bar,)).biased(move)
        expected = torch.from_numpy(rasterize(grown, Grid((SIDE // 4, SIDE // 4), 4.0))).double()
        torch.testing.assert_close(form.mask(parameters + move, 1.0)[0], expected, rtol=0, atol=2e-5)
        written, pixel_nm = form.output_mask(parameters + move, 4.0)
        assert (written[0].shape, pixel_nm) == ((SIDE, SIDE), 1.0)
        assert float(written.sum()) == pytest.approx((260 + 2 * round(move)) * (90 + 2 * round(move)), rel=5e-3)

    def test_gradients_are_those_of_differences(self):
        """At other moves of each fragment, with weights that vary as slowly as images."""
        form, parameters = self.start(self.bar)
        generator = torch.Generator().manual_seed(2)
        moves = (3 * torch.randn(parameters.shape, dtype=torch.float64, generator=generator)).requires_grad_()
        y, x = torch.meshgrid(torch.arange(100), torch.arange(100), indexing="ij")
        weights = torch.sin(x / 7) + torch.cos(y / 5)

        def weighed(moves: Tensor) -> Tensor:
            return (form.mask(moves, 1.0) * weights).sum()

        weighed(moves).backward()
        for index, step in enumerate(0.5 * torch.eye(moves.shape[1], dtype=torch.float64)):
            difference = weighed(moves.detach() + step) - weighed(moves.detach() - step)
            assert moves.grad is not None
            assert moves.grad[0, index] == pytest.approx(float(difference), abs=0.03)
        assert moves.grad.abs().max() > 5

    def test_beside_a_straight_clip_each_is_as_alone(self):
        """Without polygons the pixels' edges are the fragments: every stair moves for itself."""
        form, parameters = self.start(self.bar, None)
        moves = torch.linspace(-4, 4, parameters.numel(), dtype=parameters.dtype).reshape(parameters.shape)
        both = form.mask(moves, 1.0)
        for index, polygon in enumerate((self.bar, None)):
            alone, none = self.start(polygon)
            expected = alone.mask(moves[index : index + 1, : none.shape[1]], 1.0)
            torch.testing.assert_close(both[index : index + 1], expected)

    def test_opc_brings_its_edges_home(self):
        """As those of the straight bar: errors along normals fall below a nm."""
        simulator = Simulator(build_process(ANNULAR, field_nm=FIELD, count=24), dtype=torch.float64)
        level = METHOD.levels[1].model_copy(update={"learning_rate": (0.6, 0.3), "steps": 12})
        method = with_levels(level, parameterization="manhattan", optimizer="feedback", check_every=4)
        for angle_deg in (0, 30):
            turned_bar = turned((box(-130, -45, 130, 45),), angle_deg, 1e-3)
            clip = place(Layout("bar", turned_bar), simulator, "bar")
            solution = solve(simulator, clip, method)
            before = evaluate(simulator, clip.placed, clip, "default").edges
            after = evaluate(simulator, solution, clip, "default").edges
            assert before.epe_3sigma_nm > 8
            assert abs(after.epe_mean_nm) < 1.5
            assert after.epe_3sigma_nm < 0.5 * before.epe_3sigma_nm


class TestSettings:
    @shapes
    def test_the_largest_move_and_what_is_kept(self, shape):
        form = Manhattan(Fragmentation(largest_move_nm=7.0))
        start = Start(torch.nn.functional.avg_pool2d(shape, 4), 4.0, shape, 1.0)
        far = form.project(form.start(start) + 100, 0)
        assert far.max() == 7.0
        assert form.project(far - 300, 0).min() == -7.0
        still = Manhattan(Fragmentation(kept_nm=1000.0))  # nothing may move where a shape or a space is narrower
        assert still.project(still.start(start) - 50, 0).abs().max() == 0

    def test_fragments_are_as_long_as_said(self):
        bar = drawn((50, 100, 350, 250))  # 300 x 150 nm
        start = Start(torch.nn.functional.avg_pool2d(bar, 4), 4.0, bar, 1.0)
        coarse, fine = (Manhattan(Fragmentation(length_nm=length)).start(start).shape[1] for length in (1000.0, 55.0))
        # Between corners of 40 nm, sides of 220 and 70 nm are left: one part each, or four and two.
        assert (coarse, fine) == (2 * (3 + 3), 2 * (6 + 4))

    def test_without_assist_features(self):
        target, far = drawn((60, 60, 120, 340)), drawn((60, 60, 120, 340), (240, 100, 280, 300))
        start = Start(torch.nn.functional.avg_pool2d(far, 4), 4.0, target, 1.0)
        for assists, area_nm2 in ((True, 60 * 280 + 40 * 200), (False, 60 * 280)):
            form = Manhattan(assists=Assists(allowed=assists))
            assert 16 * form.mask(form.start(start), 1.0).sum() == pytest.approx(area_nm2)

    def test_assist_features_do_not_grow_beyond_limits(self):
        """Of width or reach; without them, all four sides of the rectangle may."""
        target, far = drawn((60, 60, 120, 340)), drawn((60, 60, 120, 340), (240, 100, 280, 300))
        start = Start(torch.nn.functional.avg_pool2d(far, 4), 4.0, target, 1.0)
        for assists, grows in ((Assists(), 4), (Assists(widest_nm=40.0), 0), (Assists(reach_nm=200.0), 0)):
            form = Manhattan(assists=assists)
            moves = form.project(form.start(start) + 10, 0)[0, -4:]
            assert int((moves > 0).sum()) == grows

    def test_nothing_grows_together_across_the_border(self):
        """Bars 16 nm from it keep 12 nm; an assist feature with a space of 60 nm stays 30 nm away."""
        near, far = drawn((16, 60, 60, 340)), drawn((16, 60, 60, 340), (280, 100, 360, 300))
        for mask, columns in ((near, (12, 72)), (far, (12, 370))):
            start = Start(torch.nn.functional.avg_pool2d(mask, 4), 4.0, near, 1.0)
            form = Manhattan(Fragmentation(largest_move_nm=12.0), Assists(space_nm=60.0))
            grown, _ = form.output_mask(form.project(form.start(start) + 1000, 0), 4.0)
            assert tuple((np.flatnonzero(grown[0].any(0))[[0, -1]] + (0, 1)).tolist()) == columns

    def test_bars_by_rules_take_the_place_of_features(self):
        """Beside the two long sides of the bar, and not at its ends, which are too short."""
        target, far = drawn((60, 60, 120, 340)), drawn((60, 60, 120, 340), (240, 100, 280, 300))
        start = Start(torch.nn.functional.avg_pool2d(far, 4), 4.0, target, 1.0)
        bars = Bars(width_nm=20.0, distance_nm=32.0, pullback_nm=10.0, shortest_nm=50.0, spacing_nm=16.0)
        form = Manhattan(assists=Assists(bars=bars))
        expected = drawn((60, 60, 120, 340), (152, 70, 172, 330), (8, 70, 28, 330))
        mask, pixel_nm = form.output_mask(form.start(start), 4.0)
        assert pixel_nm == 1.0
        assert torch.equal(mask, expected >= 0.5)

    def test_assist_features_are_no_narrower_than_said(self):
        target, far = drawn((60, 60, 120, 340)), drawn((60, 60, 120, 340), (240, 100, 280, 300))
        start = Start(torch.nn.functional.avg_pool2d(far, 4), 4.0, target, 1.0)
        form = Manhattan(assists=Assists().keeping(MaskRules(60.0, 20.0, 1000.0)))
        assert 16 * form.mask(form.start(start), 1.0).sum() == pytest.approx(60 * 280 + 60 * 200)
        none = Manhattan(assists=Assists().keeping(MaskRules(20.0, 20.0, 8001.0)))
        assert 16 * none.mask(none.start(start), 1.0).sum() == pytest.approx(60 * 280)
