"""Hulls to and from klayout as bytes of GDSII, in an eighth of the time that points one by one take."""

import struct
from collections.abc import Iterable

import klayout.db as db
import numpy as np

MOST_POINTS = 4000  # of a record; longer hulls take several
BOUNDARY, LAYER, DATATYPE, XY, END = 0x0800, 0x0D02, 0x0E02, 0x1003, 0x1100


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack(">HH", 4 + len(content), kind) + content


UNITS = struct.pack(">QQ", 0x3E4189374BC6A7F0, 0x3944B82FA09B5A54)  # 0.001 um and 1e-9 m, which nobody reads
BEGIN_FILE = b"".join(
    _record(kind, content)
    for kind, content in (
        (0x0002, struct.pack(">H", 600)),
        (0x0102, bytes(24)),
        (0x0206, b"ONE\0"),
        (0x0305, UNITS),
        (0x0502, bytes(24)),
        (0x0606, b"ONE\0"),
    )
)
END_FILE = _record(0x0700) + _record(0x0400)
BEGIN_HULL = _record(BOUNDARY) + _record(LAYER, struct.pack(">H", 1)) + _record(DATATYPE, bytes(2))
END_HULL = _record(END)


def region_of_hulls(hulls: Iterable[np.ndarray]) -> db.Region:
    """Polygons without holes as a klayout region, not merged.

    Args:
        hulls: Vertices (n, 2) of each, whole numbers within 32 bits.
    """
    parts = [BEGIN_FILE]
    for hull in hulls:
        points = np.concatenate((hull, hull[:1])).astype(">i4")
        parts.append(BEGIN_HULL)
        parts += [
            _record(XY, points[start : start + MOST_POINTS].tobytes()) for start in range(0, len(points), MOST_POINTS)
        ]
        parts.append(END_HULL)
    layout = db.Layout()
    layout.read_bytes(b"".join((*parts, END_FILE)), db.LoadLayoutOptions())
    return db.Region(layout.top_cell().shapes(layout.layer(1, 0)))


def hulls_of_region(region: db.Region) -> list[np.ndarray]:
    """The vertices (n, 2) of a region's polygons, int32, in klayout's order; none of them may have holes."""
    layout = db.Layout()
    layout.create_cell("ONE").shapes(layout.layer(1, 0)).insert(region)
    options = db.SaveLayoutOptions()
    options.format, options.gds2_multi_xy_records, options.gds2_max_vertex_count = "GDS2", True, MOST_POINTS
    content = layout.write_bytes(options)
    hulls: list[np.ndarray] = []
    parts: list[np.ndarray] = []
    place = 0
    while place < len(content):
        length, kind = struct.unpack_from(">HH", content, place)
        if kind == XY:
            parts.append(np.frombuffer(content, ">i4", (length - 4) // 4, place + 4))
        elif kind == END:
            hulls.append(np.concatenate(parts).reshape(-1, 2)[:-1])
            parts = []
        place += length
    return hulls
