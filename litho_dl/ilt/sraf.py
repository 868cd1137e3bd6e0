"""Sub-resolution assist features (SRAFs): rectangles in place of a pixel mask's features away from the target."""

from collections.abc import Sequence

import numpy as np
import shapely
from scipy import ndimage

from litho_dl.core.grid import Grid
from litho_dl.ilt.assists import Assists
from litho_dl.ilt.bars import free_parts
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.layout.shapes import to_polygons

FILLED = 0.5  # least filled share of the bounding box; other features are cut in two


def assist_rectangles(
    mask: np.ndarray,
    pixel_nm: float,
    drawn: np.ndarray,
    drawn_nm: float,
    assists: Assists,
    *,
    slanted: bool = False,
) -> list[Polygon]:
    """Rectangles on whole nm (slanted ones on 0.01 nm) in place of a mask's features away from the target.

    Args:
        mask: (h, w) in [0, 1], binarised at 0.5.
        pixel_nm: Its pixel.
        drawn: The target, bool (H, W), on the same field.
        drawn_nm: Its pixel, which divides the mask's.
        assists: The limits; features closer to the target than the clearance are its serifs.
        slanted: Whether rectangles may lie at any angle.

    Returns:
        The rectangles, in field coordinates.
    """
    factor = round(pixel_nm / drawn_nm)
    far = ndimage.distance_transform_edt(~drawn) * drawn_nm > assists.clearance_nm
    if assists.reach_nm is not None:
        far &= ndimage.distance_transform_cdt(~drawn, "chessboard") * drawn_nm <= assists.reach_nm
    blocks = far.reshape(mask.shape[0], factor, mask.shape[1], factor).all((1, 3))
    labels, _ = ndimage.label((mask >= 0.5) & blocks)
    rectangles: list[Polygon] = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        blob = labels[rows, columns] == number
        corner = rows.start, columns.start
        if slanted:
            centres = (np.argwhere(blob)[:, ::-1] + (corner[1] + 0.5, corner[0] + 0.5)) * pixel_nm
            found = _slanted_rectangles(centres, pixel_nm, far, drawn_nm, assists)
        else:
            found = _rectangles(blob, corner, pixel_nm, far, drawn_nm, assists)
        rectangles += (Polygon(corners) for corners in found)
    field_nm = drawn_nm * np.array(drawn.shape[::-1])
    return _apart([own for own in rectangles if not _is_cut(own.hull, field_nm, assists.narrowest_nm)], assists)


def _apart(rectangles: Sequence[Polygon], assists: Assists) -> list[Polygon]:
    """The rectangles, large ones first, cut all across where they are too close to those before them."""
    placed: list[shapely.Polygon] = []
    for corners in sorted((own.hull for own in rectangles), key=lambda hull: -shapely.Polygon(hull).area):
        sides = np.linalg.norm(corners[1:3] - corners[:2], axis=1)
        strip = shapely.Polygon(corners if sides[0] >= sides[1] else np.roll(corners, -1, axis=0))
        close = np.array([own for own in placed if shapely.distance(strip, own) < assists.space_nm], dtype=object)
        taken = shapely.intersection(strip, shapely.buffer(close, assists.space_nm, quad_segs=16))
        parts = [part for part in shapely.get_parts(taken) if part.area > 0]
        placed += free_parts(strip, parts, assists.smallest_nm2 / sides.min())
    return list(to_polygons(np.array(placed, dtype=object)))


def _is_cut(corners: np.ndarray, field_nm: np.ndarray, narrowest_nm: float) -> bool:
    """Whether a rectangle at the field's border may be a part of a feature across it, which was widened."""
    at_border = bool((corners <= 0).any() or (corners >= field_nm).any())
    return at_border and np.linalg.norm(corners[1:3] - corners[:2], axis=1).min() < narrowest_nm + 1


def _slanted_rectangles(
    centres: np.ndarray, pixel_nm: float, far: np.ndarray, drawn_nm: float, assists: Assists
) -> list[np.ndarray]:
    """Rectangles (4, 2) in nm along the longest extent of a feature, which is halved as in `_rectangles`.

    Args:
        centres: The feature's pixels, (n, 2) as (x, y) in nm.
        pixel_nm: The pixel.
        far: Where rectangles may lie, bool, on pixels of `drawn_nm`.
        drawn_nm: Pixel of `far`.
        assists: Least width and area, and the largest width.
    """
    area = len(centres) * pixel_nm**2
    if area < assists.smallest_nm2 or len(centres) < 2:
        return []
    middle = centres.mean(0)
    x, y = np.linalg.eigh(np.cov((centres - middle).T))[1][:, 1]  # along the longest extent
    axes = np.array([[x, -y], [y, x]])  # columns: along it and, to its left, across it
    places = (centres - middle) @ axes
    length, across = np.ptp(places, axis=0) + pixel_nm
    half = np.array([length, _breadth(area / length, assists)]) / 2
    centre = middle + axes @ (places.max(0) + places.min(0)) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    rectangle = np.round(centre + corners @ axes.T, 2)
    if area >= FILLED * length * across and _is_clear(rectangle, far, drawn_nm):
        return [rectangle]
    first = places[:, 0] < 0
    halves = centres[first], centres[~first]
    return [found for part in halves for found in _slanted_rectangles(part, pixel_nm, far, drawn_nm, assists)]


def _rectangles(
    blob: np.ndarray,
    corner: tuple[int, int],
    pixel_nm: float,
    far: np.ndarray,
    drawn_nm: float,
    assists: Assists,
) -> list[np.ndarray]:
    """Rectangles (4, 2) in nm for one feature, which is halved until each rectangle fits and is clear of targets.

    Args:
        blob: The feature's pixels, bool.
        corner: Row and column of its first pixel.
        pixel_nm: The pixel.
        far: Where rectangles may lie, bool, on pixels of `drawn_nm`.
        drawn_nm: Pixel of `far`.
        assists: Least width and area, and the largest width.
    """
    if blob.sum() * pixel_nm**2 < assists.smallest_nm2:
        return []
    rows, columns = (np.flatnonzero(blob.any(axis)) for axis in (1, 0))
    part = blob[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    i, j = corner[0] + int(rows[0]), corner[1] + int(columns[0])
    rectangle = _rectangle(part, pixel_nm, assists) + np.array([j, i]) * pixel_nm
    if part.mean() >= FILLED and _is_clear(rectangle, far, drawn_nm):
        return [rectangle]
    if max(part.shape) < 2:
        return []
    if part.shape[0] >= part.shape[1]:
        half = part.shape[0] // 2
        halves = (part[:half], (i, j)), (part[half:], (i + half, j))
    else:
        half = part.shape[1] // 2
        halves = (part[:, :half], (i, j)), (part[:, half:], (i, j + half))
    return [found for piece, at in halves for found in _rectangles(piece, at, pixel_nm, far, drawn_nm, assists)]


def _rectangle(part: np.ndarray, pixel_nm: float, assists: Assists) -> np.ndarray:
    """A rectangle (4, 2) of the part's length, and area if limits allow, around its centre, on whole nm."""
    height, width = part.shape
    length = max(height, width) * pixel_nm
    breadth = _breadth(part.sum() * pixel_nm**2 / length, assists)
    half = np.array([length, breadth] if width >= height else [breadth, length]) / 2
    centre = np.array([width, height]) * pixel_nm / 2
    (x0, y0), (x1, y1) = np.rint(centre - half), np.rint(centre + half)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _breadth(wanted_nm: float, assists: Assists) -> float:
    """The breadth of a rectangle within its limits, of which the least one counts more."""
    return max(min(wanted_nm, assists.widest_nm or wanted_nm), assists.narrowest_nm)


def _is_clear(rectangle: np.ndarray, far: np.ndarray, drawn_nm: float) -> bool:
    """Whether all of a rectangle lies where rectangles may lie."""
    height, width = far.shape
    low = np.floor(rectangle.min(0) / drawn_nm).astype(int).clip(0)
    high = np.minimum(np.ceil(rectangle.max(0) / drawn_nm).astype(int), (width, height))
    grid = Grid((int(high[1] - low[1]), int(high[0] - low[0])), drawn_nm)
    shape = Layout("rectangle", (Polygon(rectangle - low * drawn_nm),))
    inside = rasterize(shape.clipped((0.0, 0.0, *(drawn_nm * (high - low)).tolist())), grid) > 0
    return bool(far[low[1] : high[1], low[0] : high[0]][inside].all())
