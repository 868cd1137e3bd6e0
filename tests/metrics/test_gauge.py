"""Gauges: where cutlines measure, and which ones a layout is given by default."""

from dataclasses import replace

import numpy as np
import pytest
from scenes.shapes import box
from scenes.slanted import circle

from litho_dl.core.errors import LayoutError
from litho_dl.core.grid import Grid
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.gauge import default_gauges, gauge_along
from litho_dl.simulation.focus_exposure import choose_gauges

FIELD = Grid((512, 512), 1.0)


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
        # The line 60 wide; no line across is at most 90. The space 90 wide, as far as can be from (250, 200).
        assert found == {("line", (0, 200), (60, 200)), ("space", (60, 280), (150, 280))}

    def test_default_gauges_of_a_square_run_both_ways(self):
        found = [(g.kind, g.start_nm, g.end_nm) for g in default_gauges(Layout("via", (box(0, 0, 80, 80),)))]
        assert sorted(found) == [("line", (0, 40), (80, 40)), ("line", (40, 0), (40, 80))]

    @pytest.mark.parametrize(("overlap_nm", "spaces"), [(20, 0), (30, 1)])
    def test_corners_beside_each_other_are_no_space(self, overlap_nm, spaces):
        """Edges 50 nm apart that face each other over less than half of that."""
        corners = Layout("corners", (box(0, 0, 100, 100), box(100 - overlap_nm, 150, 200, 250)))
        assert sum(gauge.kind == "space" for gauge in default_gauges(corners)) == spaces

    def test_of_equal_widths_the_longest_then_the_most_central_counts(self):
        lines = (box(0, 0, 60, 300), box(200, 0, 260, 400), box(400, 0, 460, 400), box(620, 0, 680, 400))
        gauges = default_gauges(Layout("lines", lines))
        assert [(g.kind, g.start_nm) for g in gauges] == [("line", (400, 200)), ("space", (260, 200))]

    def test_what_a_window_cut_is_not_measured(self):
        window = (40.0, 0.0, 400.0, 350.0)  # leaves a sliver of the first line
        clip = place(self.layout.clipped(window), FIELD, "cut")
        assert {g.target_nm for g in choose_gauges(clip)} == {20.0, 90.0}
        assert {g.target_nm for g in choose_gauges(replace(clip, window_nm=window))} == {100.0, 90.0}

    def test_nothing_to_measure(self):
        triangle = Layout("t", (Polygon(np.array([(0, 0), (100, 0), (40, 90)])),))
        with pytest.raises(LayoutError, match="give gauges of your own"):
            default_gauges(triangle)

    def test_curves_without_corners_have_no_parallel_sides(self):
        ring = Polygon(circle((600, 600), 500, 64, 1e-3), (circle((600, 600), 450, 64, 1e-3)[::-1],))
        found = default_gauges(Layout("ring", (ring,)))
        assert {gauge.kind for gauge in found} == {"line", "space"} or {gauge.kind for gauge in found} == {"line"}
        assert found[0].target_nm == pytest.approx(50, abs=0.2)

    def test_cutlines_are_in_the_layouts_own_coordinates(self):
        clip = place(self.layout.translated(5000, -300), FIELD, "bars")
        (gauge,) = choose_gauges(clip, [(5100, 0, 5280, 0)])
        dx, dy = clip.shift_nm
        assert np.subtract(gauge.start_nm, (dx, dy)).tolist() == [5150, 0]
        with pytest.raises(LayoutError, match="g1: expected a cutline inside the field, from"):
            choose_gauges(clip, [(5100, 0, 6280, 0)])
