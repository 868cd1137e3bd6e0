"""The picture of a chip: sites where they lie, the worst ringed, seams and what they cost."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from litho_dl.viz.chip import CELLS, chip_figure
from litho_dl.viz.figure import save_figure

pytestmark = pytest.mark.filterwarnings("error")
WANTED = (-100.0, 0.0, 860.0, 480.0)  # cells of 10 nm
XY = np.array([(-95.0, 5.0), (-92.0, 6.0), (405.0, 255.0), (855.0, 475.0), (300.0, 300.0)])
EPE = np.array([2.0, -4.0, 1.0, -9.0, np.nan])
ROWS = [("0-32", 3.0, 40), ("32-64", 1.5, 1234)]
SEAMS = (np.array([380.0]), np.array([120.0, 360.0]))
NOTHING = (np.zeros(0), np.zeros(0))


def drawn(
    spots: tuple[int, ...] = (4, 3), rows: list = ROWS, seams: tuple = SEAMS, chosen: slice = slice(None)
) -> Figure:
    return chip_figure(XY[chosen], EPE[chosen], spots, WANTED, seams, rows, title="a chip")


def cells(figure: Figure) -> np.ndarray:
    """The map's values (48, 96), NaN where there are no sites."""
    (mesh,) = (artist for artist in figure.axes[0].collections if isinstance(artist, QuadMesh))
    return np.ma.filled(mesh.get_array(), np.nan)


def test_the_map_holds_mean_absolute_errors_where_the_sites_lie() -> None:
    shown = cells(drawn())
    assert shown.shape == (48, CELLS)
    found = {(row, column): shown[row, column] for row, column in np.argwhere(np.isfinite(shown)).tolist()}
    assert found == {(0, 0): 3.0, (25, 50): 1.0, (47, 95): 9.0}, "what does not print is not among them"
    axes = drawn().axes[0]
    (mesh,) = (artist for artist in axes.collections if isinstance(artist, QuadMesh))
    corners = np.asarray(mesh.get_coordinates())  # (49, 97, 2) as x, y
    for row, column in found:
        inside = ((corners[row, column] <= XY) & (corners[row + 1, column + 1] > XY)).all(1)
        assert found[row, column] == np.abs(EPE[inside]).mean()
    assert (axes.get_xlim(), axes.get_ylim()) == ((-100, 860), (0, 480))
    assert axes.get_aspect() == 1


def test_worst_sites_are_ringed_and_seams_are_lines() -> None:
    axes = drawn().axes[0]
    rings = next(artist for artist in axes.collections if not isinstance(artist, QuadMesh))
    np.testing.assert_array_equal(rings.get_offsets(), XY[[4, 3]])
    lines = [np.asarray(line.get_xydata()) for line in axes.lines if line.get_linestyle() == "--"]
    upright = [line[0, 0] for line in lines if line[0, 0] == line[1, 0]]
    level = [line[0, 1] for line in lines if line[0, 1] == line[1, 1]]
    assert (upright, level) == ([380], [120, 360])
    assert axes.get_legend().get_texts()[1].get_text() == "2 worst sites"


def test_bars_say_what_the_seams_cost() -> None:
    chart = drawn().axes[1]
    assert [bar.get_height() for bar in chart.patches] == [3.0, 1.5]
    assert [label.get_text() for label in chart.get_xticklabels()] == ["0-32", "32-64"]
    assert [text.get_text() for text in chart.texts] == ["40", "1,234"]
    assert chart.get_ylabel() == "mean |EPE| (nm)"


@pytest.mark.parametrize("chosen", [slice(0), slice(4, 5)], ids=["no sites", "none prints"])
def test_chips_without_seams_or_errors(tmp_path: Path, chosen: slice) -> None:
    figure = drawn((), [], NOTHING, chosen)
    assert len(figure.axes) == 2  # the map and its scale
    assert not np.isfinite(cells(figure)).any()
    save_figure(figure, tmp_path / "chip.png", dpi=40)
    assert (tmp_path / "chip.png").stat().st_size > 0
