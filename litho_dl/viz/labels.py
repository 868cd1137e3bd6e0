"""Labels beside points, placed without overlaps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from litho_dl.viz.figure import GREY, TICK_SIZE

# Offsets in points and alignment, best first.
PLACES = (
    (6, 3, "left", "bottom"),
    (6, -3, "left", "top"),
    (-6, 3, "right", "bottom"),
    (-6, -3, "right", "top"),
    (0, 8, "center", "bottom"),
    (0, -8, "center", "top"),
    (12, 14, "left", "bottom"),
    (12, -14, "left", "top"),
    (-12, 14, "right", "bottom"),
    (-12, -14, "right", "top"),
)
MARKER_PX = 5.0  # half the side of the square kept free around a point


def label_points(axes: Axes, points: NDArray, names: Sequence[str], colours: Sequence[str]) -> None:
    """Writes names beside points, each at the place that overlaps points, other names and the border least.

    Call it last, as it measures the finished figure.

    Args:
        axes: Where to write.
        points: (n, 2) in data coordinates.
        names: The name of each point.
        colours: The colour of each name.
    """
    canvas = axes.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    renderer = canvas.get_renderer()
    centres = axes.transData.transform(points)
    taken = [Bbox.from_extents(*(centre - MARKER_PX), *(centre + MARKER_PX)) for centre in centres]
    frame = axes.get_window_extent()
    for index in np.argsort(centres[:, 0]):
        text = axes.annotate(
            names[index],
            points[index],
            xytext=PLACES[0][:2],
            textcoords="offset points",
            fontsize=TICK_SIZE,
            color=colours[index],
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4},
        )
        best: tuple[float, Bbox, tuple] | None = None
        for place in PLACES:
            text.set(ha=place[2], va=place[3], position=place[:2])
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer)  # without the leader line
            cost = sum(_overlap(box, other) for other in taken) + box.width * box.height - _overlap(box, frame)
            if best is None or cost < best[0]:
                best = (cost, box, place)
        assert best is not None
        text.set(ha=best[2][2], va=best[2][3], position=best[2][:2])
        taken.append(best[1])


def _overlap(a: Bbox, b: Bbox) -> float:
    """Area common to two boxes in square pixels."""
    width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(width, 0.0) * max(height, 0.0)
