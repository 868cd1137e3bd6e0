"""Pictures of process windows."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scenes.shapes import box

from litho_dl.core.errors import LithoError
from litho_dl.viz.process_window import GaugeCurves, WindowCurves, process_window_figure


def is_white(figure: Figure, axes: Axes, place: tuple[float, float]) -> bool:
    """True if nothing is drawn at a place x, y."""
    figure.canvas.draw()
    column, row = axes.transData.transform(place).astype(int)
    return bool((np.asarray(figure.canvas.buffer_rgba())[::-1][row, column, :3] == 255).all())  # type: ignore[attr-defined]


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

    def test_gauges_lie_on_the_drawn_shapes(self):
        """A line upright and a space level, each in its own colour, on two shapes of which one has a hole."""
        foci, doses = np.array([-60.0, 60.0]), np.array([1.0])
        window = WindowCurves(
            foci, np.array([0.9, 0.95]), np.array([1.2, 1.1]), np.zeros(1), np.zeros(1), None, None, None
        )
        ends = [((30, 10), (30, 190)), ((45, 220), (145, 220))]
        gauges = [
            GaugeCurves(f"g{n}: line", 80.0, start, end, np.array([[80.0], [81.0]]), window)
            for n, (start, end) in enumerate(ends, 1)
        ]
        outlines = [box(0, 0, 60, 200).hull, box(100, 20, 300, 120).hull, box(120, 40, 160, 60).hull[::-1]]
        settings = {
            "foci_nm": foci,
            "doses": doses,
            "tolerance": 0.1,
            "least_el_percent": 5.0,
            "nominal": (-20.0, 1.05),
        }
        figure = process_window_figure(gauges, window, outlines_nm=outlines, **settings)
        windows, drawing = figure.axes[2], figure.axes[4]
        for line, (start, end) in zip(drawing.lines, ends, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), [start, end])
        assert len({line.get_color() for line in drawing.lines}) == 2
        assert [text.get_text() for text in drawing.texts] == ["g1", "g2"]
        assert [text.xy for text in drawing.texts] == [(30, 100), (95, 220)]
        places = {(10, 100): True, (200, 110): True, (140, 50): False, (200, 150): False, (100, 10): False}
        assert {place: not is_white(figure, drawing, place) for place in places} == places
        (x0, x1), (y0, y1) = drawing.get_xlim(), drawing.get_ylim()
        assert (x0, x1, y0, y1) == pytest.approx((-15, 315, -15, 215))
        limits = [line.get_xydata().tolist() for line in windows.lines]
        assert limits == [*2 * [[[-60, 0.9], [60, 0.95]], [[-60, 1.2], [60, 1.1]]], [[-20, 1.05]]]

    def test_one_focus_has_doses_along_the_axis(self):
        foci, doses = np.array([20.0]), np.array([0.9, 1.0, 1.1])
        window = WindowCurves(foci, np.array([0.92]), np.array([1.06]), np.zeros(1), np.array([14.0]), None, None, None)
        gauge = GaugeCurves("g1: line 80 nm", 80.0, (0, 40), (80, 40), np.array([[70.0, 79.0, 88.0]]), window)
        settings = {"foci_nm": foci, "doses": doses, "tolerance": 0.1, "least_el_percent": 5.0, "nominal": (20.0, 1.0)}
        bossung, windows, latitudes, _ = process_window_figure(
            [gauge], window, outlines_nm=[box(0, 0, 80, 80).hull], **settings
        ).axes
        np.testing.assert_array_equal(bossung.lines[1].get_xydata(), [(0.9, 70), (1.0, 79), (1.1, 88)])
        (segment,) = windows.collections[0].get_segments()
        np.testing.assert_allclose(segment, [(0, 0.92), (0, 1.06)])
        assert [bar.get_height() for bar in latitudes.patches] == [14, 14]
