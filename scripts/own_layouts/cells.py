"""A small standard-cell block with hierarchy: four cell types over one contact cell, placed by TOP.

Rows are 1200 nm high; the 120 nm power rails straddle their edges, so a row and its mirrored neighbour share one.
"""

from typing import NamedTuple

import klayout.db as kdb

from own_layouts.shapes import Box, Point, squares, wire

METAL1 = (11, 0)  # layer / datatype
CONTACT = (12, 0)
ROW_HEIGHT = 1200
ROW_WIDTH = 2600


class Cell(NamedTuple):
    """A standard cell: width, metal-1 boxes and contact centres in nm."""

    width: int
    metal: list[Box]
    contacts: list[Point]


def inverter() -> Cell:
    """One input; the output is a C that faces the straps."""
    output = [(280, 160, 70, 880), (190, 160, 160, 80), (190, 960, 160, 80)]
    metal = [(40, 0, 70, 400), (40, 700, 70, 500), (40, 480, 130, 140), *output]
    return Cell(400, metal, [(75, 355), (75, 745), (105, 550), (235, 200), (235, 1000)])


def nand2() -> Cell:
    """Two inputs; the output crosses from the middle p drain to the right n drain."""
    output = wire(70, (300, 1005), (300, 645), (525, 645), (525, 195))
    straps = [(40, 0, 70, 400), (40, 760, 70, 440), (490, 760, 70, 440)]
    metal = [*straps, (40, 480, 130, 140), (230, 350, 130, 140), *output]
    return Cell(600, metal, [(75, 355), (75, 805), (525, 805), (105, 550), (295, 420), (300, 995), (525, 205)])


def _on_wiring_grid(node: Point) -> Point:
    return 125 + 150 * node[0], 195 + 150 * node[1]


def flip_flop() -> Cell:
    """A D flip-flop: clock inverter, master and slave on a 150 nm wiring grid."""
    nets = [
        [(0, 2), (0, 3)],  # clock pin
        [(2, 5), (1, 5), (1, 0), (2, 0)],  # inverted clock
        [(1, 3), (2, 3)],
        [(2, 1), (3, 1), (3, 2)],  # data pin
        [(3, 3), (3, 4)],
        [(4, 0), (4, 1), (5, 1), (5, 3), (4, 3), (4, 5), (5, 5)],  # master
        [(7, 0), (7, 1), (6, 1), (6, 3), (7, 3), (7, 5)],  # slave
        [(8, 0), (8, 5)],  # output
        [(8, 2), (9, 2)],
    ]
    straps = [box for i in (0, 3, 6, 9) for box in ((90 + 150 * i, 0, 70, 230), (90 + 150 * i, 910, 70, 290))]
    metal = straps + [box for net in nets for box in wire(70, *map(_on_wiring_grid, net))]
    contacts = [(0, 2), (2, 5), (2, 0), (2, 3), (2, 1), (3, 4), (4, 0), (5, 5), (7, 0), (7, 5), (8, 4), (9, 2)]
    return Cell(1600, metal, [_on_wiring_grid(node) for node in contacts])


def filler() -> Cell:
    """An empty site with a strap from each rail; an array of them ends a row."""
    return Cell(200, [(65, 0, 70, 330), (65, 870, 70, 330)], [(100, 285), (100, 915)])


STANDARD_CELLS = {"INV": inverter(), "NAND2": nand2(), "DFF": flip_flop(), "FILL": filler()}


def build_block(dbu_nm: float) -> kdb.Layout:
    """The block, 4.0 x 3.72 um, top cell TOP: three rows, the middle one mirrored, and a rotated inverter chain.

    Args:
        dbu_nm: Database unit in nm; 1 / dbu_nm must be an integer.
    """
    layout = kdb.Layout()
    layout.dbu = dbu_nm / 1000
    scale = round(1 / dbu_nm)
    contact = _draw(layout, "CONTACT", scale, squares(90, [(0, 0)]), squares(70, [(0, 0)]))
    for name, cell in STANDARD_CELLS.items():
        rails = [(0, y - 60, cell.width, 120) for y in (0, ROW_HEIGHT)]
        drawn = _draw(layout, name, scale, cell.metal + rails, [])
        for x, y in cell.contacts:
            drawn.insert(kdb.CellInstArray(contact.cell_index(), kdb.Trans(x * scale, y * scale)))
    top = layout.create_cell("TOP")
    for name, trans, count, step in _placements():
        trans.disp *= scale
        index = layout.cell(name).cell_index()
        top.insert(kdb.CellInstArray(index, trans, step * scale, kdb.Vector(), count, 1))
    return layout


Placement = tuple[str, kdb.Trans, int, kdb.Vector]  # cell, first instance, count, step; nm


def _placements() -> list[Placement]:
    """What TOP holds: three rows of cells, contacts under their rails, an inverter chain turned by 90 degrees."""
    placements = (
        _row(["DFF", "NAND2", "INV"], 0) + _row(["NAND2", "INV", "NAND2"], 1) + _row(["INV", "DFF", "NAND2"], 2)
    )
    for y in range(0, 4 * ROW_HEIGHT, ROW_HEIGHT):
        placements.append(("CONTACT", kdb.Trans(100, y), 13, kdb.Vector(200, 0)))
    chain = kdb.Trans(kdb.Trans.R90, ROW_WIDTH + 140 + ROW_HEIGHT, 0)
    return [*placements, ("INV", chain, 9, kdb.Vector(0, STANDARD_CELLS["INV"].width))]


def _row(names: list[str], row: int) -> list[Placement]:
    """Cells from left to right and an array of fillers; odd rows upside down, every second cell mirrored sideways."""
    upright, sideways = (kdb.Trans.R0, kdb.Trans.M90) if row % 2 == 0 else (kdb.Trans.M0, kdb.Trans.R180)
    y = ROW_HEIGHT * (row + row % 2)
    placements, x = [], 0
    for i, name in enumerate(names):
        width = STANDARD_CELLS[name].width
        trans = kdb.Trans(sideways, x + width, y) if i % 2 else kdb.Trans(upright, x, y)
        placements.append((name, trans, 1, kdb.Vector()))
        x += width
    width = STANDARD_CELLS["FILL"].width
    if x < ROW_WIDTH:
        placements.append(("FILL", kdb.Trans(upright, x, y), (ROW_WIDTH - x) // width, kdb.Vector(width, 0)))
    return placements


def _draw(layout: kdb.Layout, name: str, scale: int, metal: list[Box], contacts: list[Box]) -> kdb.Cell:
    """A new cell with the union of its metal and its contacts."""
    cell = layout.create_cell(name)
    for layer, boxes in ((METAL1, metal), (CONTACT, contacts)):
        region = kdb.Region([kdb.Box(x, y, x + w, y + h) * scale for x, y, w, h in boxes])
        cell.shapes(layout.layer(*layer)).insert(region.merged())
    return cell
