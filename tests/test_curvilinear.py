"""Curvilinear masks: contours with fewer vertices, and shots on a writing grid."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from litho_dl.core.errors import LayoutError
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.curves import simplify
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.fracture import fracture_curved, write_shots
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

pytestmark = pytest.mark.filterwarnings("error")
PIXEL = 4.0
STEP = 0.05


def image(*distances: np.ndarray) -> tuple[Polygon, ...]:
    """The contours of an area-coverage-like image, from signed distances (inside positive) in nm."""
    return contour_polygons(np.clip(0.5 + np.maximum.reduce(distances) / PIXEL, 0, 1), PIXEL)


Y, X = (np.mgrid[:80, :80] + 0.5) * PIXEL
RADIUS = np.hypot(X - 161, Y - 158)
TURNED = np.hypot((X - 161) * 0.8 + (Y - 158) * 0.6, 2.5 * (-(X - 161) * 0.6 + (Y - 158) * 0.8))
SHAPES = {
    "circle": image(100 - RADIUS),
    "ellipse": image((140 - TURNED) / 2),
    "annulus": image(np.minimum(120 - RADIUS, RADIUS - 60)),
}


def outline(polygons) -> np.ndarray:
    """Points on all edges, `STEP` apart."""
    points = []
    for polygon in polygons:
        for loop in polygon.loops:
            for a, b in zip(loop, np.roll(loop, -1, axis=0), strict=True):
                part = np.linspace(0, 1, max(2, int(np.hypot(*(b - a)) / STEP)))
                points.append(a + part[:, None] * (b - a))
    return np.concatenate(points)


def hausdorff(first, second) -> float:
    a, b = outline(first), outline(second)
    return max(cKDTree(a).query(b)[0].max(), cKDTree(b).query(a)[0].max())


def boxes(shots: np.ndarray) -> Layout:
    shapes = [Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])) for x0, y0, x1, y1 in shots]
    return Layout("shots", tuple(shapes))


def vertices(polygons) -> int:
    return sum(len(loop) for polygon in polygons for loop in polygon.loops)


@pytest.mark.parametrize("tolerance_nm", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("name", SHAPES)
def test_simplified_contours(name, tolerance_nm):
    before = SHAPES[name]
    after = simplify(before, tolerance_nm)
    assert hausdorff(before, after) <= tolerance_nm + STEP
    if tolerance_nm >= 0.5:
        assert vertices(before) > 3 * vertices(after)
    assert hausdorff(before, after) > tolerance_nm / 3  # it does use what it may
    assert [len(polygon.holes) for polygon in after] == [len(polygon.holes) for polygon in before]
    original = {tuple(point) for polygon in before for loop in polygon.loops for point in loop.tolist()}
    assert {tuple(point) for polygon in after for loop in polygon.loops for point in loop.tolist()} <= original
    length = len(outline(before)) * STEP
    assert abs(Layout("a", after).area_nm2 - Layout("b", before).area_nm2) < tolerance_nm * length


def test_a_tolerance_of_zero_keeps_the_outline():
    (circle,) = SHAPES["circle"]
    (same,) = simplify((circle,), 0.0)
    assert len(same.hull) == len(circle.hull)


def thin_ring(gap: float) -> Polygon:
    """A ring so thin that edges of a large tolerance would cross."""
    turn = 2 * np.pi * np.arange(240) / 240
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return Polygon(100 * circle, ((100 - gap) * circle[::-1],))


def test_loops_never_cross():
    ring = thin_ring(0.7)
    (after,) = simplify((ring,), 5.0)
    merged = Layout("ring", (after,)).merged()
    assert [len(polygon.holes) for polygon in merged.polygons] == [1]
    assert 8 < vertices((after,)) < vertices((ring,)) / 2
    assert hausdorff((ring,), (after,)) <= 5.0


def test_polygons_never_meet():
    ring = thin_ring(20)
    turn = 2 * np.pi * (np.arange(200) + 0.4) / 200
    plug = Polygon(79.7 * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    far = Polygon(ring.hull + np.array([300, 0]))
    after = simplify((ring, plug, far), 4.0)
    assert len(Layout("both", after).merged().polygons) == 3
    assert Layout("both", after).area_nm2 == pytest.approx(sum(Layout("", (part,)).area_nm2 for part in after))
    assert len(after[2].hull) < 20  # others keep the full tolerance


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


def test_simplified_contours_through_oasis(tmp_path):
    after = simplify(SHAPES["annulus"], 0.5)
    write_layout(tmp_path / "mask.oas", Layout("mask", after))
    again = read_layout(tmp_path / "mask.oas").polygons
    assert [len(polygon.holes) for polygon in again] == [1]
    assert hausdorff(again, after) < 0.1 + STEP  # the file's unit


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
