"""Square windows cut from a large layout."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.files import read_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash

if TYPE_CHECKING:
    import klayout.db as db

WRITABLE_UNITS_PER_NM = 10_000  # edges that cross a window's border end on a grid that GDSII and OASIS files can hold


@dataclass(frozen=True, eq=False)
class CutWindow:
    """One window of a layout.

    Attributes:
        x0_nm: Left edge of the window in the layout's own coordinates.
        y0_nm: Its lower edge.
        layout: The part of the layout inside, moved to [0, window] x [0, window].
        pattern_hash: See `pattern.pattern_hash`.
    """

    x0_nm: float
    y0_nm: float
    layout: Layout
    pattern_hash: str


def cut_windows(
    path: str | Path,
    *,
    layer: str | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
    window_nm: float,
    stride_nm: float,
    least_coverage: float = 0.0,
    min_width_nm: float = 0.0,
    counts: Counter[str] | None = None,
) -> Iterator[CutWindow]:
    """Cuts a GLP, GDSII or OASIS file into square windows; the file is read once.

    Windows start at the lower left corner of the layer's bounding box, row by row, and cover all of it; the last ones
    may reach beyond it. A pattern is yielded once, the first time it occurs, in whatever orientation.

    A cut can leave slivers that were not drawn: the side of a wire along the window's edge, the stub of its end. With
    `min_width_nm`, parts at the edge that are narrower are removed; narrow shapes inside stay. Use the layer's least
    width. Shapes that cross the edge are cut, not kept whole, as they would leave the window.

    Args:
        path: The file.
        layer: As for `read_layout`.
        cell: As for `read_layout`.
        allow_missing: As for `read_layout`.
        window_nm: Side of a window; > 0.
        stride_nm: Step from one window to the next; > 0.
        least_coverage: Least covered share of a window's area, in [0, 1); windows below it, and empty ones, are
            skipped.
        min_width_nm: Parts at the window's edge narrower than this are removed; 0 keeps all.
        counts: Receives the number of all "windows" and, as they are cut, of those skipped as "empty", "sparse" and
            "duplicate".

    Returns:
        An iterator over the windows.

    Raises:
        LayoutError: The file cannot be read, has no shapes, or a length is out of range.
    """
    if not (window_nm > 0 and stride_nm > 0 and 0 <= least_coverage < 1 and 0 <= min_width_nm < window_nm):
        raise LayoutError(
            f"Expected a positive window and stride, a coverage from 0 to below 1 and a least width below the window, "
            f"got {window_nm:g} nm, {stride_nm:g} nm, {least_coverage:g} and {min_width_nm:g} nm."
        )
    layout = read_layout(path, layer=layer, cell=cell, allow_missing=allow_missing)
    return _cut(layout, window_nm, stride_nm, least_coverage, min_width_nm, Counter() if counts is None else counts)


def _cut(
    layout: Layout, window_nm: float, stride_nm: float, least: float, min_width_nm: float, counts: Counter[str]
) -> Iterator[CutWindow]:
    import klayout.db as db

    from litho_dl.layout import region

    x0, y0, x1, y1 = layout.bbox_nm
    whole = region.Frame.of(layout.polygons, margin_nm=window_nm, finest=WRITABLE_UNITS_PER_NM)
    units = whole.units
    shapes = db.Shapes()
    shapes.insert(whole.region(layout.polygons))
    side = round(window_nm * units)
    seen: set[str] = set()
    columns, rows = _starts(x0, x1, window_nm, stride_nm), _starts(y0, y1, window_nm, stride_nm)
    counts["windows"] = len(columns) * len(rows)
    for y in rows:
        for x in columns:
            left, bottom = round(x * units) - whole.x, round(y * units) - whole.y
            frame = db.Box(left, bottom, left + side, bottom + side)
            inside = _clipped(shapes, frame, round(min_width_nm * units))
            coverage = inside.area() / side**2
            if coverage == 0 or coverage < least:
                counts["sparse" if coverage else "empty"] += 1
                continue
            polygons = region.from_region(inside.moved(-left, -bottom), units)
            window = Layout(f"{layout.name}_{x:.12g}_{y:.12g}", polygons)
            pattern = pattern_hash(window)
            if pattern in seen:
                counts["duplicate"] += 1
                continue
            seen.add(pattern)
            yield CutWindow((left + whole.x) / units, (bottom + whole.y) / units, window, pattern)


def _starts(low_nm: float, high_nm: float, window_nm: float, stride_nm: float) -> np.ndarray:
    """Lower edges of the windows along one axis, enough to reach `high_nm`."""
    steps = max(0, int(np.ceil((high_nm - low_nm - window_nm) / stride_nm - 1e-9)))
    return low_nm + stride_nm * np.arange(steps + 1)


def _clipped(shapes: "db.Shapes", frame: "db.Box", min_width: int) -> "db.Region":
    """The shapes inside a frame, without slivers at its edge that are narrower than `min_width`."""
    import klayout.db as db

    touching = db.Region()
    for shape in shapes.each_touching(frame):
        touching.insert(shape.polygon)
    inside = (touching & db.Region(frame)).merged(True, 0)
    if not min_width:
        return inside
    half = (min_width - 1) // 2  # parts exactly as wide as the limit stay
    wide = inside.sized(-half, 2).sized(half, 2)
    slivers = (inside - wide).interacting(db.Region(frame).edges())
    return (inside - slivers).merged(True, 0)
