"""Styles of standard-cell metal: power rails with straps, pins, and wires between them."""

from collections.abc import Callable
from itertools import pairwise

from litho_dl.core.errors import LayoutError
from litho_dl.layout.generate.sketch import Shape, Sketch
from litho_dl.layout.generate.wires import fill_track, lattice_pitch, route, wire

Style = Callable[[Sketch], None]
FEWEST_TRACKS, MOST_TRACKS = 6, 11


def _place_rails(sketch: Sketch, bands: int) -> list[tuple[int, int]]:
    """Draws rails with straps on `bands` + 1 row edges; returns (low, high) of every band between them."""
    steps = sketch.steps
    rail = min(steps.max_width, sketch.integer(steps.width * 3 // 2, steps.width * 5 // 2))
    most = (sketch.size - rail) // (bands * steps.pitch)
    if most < FEWEST_TRACKS:
        raise LayoutError("the extent is smaller than a row of cells")
    height = steps.pitch * sketch.integer(FEWEST_TRACKS, min(most, MOST_TRACKS))
    first = sketch.integer(0, min(sketch.size - rail - bands * height, height - 1))
    edges = list(range(first, sketch.size - rail + 1, height))
    straps, column = sketch.number(0.15, 0.5), _columns(sketch)
    for y in edges:
        sketch.add(_strapped(sketch, y, rail, height, column, straps))
    bounds = [-rail, *edges, sketch.size]
    return [(low + rail, high) for low, high in pairwise(bounds) if high - low - rail > 0]


def _columns(sketch: Sketch) -> list[int]:
    """Left edges of wires on the gate pitch, which is somewhat wider than the metal pitch."""
    pitch = lattice_pitch(sketch, sketch.steps.width) + sketch.integer(0, sketch.steps.pitch // 2)
    return list(range(sketch.integer(0, pitch - 1), sketch.size - sketch.steps.width + 1, pitch))


def _strapped(sketch: Sketch, y: int, rail: int, height: int, columns: list[int], share: float) -> Shape:
    """A rail across the extent with straps up and down on some columns."""
    steps = sketch.steps
    shape: Shape = [(0, y, sketch.size, y + rail)]
    for x in columns:
        up, down = (sketch.integer(steps.width, (height - rail) * 2 // 5) for _ in range(2))
        if sketch.chance(share):
            shape.append((x, y + rail, x + steps.width, min(y + rail + up, sketch.size)))
        if sketch.chance(share):
            shape.append((x, max(y - down, 0), x + steps.width, y))
    return [box for box in shape if box[3] - box[1] >= steps.width]


def _outputs(sketch: Sketch, low: int, high: int, columns: list[int]) -> None:
    """Wires that cross most of a band, straight, with a jog to another column, or two joined by a bar."""
    steps, width = sketch.steps, sketch.steps.width
    for _ in range(sketch.integer(1, max(2, len(columns) // 2))):
        i = sketch.integer(0, len(columns) - 1)
        x, far = columns[i], columns[min(i + sketch.integer(0, 3), len(columns) - 1)]
        x, far = (x, far) if sketch.chance(0.5) else (far, x)
        bottom = low + steps.tip_to_tip + sketch.integer(0, 2 * steps.pitch)
        top = high - steps.tip_to_tip - width - sketch.integer(0, 2 * steps.pitch)
        bend = sketch.integer(bottom + width, top - width)
        if x == far or not bottom + width <= bend <= top - width:
            sketch.add([(x, bottom, x + width, top + width)])
        elif sketch.chance(0.3):
            left, right = min(x, far), max(x, far)
            bar = (left + width, bend, right, bend + sketch.integer(width, min(2 * width, steps.max_width)))
            sketch.add([(left, bottom, left + width, top + width), bar, (right, bottom, right + width, top + width)])
        else:
            sketch.add(wire([(x, bottom), (x, bend), (far, bend), (far, top)], width))


def _pins(sketch: Sketch, low: int, high: int, columns: list[int]) -> None:
    """Input pads of one size in a row near the middle of a band, on some columns."""
    steps, share = sketch.steps, sketch.number(0.2, 0.7)
    width = sketch.integer(steps.width, min(steps.max_width, steps.width * 7 // 4))
    height = max(sketch.integer(width, width * 2), -(-steps.area // width))
    y = (low + high - height) // 2 + sketch.integer(-(high - low) // 8, (high - low) // 8)
    for x in columns:
        if sketch.chance(share):
            sketch.add([(x, y, x + width, y + height)])


def _fill_band(sketch: Sketch, low: int, high: int, crowding: float) -> None:
    """Draws outputs, pins, random-walk wires and bars of one band."""
    steps, columns, pitch = sketch.steps, _columns(sketch), lattice_pitch(sketch, sketch.steps.width)
    lanes = list(range(low + steps.tip_to_tip, high - steps.tip_to_tip - steps.width + 1, pitch))
    if not lanes:
        return
    if len(lanes) >= FEWEST_TRACKS - 2:
        for part in (_outputs, _pins) if sketch.chance(0.5) else (_pins, _outputs):
            part(sketch, low, high, columns)
    wanted = sketch.density + crowding * (high - low) / sketch.size
    route(sketch, columns, lanes, width=steps.width, density=wanted, longest=10, straight=0.7, tries=100)
    for y in lanes:
        fill_track(sketch, y, steps.width, lengths=(steps.pitch, 4 * steps.pitch), gap=steps.pitch, skip=0.6)


def _cell(sketch: Sketch, bands: int) -> None:
    crowding = sketch.number(0.0, 0.2)
    for low, high in _place_rails(sketch, bands):
        _fill_band(sketch, low, high, crowding)


def one_row(sketch: Sketch) -> None:
    """At least one whole row of cells, and parts of its neighbours."""
    _cell(sketch, 1)


def two_rows(sketch: Sketch) -> None:
    """At least two whole rows of cells that share a rail; one where two do not fit."""
    steps = sketch.steps
    fits = sketch.size - steps.width * 5 // 2 >= 2 * FEWEST_TRACKS * steps.pitch
    _cell(sketch, 2 if fits else 1)


STYLES: dict[str, Style] = {"one_row": one_row, "two_rows": two_rows}
