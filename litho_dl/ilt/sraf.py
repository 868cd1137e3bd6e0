"""Sub-resolution assist features (SRAFs): rectangles for what a pixel mask opens away from the target."""

import numpy as np
from scipy import ndimage

from litho_dl.layout.layout import Polygon

CLEARANCE_NM = 44.0  # from the target; nearer openings are its own serifs
NARROWEST_NM = 24.0
SMALLEST_NM2 = 2400.0
FILLED = 0.5  # of its bounding box; a blob that fills less is cut in two


def assist_rectangles(mask: np.ndarray, pixel_nm: float, drawn: np.ndarray, drawn_nm: float) -> list[Polygon]:
    """Rectangles on whole nm for the openings of a mask away from the target.

    Args:
        mask: (h, w) in [0, 1].
        pixel_nm: Its pixel.
        drawn: What shall print, bool (H, W).
        drawn_nm: Its pixel.
    """
    factor = round(pixel_nm / drawn_nm)
    far = ndimage.distance_transform_edt(~drawn) * drawn_nm > CLEARANCE_NM
    blocks = far.reshape(mask.shape[0], factor, mask.shape[1], factor).all((1, 3))
    labels, _ = ndimage.label((mask >= 0.5) & blocks)
    rectangles = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        blob = labels[rows, columns] == number
        for part, (i, j) in _compact(blob, (rows.start, columns.start)):
            rectangle = _rectangle(part, pixel_nm)
            if rectangle is not None:
                rectangles.append(Polygon(rectangle + np.array([j, i]) * pixel_nm))
    return rectangles


def _compact(blob: np.ndarray, corner: tuple[int, int]) -> list[tuple[np.ndarray, tuple[int, int]]]:
    """The blob cut in halves across its longer side until each part fills its bounding box well."""
    rows, columns = (np.flatnonzero(blob.any(axis)) for axis in (1, 0))
    if not len(rows):
        return []
    part = blob[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = (corner[0] + int(rows[0]), corner[1] + int(columns[0]))
    if part.mean() >= FILLED or max(part.shape) < 2:
        return [(part, corner)]
    i, j = corner
    if part.shape[0] >= part.shape[1]:
        half = part.shape[0] // 2
        return _compact(part[:half], (i, j)) + _compact(part[half:], (i + half, j))
    half = part.shape[1] // 2
    return _compact(part[:, :half], (i, j)) + _compact(part[:, half:], (i, j + half))


def _rectangle(part: np.ndarray, pixel_nm: float) -> np.ndarray | None:
    """A rectangle (4, 2) of the part's area and length about its centre, on whole nm; None if it is too small."""
    height, width = part.shape
    area = part.sum() * pixel_nm**2
    if area < SMALLEST_NM2:
        return None
    length = max(height, width) * pixel_nm
    breadth = max(area / length, NARROWEST_NM)
    half = np.array([length, breadth] if width >= height else [breadth, length]) / 2
    centre = np.array([width, height]) * pixel_nm / 2
    (x0, y0), (x1, y1) = np.rint(centre - half), np.rint(centre + half)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
