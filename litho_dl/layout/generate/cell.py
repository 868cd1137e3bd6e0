"""Styles of standard-cell metal: power rails with straps, pins, and wires between them."""

from collections.abc import Callable

from litho_dl.core.errors import LayoutError
from litho_dl.layout.generate.sketch import Shape, Sketch
from litho_dl.layout.generate.wires import fill_track, route, wire

Style = Callable[[Sketch], None]
FEWEST_TRACKS, MOST_TRACKS = 6, 11


def _place_rails(sketch: Sketch, bands: int) -> list[tuple[int, int]]:
    """Draws rails with straps on `bands` + 1 row edges and returns the (low, high) of every band between them."""
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
    return [(low + rail, high) for low, high in zip(bounds, bounds[1:], strict=False) if high - low - rail > 0]


def _columns(sketch: Sketch) -> list[int]:
    """Left edges of the wires on the gates' pitch, somewhat wider than that of metal."""
    pitch = sketch.steps.pitch + sketch.integer(0, sketch.steps.pitch // 2)
    return list(range(sketch.integer(0, pitch - 1), sketch.size - sketch.steps.width + 1, pitch))


def _strapped(sketch: Sketch, y: int, rail: int, height: int, columns: list[int], share: float) -> Shape:
    """A rail across the extent with straps up and down on some columns."""
    width, shape = sketch.steps.width, [(0, y, sketch.size, y + rail)]
    for x in columns:
        if sketch.chance(share):
            shape.append((x, y + rail, x + width, min(y + rail + _strap(sketch, height), sketch.size)))
        if sketch.chance(share):
            shape.append((x, max(y - _strap(sketch, height), 0), x + width, y))
    return [box for box in shape if box[3] > box[1]]


def _strap(sketch: Sketch, height: int) -> int:
    return sketch.integer(sketch.steps.width, height * 2 // 5)


def _outputs(sketch: Sketch, low: int, high: int, columns: list[int]) -> None:
    """Wires that cross most of a band, straight or with a jog to another column."""
    steps = sketch.steps
    margin, width = steps.run_space, steps.width
    for _ in range(sketch.integer(1, max(2, len(columns) // 3))):
        i = sketch.integer(0, len(columns) - 1)
        k = min(max(i + sketch.integer(-3, 3), 0), len(columns) - 1)
        bottom, top = low + margin + sketch.integer(0, 2 * steps.pitch), high - margin - width
        top -= sketch.integer(0, 2 * steps.pitch)
        bend = sketch.integer(bottom + steps.pitch, top - steps.pitch)
        x, far = columns[i], columns[k]
        if x == far or top - bottom < 2 * steps.pitch:
            sketch.add([(x, bottom, x + width, top + width)])
        else:
            sketch.add(wire([(x, bottom), (x, bend), (far, bend), (far, top)], width))


def _pins(sketch: Sketch, low: int, high: int, columns: list[int]) -> None:
    """Input pads near the middle of a band."""
    steps = sketch.steps
    for _ in range(sketch.integer(2, max(3, len(columns)))):
        width = sketch.integer(steps.width, min(steps.max_width, steps.width * 7 // 4))
        height = max(sketch.integer(width, width * 2), -(-steps.area // width))
        x = sketch.choice(columns)
        y = (low + high - height) // 2 + sketch.integer(-(high - low) // 6, (high - low) // 6)
        sketch.add([(x, y, x + width, y + height)])


def _fill_band(sketch: Sketch, low: int, high: int, *, crowding: float) -> None:
    """Outputs, pins, wandering wires and bars of one band."""
    steps, columns = sketch.steps, _columns(sketch)
    lanes = list(range(low + steps.run_space, high - steps.run_space - steps.width + 1, steps.pitch))
    if not lanes:
        return
    if len(lanes) >= FEWEST_TRACKS - 2:
        _outputs(sketch, low, high, columns)
        _pins(sketch, low, high, columns)
    wanted = sketch.density + crowding * (high - low) / sketch.size
    route(sketch, columns, lanes, width=steps.width, density=wanted, turns=3, reach=4, branches=0.3, tries=25)
    for y in lanes:
        fill_track(sketch, y, steps.width, lengths=(steps.pitch, 5 * steps.pitch), gap=2 * steps.pitch, skip=0.6)


def _cell(sketch: Sketch, bands: int) -> None:
    crowding = sketch.number(0.0, 0.15)
    for low, high in _place_rails(sketch, bands):
        _fill_band(sketch, low, high, crowding=crowding)


def one_row(sketch: Sketch) -> None:
    """At least one whole row of cells, and what fits of its neighbours."""
    _cell(sketch, 1)


def two_rows(sketch: Sketch) -> None:
    """At least two whole rows of cells that share a rail; one where two do not fit."""
    steps = sketch.steps
    fits = sketch.size - steps.width * 5 // 2 >= 2 * FEWEST_TRACKS * steps.pitch
    _cell(sketch, 2 if fits else 1)


STYLES: dict[str, Style] = {"one_row": one_row, "two_rows": two_rows}
