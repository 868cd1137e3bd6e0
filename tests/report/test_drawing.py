"""Drawings of clips on a page."""

import numpy as np
import pytest
from scenes.report import square, write_run

from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.stack import read_stack
from litho_dl.report.drawing import draw, framed, path_data


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run")


class TestDrawing:
    def test_path_data(self):
        hole = Polygon(square(0, 0, 3).hull, (np.array([(1, 1), (1, 2), (2, 1.5)]),))
        assert path_data(Layout("p", (hole,)), (-1.0, 0.0)) == "M10 0h30v30h-30zM20 10v10l10 -5z"

    def test_the_frame_is_about_target_and_prints(self, folder):
        stack = read_stack(folder / "plain.layers.oas")
        found = draw("plain", stack, framed(stack, 0.0), [{"x_nm": 100.0, "y_nm": 40.0}], {})
        # Target and band reach from (0, 0) to (102, 100); the mask's island at 300 nm is drawn, but outside.
        assert found.side_nm == pytest.approx(1.4 * 102)
        assert found.corner_nm == pytest.approx((51 - 0.7 * 102, 50 - 0.7 * 102))
        ((x, y),) = found.sites
        assert (x / 10 + found.corner_nm[0], y / 10 + found.corner_nm[1]) == pytest.approx((100, 40))
        assert found.paths["mask"].count("M") == 2

    @pytest.mark.parametrize(("reach_nm", "upper"), [(150.0, 122.4), (250.0, 350.0), (230.0, 330.0)])
    def test_assist_features_within_reach_are_shown(self, folder, reach_nm, upper):
        """The island from (300, 300) to (350, 350) is 198 nm from the prints, whose box ends at (102, 100)."""
        low, high = framed(read_stack(folder / "plain.layers.oas"), reach_nm)
        assert low.tolist() == pytest.approx([-20.4, -20.4])
        assert high[1] == pytest.approx(max(upper, 120.4) if reach_nm > 200 else 120.4)
        assert high[0] == pytest.approx(min(350.0, 102 + reach_nm) if reach_nm > 200 else 122.4)

    def test_nothing_to_draw(self):
        stack = {name: Layout(name, ()) for name in ("target", "nominal", "band")}
        assert framed({**stack, "mask": Layout("m", (square(0, 0, 9),))}, 100.0) is None
