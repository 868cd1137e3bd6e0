"""Masks as rectangles, and the files that hold them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes.curves import SHAPES, STEP, hausdorff
from scenes.shapes import box

from litho_dl.core.errors import LayoutError
from litho_dl.layout.curves import simplify
from litho_dl.layout.files import read_layout
from litho_dl.layout.fracture import fracture, fracture_curved, write_shots
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

pytestmark = pytest.mark.filterwarnings("error")


def boxes(shots: np.ndarray) -> Layout:
    shapes = [Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])) for x0, y0, x1, y1 in shots]
    return Layout("shots", tuple(shapes))


@pytest.mark.parametrize(("grid_nm", "tolerance_nm"), [(1.0, 1.0), (1.0, 4.0), (2.0, 3.0), (0.5, 2.0)])
@pytest.mark.parametrize("name", SHAPES)
def test_shots(name, grid_nm, tolerance_nm):
    polygons = SHAPES[name]
    shots = fracture_curved(polygons, grid_nm=grid_nm, tolerance_nm=tolerance_nm)
    union = boxes(shots)
    np.testing.assert_allclose(shots / grid_nm, np.rint(shots / grid_nm), atol=1e-9)
    assert ((shots[:, 2:] - shots[:, :2]) >= grid_nm).all()
    assert ((shots[:, 2:] - shots[:, :2]).prod(1)).sum() == pytest.approx(union.area_nm2)  # no overlap
    assert hausdorff(union.merged().polygons, polygons) <= tolerance_nm + STEP
    assert union.area_nm2 == pytest.approx(Layout(name, polygons).area_nm2, rel=0.006)


def test_a_coarser_tolerance_takes_fewer_shots():
    counts = [len(fracture_curved(SHAPES["circle"], grid_nm=1.0, tolerance_nm=t)) for t in (1.0, 2.0, 4.0, 8.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 3 * counts[3]


def test_rectangles_need_one_shot():
    square = Polygon(np.array([(10, 10), (50, 10), (50, 90), (10, 90)]))
    ell = Polygon(np.array([(200, 0), (300, 0), (300, 40), (240, 40), (240, 100), (200, 100)]))
    assert fracture_curved((square,), grid_nm=1.0, tolerance_nm=1.0).tolist() == [[10, 10, 50, 90]]
    assert len(fracture_curved((square, ell), grid_nm=1.0, tolerance_nm=2.0)) == 3


def test_the_better_direction_is_taken():
    """Three teeth of three heights: five upright slabs, or seven boxes in flat ones."""
    comb = [(0, 0), (90, 0), (90, 50), (70, 50), (70, 20), (50, 20), (50, 70), (30, 70), (30, 20), (20, 20), (20, 60)]
    teeth = Polygon(np.array([*comb, (0, 60)], dtype=float))
    turned = Polygon(teeth.hull[::-1, ::-1])
    counts = [len(fracture_curved((shape,), grid_nm=1.0, tolerance_nm=1.0)) for shape in (teeth, turned)]
    assert counts == [5, 5]


@pytest.mark.parametrize("suffix", [".csv", ".oas", ".gds"])
def test_written_shots(suffix, tmp_path):
    shots = fracture_curved(SHAPES["annulus"], grid_nm=0.5, tolerance_nm=2.0)
    path = tmp_path / f"shots{suffix}"
    write_shots(path, shots)
    if suffix == ".csv":
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        assert path.read_text().splitlines()[0] == "x_nm,y_nm,width_nm,height_nm"
        np.testing.assert_array_equal(np.hstack([table[:, :2], table[:, :2] + table[:, 2:]]), shots)
        return
    assert read_layout(path, layer="10/0").area_nm2 == pytest.approx(boxes(shots).area_nm2)
    import klayout.db as db

    file = db.Layout()
    file.read(str(path))
    assert file.top_cell().shapes(file.layer(10, 0)).size() == len(shots)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simplify(SHAPES["circle"], -1), "zero or more"),
        (lambda: simplify(SHAPES["circle"], np.nan), "zero or more"),
        (lambda: fracture_curved(SHAPES["circle"], grid_nm=2, tolerance_nm=1), "at least the grid"),
        (lambda: fracture_curved(SHAPES["circle"], grid_nm=0, tolerance_nm=1), "positive grid"),
        (lambda: fracture_curved(SHAPES["circle"], grid_nm=0.001, tolerance_nm=1), "coarser grid"),
        (lambda: write_shots("shots.csv", np.zeros((3, 3))), "shape .3, 3."),
        (lambda: write_shots("shots.txt", np.zeros((1, 4))), "ending in .gds or .oas"),
    ],
)
def test_errors(call, message):
    with pytest.raises(LayoutError, match=message):
        call()


def test_nothing():
    assert simplify((), 1.0) == ()
    assert fracture_curved((), grid_nm=1.0, tolerance_nm=1.0).shape == (0, 4)


BOXES = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=8
)


@settings(max_examples=50, deadline=None)
@given(BOXES)
def test_fracture_covers_the_union_without_overlap(boxes):
    polygons = tuple(box(x, y, x + w, y + h) for x, y, w, h in boxes)
    pixels = np.zeros((80, 80), dtype=int)
    truth = np.zeros((80, 80), dtype=int)
    for x0, y0, x1, y1 in fracture(polygons).astype(int):
        pixels[y0:y1, x0:x1] += 1
    for x, y, w, h in boxes:
        truth[y : y + h, x : x + w] = 1
    assert (pixels == truth).all()


@pytest.mark.parametrize(
    "boxes",
    [
        [(0, 0, 30, 10), (0, 0, 10, 30), (0, 30, 40, 40)],  # every direction of cuts gives three
        [(30, 10, 40, 50), (40, 40, 80, 60), (50, 0, 70, 40)],  # vertical cuts give three, horizontal ones four
        [(20, 20, 40, 30), (10, 30, 30, 60), (10, 30, 50, 50)],  # plain horizontal slices give three, merged ones four
    ],
)
def test_fracture_takes_the_best_direction(boxes):
    assert len(fracture([box(*corners) for corners in boxes])) == 3


def test_fracture_of_nothing():
    assert fracture(()).shape == (0, 4)
