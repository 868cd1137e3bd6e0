"""Assist rectangles: what a pixel mask opens away from the target, as rectangles that keep clear of it."""

from itertools import combinations

import numpy as np
import pytest
import shapely
from scenes.slanted import rotated
from scipy import ndimage

from litho_dl.ilt.assists import Assists
from litho_dl.ilt.sraf import assist_rectangles

NM = 4.0
SETTINGS = Assists()
SIDE = 400  # nm


def image(*boxes: tuple[int, int, int, int], pixel_nm: float = NM) -> np.ndarray:
    """Boxes x0, y0, x1, y1 in nm."""
    n = round(SIDE / pixel_nm)
    pixels = np.zeros((n, n))
    for box in boxes:
        x0, y0, x1, y1 = (round(edge / pixel_nm) for edge in box)
        pixels[y0:y1, x0:x1] = 1
    return pixels


def found(mask: np.ndarray, drawn: np.ndarray, assists: Assists = SETTINGS) -> list[tuple[float, ...]]:
    """Each rectangle's x0, y0, x1, y1; four corners, counter-clockwise; large ones first."""
    boxes = []
    for polygon in assist_rectangles(mask, NM, drawn, 1.0, assists):
        (x0, y0), (x1, y1) = polygon.hull.min(0), polygon.hull.max(0)
        assert {*map(tuple, polygon.hull)} == {(x0, y0), (x1, y0), (x1, y1), (x0, y1)}
        assert shapely.Polygon(polygon.hull).exterior.is_ccw
        assert not polygon.holes
        boxes.append((x0, y0, x1, y1))
    return boxes


TARGET = image((160, 160, 240, 240), pixel_nm=1.0) > 0.5


def test_bars_are_taken_as_they_are():
    bars = (100, 300, 300, 340), (60, 80, 92, 260)
    assert found(image(*bars), TARGET) == list(bars)
    assert found(0.6 * image(*bars), TARGET) == list(bars)
    assert found(0.4 * image(*bars), TARGET) == []


def test_what_is_near_the_target_is_its_own():
    """The target itself, serifs, and the near part of a larger opening."""
    serifs = image((140, 140, 260, 260))
    assert found(serifs, TARGET) == []
    assert found(image((80, 160, 160, 240)), TARGET) == [(80, 160, 116, 240)]
    assert SETTINGS.clearance_nm == 160 - 116


def test_rectangles_are_cut_where_they_are_close_to_larger_ones():
    """Across, at 24 nm; what is left must be large enough, in all or in each part."""
    long = (20, 300, 380, 340)
    assert found(image(long, (40, 100, 80, 288)), TARGET) == [long, (40, 100, 80, 276)]
    assert found(image(long, (40, 240, 80, 288)), TARGET) == [long]
    assert found(image(long, (40, 256, 240, 288)), TARGET) == [long]
    tall = (300, 20, 348, 380)
    parts = found(image(tall, (260, 20, 292, 280)), TARGET)
    assert parts == [tall]
    assert found(image(long, (40, 100, 80, 288)), TARGET, Assists(space_nm=8.0))[1] == (40, 100, 80, 288)


def test_small_openings_are_left_out_and_thin_ones_widened():
    assert found(image((40, 40, 80, 76)), TARGET) == []  # 1440 nm^2 is less than the smallest
    assert found(image((40, 40, 80, 80)), TARGET) == [(40, 40, 80, 80)]
    assert 40 * 36 < SETTINGS.smallest_nm2 <= 40 * 40
    thin = (40, 40, 60, 240)
    assert found(image(thin), TARGET) == [(38, 40, 62, 240)]
    assert SETTINGS.narrowest_nm == 24


def test_wide_openings_become_narrower_and_far_ones_are_left_out():
    """No broader than allowed, around the same middle; and none of it beyond the reach, in x or y."""
    wide = image((40, 40, 112, 240))
    assert found(wide, TARGET) == [(40, 40, 112, 240)]
    assert found(wide, TARGET, Assists(widest_nm=40.0)) == [(56, 40, 96, 240)]
    assert found(wide, TARGET, Assists(widest_nm=10.0)) == [(64, 40, 88, 240)]  # the least width counts more
    assert found(wide, TARGET, Assists(reach_nm=80.0)) == [(80, 80, 112, 240)]
    assert found(image((40, 40, 72, 240)), TARGET, Assists(reach_nm=80.0)) == []


def test_parts_of_a_feature_across_the_border_are_left_out_unless_wide():
    """A bar of 24 nm that the border cuts lengthwise would be widened at both; one of 25 nm is kept."""
    halves = image((0, 40, 12, 240), (388, 40, 400, 240))
    assert found(halves, TARGET) == []
    assert found(image((8, 40, 20, 240)), TARGET) == [(2, 40, 26, 240)]
    assert found(image((0, 40, 24, 240)), TARGET) == []
    assert found(image((0, 40, 28, 240)), TARGET) == [(0, 40, 28, 240)]


def test_a_frame_becomes_bars():
    """A ring fills little of its bounding box; its pieces, 24 nm apart, hold most of its area, and cover no target."""
    ring = image((40, 40, 360, 360)) - image((80, 80, 320, 320))
    boxes = found(ring, TARGET)
    assert len(boxes) >= 4
    covered = np.zeros((SIDE, SIDE), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        covered[int(y0) : int(y1), int(x0) : int(x1)] = True
    assert covered.sum() == pytest.approx(ring.sum() * NM**2, rel=0.25)
    assert not (covered & TARGET).any()


def test_the_rectangle_of_a_bent_blob_keeps_clear_of_the_corner_it_goes_around():
    """It fills its bounding box well enough, and a rectangle of its area would lie on the target."""
    bent = image((56, 56, 216, 116), (56, 56, 116, 216))
    boxes = found(bent, TARGET)
    assert boxes
    apart = ndimage.distance_transform_edt(~TARGET)
    for x0, y0, x1, y1 in boxes:
        assert apart[int(y0) : int(y1), int(x0) : int(x1)].min() > SETTINGS.clearance_nm


@pytest.mark.parametrize("seed", range(8))
def test_noise(seed):
    """Whatever opens: whole nm, large and wide enough, clear of every target, inside the field."""
    generator = np.random.default_rng(seed)
    drawn = np.zeros((SIDE, SIDE), dtype=bool)
    for _ in range(3):
        x, y = generator.integers(60, 280, 2)
        width, height = generator.integers(40, 120, 2)
        drawn[y : y + height, x : x + width] = True
    mask = ndimage.gaussian_filter(generator.standard_normal((100, 100)), 3, mode="wrap") > 0.03
    boxes = found(mask.astype(float), drawn)
    assert boxes
    apart = ndimage.distance_transform_edt(~drawn)
    for x0, y0, x1, y1 in boxes:
        assert (x0, y0, x1, y1) == tuple(np.rint((x0, y0, x1, y1)))
        assert min(x1 - x0, y1 - y0) >= SETTINGS.narrowest_nm - 1
        assert (x1 - x0 + 1) * (y1 - y0 + 1) >= SETTINGS.smallest_nm2
        assert min(x0, y0) > -SETTINGS.narrowest_nm / 2
        assert max(x1, y1) < SIDE + SETTINGS.narrowest_nm / 2
        assert apart[max(int(y0), 0) : int(y1), max(int(x0), 0) : int(x1)].min() > SETTINGS.clearance_nm
    rectangles = [shapely.box(*box) for box in boxes]
    nearest = min((shapely.distance(one, other) for one, other in combinations(rectangles, 2)), default=np.inf)
    assert nearest >= SETTINGS.space_nm - 0.1


@pytest.mark.parametrize("angle_deg", range(0, 180, 15))
def test_slanted_bars(angle_deg):
    """Along the bar, counter-clockwise, of its area."""
    y, x = (np.indices((100, 100)) + 0.5) * NM - 180
    along, across = rotated(np.stack((x.ravel(), y.ravel()), axis=1), -angle_deg, 1e-6).T
    bar = ((np.abs(along) < 100) & (np.abs(across) < 25)).reshape(100, 100)
    target = image((396, 396, 400, 400)) > 0.5
    (rectangle,) = assist_rectangles(bar.astype(float), NM, target, NM, SETTINGS, slanted=True)
    ahead, aside, _, _ = np.roll(rectangle.hull, -1, axis=0) - rectangle.hull
    assert ahead[0] * aside[1] - ahead[1] * aside[0] == pytest.approx(bar.sum() * NM**2, rel=0.02)
    assert abs(float(ahead @ rotated(np.array([[0.0, 1.0]]), angle_deg, 1e-9)[0])) < 2 * NM


def test_coarser_drawn_pixels():
    """The target on the mask's own pixel."""
    bar = (60, 100, 92, 300)
    target = image((160, 160, 240, 240)) > 0.5
    (polygon,) = assist_rectangles(image(bar), NM, target, NM, SETTINGS)
    assert (*polygon.hull.min(0), *polygon.hull.max(0)) == bar
