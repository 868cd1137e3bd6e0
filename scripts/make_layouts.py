"""Draws the clips and the standard-cell block of `layouts/` again, byte for byte.

python scripts/make_layouts.py --out layouts
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import klayout.db as kdb
from own_layouts.cells import build_block
from own_layouts.metal import METAL
from own_layouts.shapes import Box
from own_layouts.via import VIA

from litho_dl.core.io import atomic_path, write_text

SEARCH_NM = 400  # farther apart than this counts as no neighbour
BLOCK_DBU_NM = {"gds": 0.1, "oas": 1.0}  # unlike on purpose: a reader has to honour the file's unit
Drawing = Callable[[], list[Box]]


def union(boxes: list[Box]) -> kdb.Region:
    """The union of rectangles as merged polygons in nm, its lower-left corner at the origin."""
    region = kdb.Region([kdb.Box(x, y, x + w, y + h) for x, y, w, h in boxes]).merged()
    return region.move(-region.bbox().left, -region.bbox().bottom)


def glp_text(name: str, level: str, region: kdb.Region) -> str:
    """A merged Manhattan region as a GLP file: one RECT or PGON a polygon, bottom to top.

    Raises:
        ValueError: A polygon has a hole, which GLP cannot hold.
    """
    lines = ["BEGIN", "EQUIV  1  1000  MICRON  +X,+Y", f"CNAME {name}", f"LEVEL {level}", "", f"CELL {name} PRIME"]
    for polygon in sorted(region.each(), key=lambda p: (p.bbox().bottom, p.bbox().left)):
        if polygon.holes():
            raise ValueError(f"Expected polygons without holes, got {polygon} in {name}; cut the ring open.")
        box = polygon.bbox()
        if polygon.is_box():
            lines.append(f"   RECT N {level}  {box.left} {box.bottom} {box.width()} {box.height()}")
        else:
            corners = "  ".join(f"{p.x} {p.y}" for p in polygon.each_point_hull())
            lines.append(f"   PGON N {level}  {corners}")
    return "\n".join([*lines, "ENDMSG", ""])


def smallest(pairs: kdb.EdgePairs) -> str:
    """The smallest distance of a check's edge pairs in nm, `-` if there are none."""
    distances = [pair.distance() for pair in pairs.each()]
    return str(min(distances)) if distances else "-"


def table_row(name: str, drawing: Drawing, region: kdb.Region) -> str:
    """The README row of a clip: what it tests, size, area, and measured minimum width and space."""
    purpose = (drawing.__doc__ or "").splitlines()[0].rstrip(".")
    box = region.bbox()
    width = smallest(region.width_check(SEARCH_NM, metrics=kdb.Region.Euclidian))
    space = smallest(region.space_check(SEARCH_NM, metrics=kdb.Region.Euclidian))
    return f"| {name} | {purpose} | {box.width()} x {box.height()} | {region.area():,} | {width} | {space} |"


def write_family(out: Path, prefix: str, level: str, drawings: Sequence[Drawing]) -> list[str]:
    """Writes `prefix_01.glp ...` and returns their README rows."""
    rows = []
    for number, drawing in enumerate(drawings, start=1):
        name, region = f"{prefix}_{number:02d}", union(drawing())
        write_text(out / f"{name}.glp", glp_text(drawing.__name__, level, region))
        rows.append(table_row(name, drawing, region))
    return rows


def write_block(out: Path) -> None:
    """Writes the hierarchical block as GDSII and OASIS, without time stamps."""
    for suffix, dbu_nm in BLOCK_DBU_NM.items():
        options = kdb.SaveLayoutOptions()
        options.gds2_write_timestamps = False
        options.format = {"gds": "GDS2", "oas": "OASIS"}[suffix]
        with atomic_path(out / f"standard_cells.{suffix}") as temporary:
            build_block(dbu_nm).write(str(temporary), options)


README = """# Layouts

Clips and a block of our own, drawn by `python scripts/make_layouts.py --out layouts` (the same bytes every time).
Rules: metal at least 60 nm wide and 60 nm apart, facing tips 80 nm apart; vias 70-90 nm square at pitches of 150 nm
and more. Every clip fits a 2048 nm field with at least 370 nm to spare on each side once centred. Lengths in nm.

| clip | what it tests | size | area (nm^2) | min width | min space |
|---|---|---|---|---|---|
{rows}

Width and space are measured corner to corner (Euclidean) on the merged polygons; `-` means no neighbour within
{search} nm.

`standard_cells.gds` and `standard_cells.oas` hold one block of 4.0 x 3.72 um with hierarchy: metal 1 on layer 11/0,
contacts on 12/0, top cell `TOP`. It places `INV`, `NAND2`, `DFF` and `FILL` in three rows (the middle one upside down,
every second cell mirrored), an array of nine inverters turned by 90 degrees and arrays of the cell `CONTACT`. The
database unit is 0.1 nm in the GDSII file and 1 nm in the OASIS file; the geometry in nm is the same.
"""


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("layouts"), show_default=True)
def main(out: Path) -> None:
    """Writes all layouts and their README.md."""
    rows = write_family(out, "metal", "M1", METAL) + write_family(out, "via", "V1", VIA)
    write_block(out)
    write_text(out / "README.md", README.format(rows="\n".join(rows), search=SEARCH_NM))
    click.echo(f"Wrote {len(rows)} clips and a standard-cell block to {out}")


if __name__ == "__main__":
    main()
