"""Masks above their prints, side by side."""

from dataclasses import replace

import numpy as np
import pytest

from litho_dl.core.errors import LithoError
from litho_dl.viz.comparison import comparison_figure, in_lines
from litho_dl.viz.gallery import GalleryClip
from litho_dl.viz.images import ClipImages


def clip(name: str, opening: slice, l2: float) -> GalleryClip:
    """A target of 20 x 40 pixels in a field of 100 x 100, 10 nm each, its print and a mask."""
    target, mask = np.zeros((2, 100, 100))
    target[40:60, 30:70] = 1
    mask[opening, 30:70] = 1
    return GalleryClip(name, ClipImages(10.0, mask, target, target=target), {"L2": l2})


class TestComparison:
    def test_masks_lie_above_their_prints_in_one_window(self):
        drawn = {"a": clip("a", slice(40, 60), 1.0), "b": clip("b", slice(45, 55), 2.0)}
        figure = comparison_figure({"one": drawn, "two": drawn}, margin_nm=50.0)
        places = np.array(figure.axes).reshape(4, 3)
        for row in (0, 2):
            target, first, second = (axes.images[0].get_array() for axes in places[row])
            assert target.shape[:2] == first.shape == second.shape == (50, 50)  # 400 nm and twice 50 nm
            assert (first.sum(), second.sum()) == (20 * 40, 10 * 40)
            assert not places[row + 1, 0].axison
            assert [axes.get_title(loc="left") for axes in places[row]] == [["one", "two"][row // 2], "a", "b"]
            assert [axes.get_title(loc="left") for axes in places[row + 1, 1:]] == ["L2 1", "L2 2"]

    @pytest.mark.parametrize("clips", [{}, {"one": {}}, {"one": {"a": 1}, "two": {"b": 1}}])
    def test_the_same_of_every_clip(self, clips):
        with pytest.raises(LithoError, match="same methods"):
            comparison_figure(clips)

    def test_captions_are_no_wider_than_their_panels(self):
        scores = {"L2": 1_457_433.0, "PVB": 1_047_015.0, "EPE": 1234.0, "MRC": 1234.0}
        drawn = {
            name: replace(clip(name, slice(40, 60), 1.0), score=scores)
            for name in ("a_method_of_a_very_long_name", "another+20")
        }
        figure = comparison_figure({"a-clip-of-a-very-long-name-too": drawn})
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        boxes = [axes._left_title.get_window_extent(renderer) for axes in figure.axes if axes.get_title(loc="left")]
        panels = [axes.get_window_extent(renderer) for axes in figure.axes if axes.get_title(loc="left")]
        assert all(box.width <= 1.03 * panel.width for box, panel in zip(boxes, panels, strict=True))

    @pytest.mark.parametrize(
        ("name", "lines"),
        [
            ("fast", "fast"),
            ("theirs_with_a_long_name_2", "theirs_with_a_long_\nname_2"),
            ("x" * 50, f"{'x' * 21}\n{'x' * 21}\n{'x' * 8}"),
        ],
    )
    def test_names_break_between_words(self, name, lines):
        assert in_lines(name) == lines
