"""Mask rules against shapes whose width, space and radius are known."""

import numpy as np
import pytest
from scenes.shapes import box, disc

from litho_dl.layout.contour import contour_polygons, pixel_polygons
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules, check_rules
from litho_dl.metrics.mrc import mask_violations

pytestmark = pytest.mark.filterwarnings("error")
LIMIT = 24.0
WIDTH, SPACE = MaskRules(LIMIT, 0, 0), MaskRules(0, LIMIT, 0)
BOTH = MaskRules(LIMIT, LIMIT, 0)
ANGLES = [0.0, 11.0, 26.565, 45.0, 73.0]
RULES = MaskRules(min_width_nm=40, min_space_nm=30, min_area_nm2=2000)
STAIR_ANGLES = [0.0, 26.565, 73.0]


def circle(diameter: float, x: float = 0, y: float = 0, edges: int = 64) -> np.ndarray:
    turn = 2 * np.pi * np.arange(edges) / edges
    return np.stack([x + diameter / 2 * np.cos(turn), y + diameter / 2 * np.sin(turn)], axis=1)


def loop(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def stadium(length: float, width: float, edges: int = 64) -> np.ndarray:
    """A line with round ends, of a length between their centres."""
    turn = np.pi * (np.arange(edges // 2 + 1) / (edges // 2) - 0.5)
    end = width / 2 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return np.concatenate([end + np.array([length / 2, 0]), -end - np.array([length / 2, 0])])


def ellipse(length: float, width: float, edges: int = 96) -> np.ndarray:
    return circle(1, edges=edges) * [length, width]


def waist(neck: float, radius: float, edges: int = 96) -> np.ndarray:
    """A plate whose sides curve in as circles, to a neck."""
    turn = np.pi * np.arange(edges + 1) / edges
    right = np.stack([radius + neck / 2 - radius * np.sin(turn), -radius * np.cos(turn)], axis=1)
    right = np.concatenate([right[:1] - np.array([0, 60]), right, right[-1:] + np.array([0, 60])])
    return np.concatenate([right, -right])


def wedge(degrees: float, side: float = 150) -> np.ndarray:
    """A triangle of two equal sides; its other corners are blunter than 70 degrees for tips below 40."""
    half = np.radians(degrees) / 2
    return side * np.array([(0, 0), (np.cos(half), -np.sin(half)), (np.cos(half), np.sin(half))])


def turned(points: np.ndarray, degrees: float) -> Polygon:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return Polygon(points @ np.array([[c, s], [-s, c]]) + [400, 400])


def measured(polygons, rules: MaskRules, rule: str, **settings) -> list[float]:
    violations = check_rules(polygons, rules, **settings)
    assert violations.total == violations.counts[rule]
    return violations.places[rule].values.tolist()


WIDE = {
    "dot": circle,
    "coarse dot": lambda size: circle(size, edges=32),
    "square": lambda size: loop(0, 0, size, size),
    "line": lambda size: loop(0, 0, 200, size),
    "round-ended line": lambda size: stadium(120, size),
    "neck": lambda size: waist(size, 60),
    "wide neck": lambda size: waist(size, 400),
    "short neck": lambda size: waist(size, 15),
    "oval": lambda size: ellipse(1.5 * size, size),
}


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("shape", WIDE)
def test_width(shape, degrees):
    """A feature at the limit passes and one 1 % below does not, whatever its direction."""
    assert measured([turned(WIDE[shape](LIMIT), degrees)], WIDTH, "width") == []
    assert measured([turned(WIDE[shape](1.02 * LIMIT), degrees)], WIDTH, "width") == []
    (width,) = measured([turned(WIDE[shape](0.99 * LIMIT), degrees)], WIDTH, "width")
    assert width == pytest.approx(0.99 * LIMIT, rel=0.006)
    if shape != "oval":  # the tips of a narrow oval are narrower
        (width,) = measured([turned(WIDE[shape](0.3 * LIMIT), degrees)], WIDTH, "width")
        assert width == pytest.approx(0.3 * LIMIT, rel=0.006)


def pair(kind: str, gap: float) -> list[np.ndarray]:
    match kind:
        case "lines":
            return [loop(0, 0, 40, 200), loop(40 + gap, 0, 80 + gap, 200)]
        case "line ends":
            return [loop(0, 0, 40, 200), loop(0, 200 + gap, 40, 300)]
        case "dots":
            return [circle(80), circle(60, 70 + gap)]
        case "dot and line":
            return [circle(80), loop(40 + gap, -100, 80 + gap, 100)]
        case "corners":
            offset = 50 + gap / np.sqrt(2)
            return [loop(0, 0, 50, 50), loop(offset, offset, offset + 50, offset + 50)]
        case "corner and line":
            diamond = loop(-40, -40, 40, 40) @ np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
            return [diamond, loop(40 * np.sqrt(2) + gap, -100, 110 + gap, 100)]
        case "sharp corner and line":
            return [-wedge(35), loop(gap, -100, 40 + gap, 100)]
    raise AssertionError(kind)


PAIRS = ("lines", "line ends", "dots", "dot and line", "corners", "corner and line", "sharp corner and line")


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("kind", PAIRS)
def test_space(kind, degrees):
    """Two features at the limit pass and 1 % nearer do not, whatever faces what."""
    for gap in (LIMIT, 1.02 * LIMIT):
        assert measured([turned(part, degrees) for part in pair(kind, gap)], SPACE, "space") == []
    for gap in (0.99 * LIMIT, 0.3 * LIMIT, 0.02 * LIMIT):
        (space,) = measured([turned(part, degrees) for part in pair(kind, gap)], SPACE, "space")
        assert space == pytest.approx(gap, rel=0.006)


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("kind", PAIRS)
def test_width_is_the_space_of_the_reversed_mask(kind, degrees):
    plate = circle(800, 400, 400, edges=256)
    for gap, places in ((1.01 * LIMIT, 0), (0.98 * LIMIT, 1)):
        holes = tuple(turned(part, degrees).hull for part in pair(kind, gap))
        assert len(measured([Polygon(plate, holes)], WIDTH, "width")) == places


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("gap", [0.0, 0.01])
def test_corners_that_touch(gap, degrees):
    squares = [turned(loop(-60, -60, 0, 0), degrees), turned(loop(gap, 0, 60, 60), degrees)]
    assert measured(squares, BOTH, "space") == [pytest.approx(gap, abs=0.002)]
    plate = Polygon(circle(800, 400, 400, edges=256), tuple(square.hull for square in squares))
    # Mask parts that touch in a point are two: their space is zero. Holes that almost touch leave a width.
    assert measured([plate], BOTH, "width" if gap else "space") == [pytest.approx(gap, abs=0.002)]


@pytest.mark.parametrize("degrees", ANGLES)
def test_a_tip_that_touches_an_inner_corner(degrees):
    inner = np.array([(0, 0), (0, 150), (-60, 150), (-60, -60), (150, -60), (150, 0)])
    tip = np.insert(wedge(75), 2, wedge(75)[1] + wedge(75)[2], axis=0)
    parts = [turned(inner, degrees), turned(tip, degrees + 45)]
    assert measured(parts, BOTH, "space") == [pytest.approx(0, abs=0.002)]


def test_distances_are_those_of_the_edges_not_of_the_samples():
    lines = [Polygon(loop(0, 0, 40, 200)), Polygon(loop(60, 0.9, 100, 197))]
    assert measured(lines, SPACE, "space") == [pytest.approx(20, rel=1e-9)]
    assert sorted(measured(lines, MaskRules(41, 0, 0), "width")) == pytest.approx([40, 40], rel=1e-9)


def test_corners_of_pixel_masks_stay():
    """Two squares 16 nm apart in x and y; a 4 nm staircase would be cut there."""
    binary = np.zeros((60, 60), dtype=bool)
    binary[10:30, 10:30] = binary[34:50, 34:50] = True
    places = mask_violations(binary, 4.0, SPACE).places["space"]
    assert places.values.tolist() == pytest.approx([16 * np.sqrt(2)])


@pytest.mark.parametrize("degrees", np.arange(0, 45, 3))
def test_right_angles_of_pixel_masks_pass(degrees):
    """However they are turned, at a limit of three pixels."""
    square = drawn(turned(loop(-100, -100, 100, 100), degrees).hull, 4.0, (0, 0))
    assert mask_violations(square, 4.0, MaskRules(12, 12, 0)).total == 0
    assert mask_violations(~square, 4.0, MaskRules(12, 12, 0)).total == 0


@pytest.mark.parametrize("ring", [0.98 * LIMIT, 1.01 * LIMIT])
@pytest.mark.parametrize("hole", [0.98 * LIMIT, 1.01 * LIMIT])
def test_annulus(ring, hole):
    annulus = Polygon(circle(hole + 2 * ring, 50, 50), (circle(hole, 50, 50),))
    counts = check_rules([annulus], BOTH).counts
    assert (counts["width"], counts["space"]) == (ring < LIMIT, hole < LIMIT)


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize(("tip", "places"), [(20, 1), (35, 1), (60, 3), (75, 0), (90, 0), (120, 0)])
def test_wedges(tip, places, degrees):
    """A corner sharper than 70 degrees is too narrow at its tip. An equilateral triangle has three of them."""
    base = (180 - tip) / 2
    assert places == (tip < 70) + 2 * (base < 70) or tip > 70
    shape = wedge(tip)
    if tip > 70:  # cut the base corners off
        shape = np.concatenate([shape[:1], shape[:1] + 0.6 * (shape[1:] - shape[:1])])
        shape = np.insert(shape, 2, [[200, shape[1, 1]], [200, shape[2, 1]]], axis=0)
    assert len(measured([turned(shape, degrees)], BOTH, "width")) == places


def test_notches_and_nicks():
    slot = np.array([(0, 0), (200, 0), (200, 100), (120, 100), (120, 40), (100, 40), (100, 100), (0, 100)])
    assert measured([Polygon(slot)], BOTH, "space") == [pytest.approx(20)]
    shallow = np.array([(0, 0), (200, 0), (200, 100), (110, 100), (110, 98), (100, 98), (100, 100), (0, 100)])
    assert check_rules([Polygon(shallow)], BOTH).total == 0


def drawn(shape: np.ndarray, pixel_nm: float, shift: tuple[float, float]) -> np.ndarray:
    """Pixels whose centres lie inside a polygon."""
    from matplotlib.path import Path

    y, x = (np.mgrid[:180, :180] + 0.5) * pixel_nm
    inside = Path(np.vstack([shape, shape[:1]])).contains_points(np.stack([x.ravel(), y.ravel()], 1) - shift)
    return inside.reshape(x.shape)


@pytest.mark.parametrize("degrees", STAIR_ANGLES)
@pytest.mark.parametrize("shape", ["dot", "square", "line", "round-ended line", "neck"])
def test_width_of_a_staircase_holds_to_a_pixel(shape, degrees):
    """No false alarm a pixel above the limit, no miss a pixel below it, wherever the shape lies on the pixels."""
    for shift in ((-50, -50), (-51.3, -48.1), (-48.7, -52.2)):
        for size, places in ((LIMIT + 4, 0), (LIMIT - 4, 1)):
            points = turned(WIDE[shape](size), degrees).hull
            mask = drawn(points, 4.0, shift)
            for binary in (mask, ~mask):
                rules = WIDTH if binary is mask else SPACE
                assert mask_violations(binary, 4.0, rules).total == places, (shift, size)


@pytest.mark.parametrize("degrees", STAIR_ANGLES)
@pytest.mark.parametrize("kind", PAIRS[:-1])
def test_space_of_a_staircase_holds_to_a_pixel(kind, degrees):
    """Corners that face each other lose up to another half pixel when they are drawn."""
    reach = 6 if kind == "corners" else 4
    for shift in ((-50, -50), (-51.3, -48.1)):
        for gap, places in ((LIMIT + reach, 0), (LIMIT - reach, 1)):
            parts = [drawn(turned(part, degrees).hull, 4.0, shift) for part in pair(kind, gap)]
            assert mask_violations(parts[0] | parts[1], 4.0, SPACE).total == places, (shift, gap)


def bends(shape: Polygon, limit: float) -> list[float]:
    return measured([shape], MaskRules(0, 0, 0, limit), "radius")


@pytest.mark.parametrize("edges", [64, 100, 256])
def test_radius_of_circles(edges):
    """Outwards and inwards, to 1 %."""
    assert bends(Polygon(circle(80, edges=edges)), 40) == []
    assert bends(Polygon(circle(80, edges=edges)), 41) == [pytest.approx(40, rel=0.01)]
    ring = Polygon(circle(400, edges=256), (circle(80, edges=edges),))
    assert bends(ring, 40) == []
    assert bends(ring, 41) == [pytest.approx(-40, rel=0.01)]
    assert bends(Polygon(circle(4, edges=edges)), 40) == [pytest.approx(2, rel=0.01)]


def test_radius_of_round_ends_and_corners():
    assert bends(Polygon(stadium(100, 60)), 30) == []
    assert sorted(bends(Polygon(stadium(100, 60)), 33)) == pytest.approx([30, 30], rel=0.01)
    square = bends(Polygon(loop(0, 0, 200, 200)), 30)
    assert len(square) == 4
    assert 0 < min(square) <= max(square) < 30 / 4
    ell = np.array([(0, 0), (200, 0), (200, 100), (100, 100), (100, 200), (0, 200)])
    assert sorted(np.sign(bends(Polygon(ell), 30))) == [-1, 1, 1, 1, 1, 1]


def test_radius_markers_lie_on_the_bend():
    violations = check_rules([Polygon(stadium(100, 60))], MaskRules(0, 0, 0, 36))
    left, right = sorted(violations.radius.tolist())
    np.testing.assert_allclose((left[0], right[2]), (-80, 80), atol=0.5)
    assert left[2] < -45
    assert right[0] > 45


@pytest.mark.parametrize("pixels", [10, 20])
def test_radius_of_a_staircase(pixels):
    """Circles of 1.3 and 0.75 times a limit of ten pixels or more are told apart, wherever they lie."""
    for centre in ((360, 360), (361.3, 358.1), (362, 363)):
        for factor, places in ((1.3, 0), (0.75, 1)):
            binary = drawn(circle(2 * factor * pixels * 4, *centre, edges=256), 4.0, (0, 0))
            assert mask_violations(binary, 4.0, MaskRules(0, 0, 0, 4.0 * pixels)).total == places
            assert mask_violations(~binary, 4.0, MaskRules(0, 0, 0, 4.0 * pixels)).total == places + 4  # the field


def test_contours_of_grey_images_need_no_smoothing():
    y, x = (np.mgrid[:100, :100] + 0.5) * 4
    ramp = np.clip(0.5 + (60 - np.hypot(x - 200.7, y - 199.1)) / 8, 0, 1)
    polygons = contour_polygons(ramp, 4.0)
    assert check_rules(polygons, MaskRules(118, 118, 0, 58)).total == 0
    assert check_rules(polygons, MaskRules(122, 0, 0, 62)).counts == {"width": 1, "space": 0, "area": 0, "radius": 1}


def test_areas_are_measured():
    violations = check_rules([Polygon(loop(0, 0, 30, 30)), Polygon(loop(100, 0, 130, 50))], MaskRules(0, 0, 1000))
    assert violations.places["area"].values.tolist() == [900]
    assert violations.area.tolist() == [[0, 0, 30, 30]]


def test_nothing_breaks_no_rule():
    assert check_rules((), MaskRules(20, 20, 1000, 30)).total == 0


@pytest.mark.parametrize(
    ("polygons", "counts"),
    [
        ((box(0, 0, 40, 400), box(70, 0, 110, 400)), (0, 0, 0)),
        ((box(0, 0, 39, 400), box(69, 0, 108, 400)), (2, 0, 0)),
        ((box(0, 0, 40, 400), box(69, 0, 109, 400)), (0, 1, 0)),
        ((box(0, 0, 40, 40),), (0, 0, 1)),
        ((box(0, 0, 50, 50), box(70, 70, 120, 120)), (0, 1, 0)),  # corner to corner, 28.3 nm
        ((Polygon(disc(200).hull, (disc(122).hull,)),), (1, 0, 0)),  # a ring 39 nm wide
        ((Polygon(disc(200).hull, (disc(118).hull,)),), (0, 0, 0)),
        ((Polygon(disc(200).hull, (disc(29).hull,)),), (0, 1, 0)),  # a hole is a space
        ((disc(100, 0), disc(100, 0, 94)), (1, 2, 0)),  # a neck of 34 nm; its sides are notches
        ((disc(100, 0), disc(100, 0, 80)), (0, 0, 0)),  # a neck of 60 nm
        ((disc(100, 0), disc(100, 0, 129)), (0, 1, 0)),  # 29 nm apart at one point
        ((disc(100, 0), disc(100, 0, 131)), (0, 0, 0)),
        ((disc(45),), (0, 0, 1)),  # round, 12 % wider than the limit: only too small in area
        (
            (Polygon(np.array([(0, 0), (400, 0), (400, 200), (250, 200), (200, 35), (150, 200), (0, 200)])),),
            (1, 1, 0),
        ),  # a sharp notch, 35 nm above the edge
        (
            (Polygon(np.array([(0, 0), (400, 0), (400, 200), (365, 200), (200, 35), (35, 200), (0, 200)])),),
            (1, 0, 0),
        ),  # a blunt one
    ],
)
def test_rules(polygons, counts):
    assert tuple(check_rules(polygons, RULES).counts.values()) == (*counts, 0)


@pytest.mark.parametrize("outline", [pixel_polygons, lambda mask, pixel: contour_polygons(mask.astype(float), pixel)])
def test_a_neck_in_a_pixel_mask_is_one_place(outline):
    # The circles meet in two sharp notches: one place each for the space rule.
    y, x = np.mgrid[:300, :400] + 0.5
    mask = (np.hypot(x - 130, y - 150) < 80) | (np.hypot(x - 284, y - 150) < 80)
    violations = check_rules(outline(mask, 1.0), MaskRules(50, 50, 0), smooth_nm=1.0)
    assert violations.counts == {"width": 1, "space": 2, "area": 0, "radius": 0}
    x0, y0, x1, y1 = violations.width[0]
    assert x0 <= 207 <= x1
    assert y0 < 150 < y1
    assert x1 - x0 < 30
    assert violations.total == 3


@pytest.mark.parametrize(("pitch", "places"), [(25, 1), (75, 2)])
def test_near_markers_are_one_place(pitch, places):
    # A wire of 60 nm with two nicks of 30 nm, 8 nm wide.
    wire = (box(0, 0, 300, 30), *(box(x0, 30, x1, 60) for x0, x1 in ((0, 100), (108, 100 + pitch), (108 + pitch, 300))))
    assert len(check_rules(wire, MaskRules(40, 0, 0)).width) == places


def test_rules_switched_off():
    assert check_rules((box(0, 0, 1, 1), box(2, 0, 3, 1)), MaskRules(0, 0, 0)).total == 0
