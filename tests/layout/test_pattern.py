"""Pattern hashes: the same for what is the same pattern, and for nothing else."""

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.core.dihedral import SYMMETRIES
from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import coarse_images, pattern_hash, similarity
from litho_dl.layout.polygon import Polygon

# No symmetry of its own: an F, and a square with a hole beside it.
F = Polygon(
    np.array(
        [(0, 0), (70, 0), (70, 100), (150, 100), (150, 170), (70, 170), (70, 230), (230, 230), (230, 300), (0, 300)],
        float,
    )
)
RING = Polygon(box(300, 0, 500, 200).hull, (box(350, 50, 450, 150).hull,))
SHAPES = Layout("shapes", (F, RING))


def mapped(matrix: list[list[int]], shift: tuple[float, float]) -> Layout:
    return Layout("m", tuple(polygon.mapped(lambda xy: xy @ np.array(matrix) + shift) for polygon in SHAPES.polygons))


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("x", [1, -1])
@pytest.mark.parametrize("y", [1, -1])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (12345.6, -0.1), (3e6, 3e6)])
def test_moved_turned_and_mirrored_copies_are_one_pattern(swap, x, y, shift):
    assert pattern_hash(mapped([[0, x], [y, 0]] if swap else [[x, 0], [0, y]], shift)) == pattern_hash(SHAPES)


@pytest.mark.parametrize("step_nm", [5.0, 1.0, 1e-4])
@pytest.mark.parametrize("vertex", range(10))
def test_one_moved_vertex_is_another_pattern(vertex, step_nm):
    hull = F.hull.copy()
    hull[vertex] += step_nm
    assert pattern_hash(Layout("l", (Polygon(hull), RING))) != pattern_hash(SHAPES)


def test_a_moved_polygon_is_another_pattern():
    moved = RING.mapped(lambda xy: xy + np.array([5, 0]))
    assert pattern_hash(Layout("l", (F, moved))) != pattern_hash(SHAPES)
    assert pattern_hash(Layout("l", (F,))) != pattern_hash(SHAPES)


def test_holes_count():
    full = Polygon(RING.hull)
    hashes = {pattern_hash(Layout("l", shapes)) for shapes in ((RING,), (full,), (full, box(350, 50, 450, 150)))}
    assert len(hashes) == 2


def test_the_cut_order_and_overlap_of_polygons_do_not_count():
    whole = Layout("a", (box(0, 0, 100, 300), box(200, 0, 300, 300)))
    parts = Layout("b", (box(200, 0, 300, 300), box(0, 0, 100, 120), box(0, 100, 100, 300)))
    assert pattern_hash(whole) == pattern_hash(parts)


def test_scaled_copies_are_two():
    """Beyond 10 um klayout's units are coarser: ten times the size must not look like the same integers."""
    small, large = (Layout("l", (box(0, 0, 2000 * scale, 500 * scale),)) for scale in (1, 10))
    assert pattern_hash(small) != pattern_hash(large)


def test_corner_to_corner_squares_are_two():
    """Squares that meet in a corner, and the other diagonal, are one pattern; a square apart is another."""
    a = pattern_hash(Layout("a", (box(0, 0, 10, 10), box(10, 10, 20, 20))))
    b = pattern_hash(Layout("b", (box(0, 10, 10, 20), box(10, 0, 20, 10))))
    c = pattern_hash(Layout("c", (box(0, 0, 10, 10), box(10, 10, 20, 20), box(0, 10, 10, 20))))
    assert a == b != c


def test_the_hash_is_frozen():
    """Stored data sets hold these: a change would make their duplicates unseen."""
    assert pattern_hash(SHAPES) == "5daca8018576057561357ced394ab696e664759d2ba3878bc51de5c72da09829"
    assert pattern_hash(Layout("none", ())) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


GRID = Grid.of_field((400.0, 480.0), 10.0)


L = Layout("l", (box(0, 0, 40, 200), box(40, 0, 160, 40)))  # 8000 + 4800 nm^2


def turned(layout: Layout, symmetry: str, shift: tuple[float, float]) -> Layout:
    matrix = np.array(SYMMETRIES[symmetry]).T
    return Layout("m", tuple(polygon.mapped(lambda points: points @ matrix + shift) for polygon in layout.polygons))


def like(one: Layout, *others: Layout) -> np.ndarray:
    return similarity(one, coarse_images(others, GRID), GRID)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_copies_are_alike_wherever_they_lie_and_however_turned(symmetry):
    """Not on whole pixels either: both are moved to the origin."""
    uneven = Layout("u", (*L.polygons, box(100, 60, 133, 97)))
    np.testing.assert_allclose(like(turned(uneven, symmetry, (-1234.5, 77.7)), uneven), 1, atol=1e-5)


def test_it_is_the_shared_area_over_that_of_either():
    """A bar of 8000 nm^2 fits in the L as one of its arms; a square of 4 x 4 pixels shares 1600 nm^2."""
    bar, square = Layout("b", (box(0, 0, 40, 200),)), Layout("s", (box(0, 0, 40, 40),))
    np.testing.assert_allclose(like(L, bar, square, L), [8000 / 12800, 1600 / 12800, 1], atol=1e-5)
    assert like(bar, L) == pytest.approx(8000 / 12800, abs=1e-5)


def test_moves_find_the_best_overlap():
    """The same pair of bars beside something that moves the corner by 60 and 70 nm."""
    bars = (box(100, 100, 140, 300), box(200, 100, 240, 300))
    more = Layout("m", (*bars, box(40, 30, 60, 50)))
    assert like(more, Layout("b", bars)) == pytest.approx(16000 / 16400, abs=1e-5)


def test_partly_covered_pixels_count_by_their_share():
    """Half a pixel in every row: <a, b> = 15 * 0.5, <a, a> = 15, <b, b> = 15 * 0.25."""
    whole, half = (Layout("w", (box(0, 0, width, 150),)) for width in (10, 5))
    assert like(half, whole) == pytest.approx(0.5 / (1 + 0.25 - 0.5), abs=1e-5)
