"""From pixels to polygons: outlines along pixel edges, and sub-pixel contours."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from litho_dl.core.errors import LayoutError
from litho_dl.layout.outline import neighbours
from litho_dl.layout.polygon import Polygon

NUDGE = 1e-9  # of the image's span: samples this close to the level are moved off it
SAME_POINT = 1e-6  # pixels


def pixel_polygons(binary: np.ndarray, pixel_nm: float) -> tuple[Polygon, ...]:
    """The outline of a binary image along its pixel edges; `rasterize` gives the same pixels back.

    Pixels that meet only in a corner belong to different polygons.

    Args:
        binary: (H, W) bool; row 0 is the lowest y.
        pixel_nm: Pixel size in nm.

    Returns:
        One polygon for each connected region, hulls counter-clockwise.

    Raises:
        LayoutError: The image is not a two-dimensional bool array.
    """
    binary = np.asarray(binary)
    if binary.ndim != 2 or binary.dtype != np.bool_:
        raise LayoutError(
            f"Expected a two-dimensional bool image, got {binary.dtype} of shape {binary.shape}; threshold it first."
        )
    (y0, x0), inside = _bounding_box(binary)
    i, j, vertical_partner = _corners(inside)
    # Corners are sorted by row: 2m and 2m + 1 end the m-th horizontal edge. Its inside is above it or below.
    left, right = np.arange(0, len(i), 2), np.arange(1, len(i), 2)
    padded = np.pad(ndimage.label(inside)[0], 1)
    above, below = padded[i[left] + 1, j[left] + 1], padded[i[left], j[left] + 1]
    start = np.where(above > 0, left, right)
    label = np.zeros(len(i), dtype=np.int64)
    label[start] = np.where(above > 0, above, below)
    following = vertical_partner[np.arange(len(i)) ^ 1]

    xy = np.column_stack([j + x0, i + y0]) * float(pixel_nm)
    cycles = _cycles(start.tolist(), following.tolist())
    loops = [xy[np.column_stack([cycle, np.bitwise_xor(cycle, 1)]).ravel()] for cycle in cycles]
    return _assembled(loops, [int(label[cycle[0]]) for cycle in cycles])


def _bounding_box(binary: np.ndarray) -> tuple[tuple[int, int], np.ndarray]:
    """Row and column of the first pixel of the box that holds all True pixels, and the box."""
    rows, columns = (np.flatnonzero(binary.any(axis)) for axis in (1, 0))
    if not len(rows):
        return (0, 0), binary[:0, :0]
    return (rows[0], columns[0]), binary[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _corners(binary: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The corners of the pixel outline, sorted by row, then column.

    A lattice point where two pixels meet diagonally is two corners, one for each pixel.

    Returns:
        Lattice row i and column j of each corner, and the index of the corner at the other end of its vertical edge.
    """
    pixels = np.pad(binary, 1).view(np.uint8)
    lower_left, lower_right = pixels[:-1, :-1], pixels[:-1, 1:]
    upper_left, upper_right = pixels[1:, :-1], pixels[1:, 1:]
    touching = (lower_left == upper_right) & (lower_right == upper_left) & (lower_left != lower_right)
    turning = (lower_left ^ lower_right ^ upper_left ^ upper_right).view(np.bool_) | touching

    i, j = np.divmod(np.flatnonzero(turning), turning.shape[1])
    repeats = 1 + touching[i, j]
    second = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    i, j = np.repeat(i, repeats), np.repeat(j, repeats)
    # The first of two corners ends the edge on the left; its vertical edge runs down if the lower left pixel is set.
    upwards = np.where(lower_left[i, j] > 0, second, 1 - second) * touching[i, j]
    by_column = np.lexsort((upwards, i, j))
    partner = np.empty(len(i), dtype=np.int64)
    partner[by_column[0::2]], partner[by_column[1::2]] = by_column[1::2], by_column[0::2]
    return i, j, partner


def _cycles(starts: list[int], following: list[int]) -> list[list[int]]:
    """The cycles of a permutation."""
    seen = bytearray(len(following))
    cycles = []
    for start in starts:
        cycle = []
        while not seen[start]:
            seen[start] = 1
            cycle.append(start)
            start = following[start]
        if cycle:
            cycles.append(cycle)
    return cycles


def contour_polygons(image: np.ndarray, pixel_nm: float, level: float = 0.5) -> tuple[Polygon, ...]:
    """The regions where an image exceeds a level, with sub-pixel accuracy (marching squares).

    Samples sit at pixel centres ((j + 1/2) p, (i + 1/2) p) and are interpolated linearly; contours that reach the
    border of the field are closed along it.

    Args:
        image: (H, W) real; row 0 is the lowest y.
        pixel_nm: Pixel size in nm.
        level: Threshold, in the unit of the image.

    Returns:
        One polygon for each connected region, hulls counter-clockwise.

    Raises:
        LayoutError: The image is not two-dimensional and finite.
    """
    from skimage.measure import find_contours

    image = np.asarray(image, dtype=np.float64)
    if image.ndim != 2 or not np.isfinite(image).all():
        raise LayoutError(
            f"Expected a finite image of shape (H, W), got shape {image.shape}, or NaN or infinity in it."
        )
    nudge = NUDGE * max(float(np.ptp(image)), abs(level), 1e-300)
    above = np.where(np.abs(image - level) < nudge, nudge, image - level)
    # The inner ring continues the image, so that contours run straight to the border; the outer ring closes them.
    padded = np.pad(np.pad(above, 1, mode="edge"), 1, constant_values=-nudge)
    labels = ndimage.label(padded > 0)[0]

    loops, owners = [], []
    H, W = image.shape
    for contour in find_contours(padded, 0.0, fully_connected="low", positive_orientation="low"):
        low, high = np.floor(contour[0]).astype(int), np.ceil(contour[0]).astype(int)
        loop = _without_collinear(np.clip(contour[:-1, ::-1] - 1.5, 0, [W, H]))
        if len(loop) >= 3:
            loops.append(loop * pixel_nm)
            owners.append(int(max(labels[tuple(low)], labels[tuple(high)])))
    return _assembled(loops, owners)


def _without_collinear(loop: np.ndarray) -> np.ndarray:
    """The closed loop (n, 2), in pixels, without repeated points and points on a straight line."""
    loop = loop[np.abs(loop - np.roll(loop, 1, axis=0)).max(axis=1) > SAME_POINT]
    into, out = loop - np.roll(loop, 1, axis=0), np.roll(loop, -1, axis=0) - loop
    turn = into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0]
    return loop[np.abs(turn) > SAME_POINT * np.hypot(*into.T) * np.hypot(*out.T)]


def _turn_left(loops: Sequence[np.ndarray]) -> list[bool]:
    """Which loops are counter-clockwise, by the sign of their areas."""
    if not loops:
        return []
    x, y = np.concatenate([loop - loop[0] for loop in loops]).T
    after = neighbours([len(loop) for loop in loops])[1]
    first = np.cumsum([0, *map(len, loops[:-1])])
    turned: list[bool] = (np.add.reduceat(x * y[after] - x[after] * y, first) > 0).tolist()
    return turned


def _assembled(loops: Sequence[np.ndarray], owners: Sequence[int]) -> tuple[Polygon, ...]:
    """Polygons from loops with the inside on the left; `owners` holds the number of each loop's connected region."""
    hulls: dict[int, np.ndarray] = {}
    holes: dict[int, list[np.ndarray]] = {}
    for loop, owner, left in zip(loops, owners, _turn_left(loops), strict=True):
        if left:
            hulls[owner] = loop
        else:
            holes.setdefault(owner, []).append(loop)
    return tuple(Polygon(hull, tuple(holes.get(owner, ()))) for owner, hull in hulls.items())
