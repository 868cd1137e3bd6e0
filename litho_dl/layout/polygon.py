"""One polygon, in nm."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from litho_dl.core.errors import LayoutError

LARGEST_COORDINATE_NM = 1e9  # 1 m


def _vertices(points: np.ndarray) -> np.ndarray:
    """`points` as an (n, 2) float64 array of at least three finite vertices."""
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise LayoutError(f"Expected vertices as an (n, 2) array of numbers in nm, got {points!r:.60}.") from error
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < 3:
        raise LayoutError(f"Expected at least three vertices as an (n, 2) array in nm, got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise LayoutError("Expected finite vertices, got NaN or infinity; check the source of the polygon.")
    return array


@dataclass(frozen=True, eq=False, repr=False)
class Polygon:
    """One polygon, with or without holes.

    Either orientation is accepted. Functions of this package return hulls counter-clockwise and holes clockwise, so
    that the inside is always on the left.

    Attributes:
        hull: Vertices (n, 2), float64, rows of (x, y) in nm, the last not repeating the first; n >= 3.
        holes: Vertices of each hole, likewise.

    Raises:
        LayoutError: A loop is not an (n, 2) array of at least three finite vertices.
    """

    hull: np.ndarray
    holes: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "hull", _vertices(self.hull))
        object.__setattr__(self, "holes", tuple(_vertices(hole) for hole in self.holes))

    def __repr__(self) -> str:
        (x0, y0), (x1, y1) = self.hull.min(0), self.hull.max(0)
        holes = f", {len(self.holes)} {'holes' if len(self.holes) > 1 else 'hole'}" if self.holes else ""
        return f"Polygon({len(self.hull)} vertices from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) nm{holes})"

    @property
    def loops(self) -> tuple[np.ndarray, ...]:
        """The hull, then the holes."""
        return (self.hull, *self.holes)

    def mapped(self, transform: Callable[[np.ndarray], np.ndarray]) -> "Polygon":
        """The polygon with `transform` applied to each (n, 2) array of vertices."""
        return Polygon(transform(self.hull), tuple(transform(hole) for hole in self.holes))
