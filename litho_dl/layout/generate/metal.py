"""Styles of routed metal: wires on tracks, random-walk wires, islands, sparse wires, buses with jogs."""

from collections.abc import Callable

from litho_dl.layout.generate.sketch import Sketch
from litho_dl.layout.generate.wires import (
    branch,
    fill_track,
    islands,
    lattice_pitch,
    route,
    track_places,
    wire,
)

Style = Callable[[Sketch], None]


def _wire_width(sketch: Sketch) -> int:
    """The least width, or up to half as much again."""
    width = sketch.steps.width
    return width if sketch.chance(0.6) else sketch.integer(width, width * 3 // 2)


def _sprinkle(sketch: Sketch, width: int) -> None:
    """A few long wires with turns, before the rest is filled around them."""
    places = track_places(sketch, lattice_pitch(sketch, width), sketch.steps.space)
    wanted = sketch.density + sketch.number(0.02, 0.12)
    route(sketch, places, places, width=width, density=wanted, longest=2 * len(places), straight=0.85, tries=12)


def tracks(sketch: Sketch) -> None:
    """Parallel wires of one width on evenly spaced tracks, cut at random, a few of them with turns."""
    steps, width = sketch.steps, _wire_width(sketch)
    pitch = width + steps.run_space + (0 if sketch.chance(0.4) else sketch.integer(0, 2 * steps.pitch))
    if sketch.chance(0.5):
        _sprinkle(sketch, width)
    longest = sketch.integer(4 * steps.pitch, max(sketch.size, 5 * steps.pitch))
    gap, skip = sketch.skewed(3 * steps.pitch), sketch.skewed(100) / 200
    for y in track_places(sketch, pitch, 0):
        fill_track(sketch, y, width, lengths=(2 * width, longest), gap=gap, skip=skip)


def rows(sketch: Sketch) -> None:
    """Rows of bars of many widths and lengths, some with hooked ends, as in the ICCAD 2013 clips."""
    steps = sketch.steps
    widest = min(steps.max_width, sketch.integer(steps.width, 2 * steps.width))
    longest, gap = sketch.integer(3 * steps.pitch, 7 * steps.pitch), sketch.skewed(2 * steps.pitch)
    hooks, skip, spread = sketch.number(0.1, 0.7), sketch.skewed(100) / 300, sketch.skewed(steps.pitch)
    y = sketch.integer(0, steps.pitch)
    while y + steps.width <= sketch.size:
        width = min(sketch.integer(steps.width, widest), sketch.size - y)
        fill_track(sketch, y, width, lengths=(width, longest), gap=gap, skip=skip, hooks=hooks)
        y += width + steps.run_space + sketch.integer(0, spread)


def routing(sketch: Sketch) -> None:
    """Random-walk wires on uneven tracks of both directions: L, U, Z and T shapes, then bars in the free space."""
    steps, width = sketch.steps, _wire_width(sketch)
    density, pitch, spread = sketch.number(0.15, 0.5), lattice_pitch(sketch, width), sketch.skewed(steps.pitch)
    columns, lanes = track_places(sketch, pitch, spread), track_places(sketch, pitch, spread)
    longest, straight = sketch.integer(4, 16), sketch.number(0.55, 0.9)
    route(sketch, columns, lanes, width=width, density=density, longest=longest, straight=straight)
    if sketch.density < density and sketch.chance(0.7):
        for y in lanes:
            fill_track(sketch, y, width, lengths=(width, 5 * steps.pitch), gap=steps.space, skip=0.2)


def patches(sketch: Sketch) -> None:
    """Islands of many sizes between a few turning wires."""
    steps, width, density = sketch.steps, _wire_width(sketch), sketch.number(0.15, 0.45)
    _sprinkle(sketch, width)
    widest = min(steps.max_width, sketch.integer(steps.width, 3 * steps.width))
    islands(sketch, density=density, widest=widest, longest=sketch.integer(widest + steps.pitch, 5 * steps.pitch))


def sparse(sketch: Sketch) -> None:
    """One to eight wires far apart: bars, L, T and crosses that nearly touch."""
    steps = sketch.steps
    wanted = sketch.integer(1, 8)
    for _ in range(40):
        width = min(_wire_width(sketch) + (steps.width if sketch.chance(0.2) else 0), steps.max_width)
        longest = max(sketch.size * 3 // 4, 3 * steps.pitch)
        x, y = sketch.integer(0, sketch.size - width), sketch.integer(0, sketch.size - width)
        far_x, far_y = sketch.integer(x, x + longest), sketch.integer(y, y + longest)
        points = [(x, y), (far_x, y)] if sketch.chance(0.6) else [(x, y), (far_x, y), (far_x, far_y)]
        if sketch.chance(0.5):
            points = [(b, a) for a, b in points]
        shape = wire(points, width)
        if sketch.chance(0.3):
            shape = branch(sketch, shape, width, longest)
        wanted -= sketch.add(shape)
        if wanted <= 0:
            return


def buses(sketch: Sketch) -> None:
    """Buses of parallel wires that jog together, then single bars between them."""
    steps = sketch.steps
    y = sketch.integer(0, 2 * steps.pitch)
    while y + steps.width <= sketch.size:
        width = _wire_width(sketch)
        pitch = width + steps.run_space + sketch.integer(0, steps.pitch // 2)
        count, jog = sketch.integer(2, 6), sketch.integer(-2 * steps.pitch, 2 * steps.pitch)
        x0, x1 = sketch.integer(0, sketch.size // 4), sketch.integer(sketch.size * 3 // 4, sketch.size)
        bend, shift = sketch.integer(x0 + sketch.size // 8, x1 - sketch.size // 8), width + steps.space
        for k in range(count):
            x = bend + (-k if jog > 0 else k) * shift
            low = y + k * pitch + max(-jog, 0)
            points = [(x0, low), (x, low), (x, low + jog), (x1 - width, low + jog)]
            if not (x0 < x < x1 - width and jog and sketch.add(wire(points, width))):
                sketch.add([(x0, low, x1, low + width)])
        y += count * pitch + abs(jog) + sketch.integer(0, 2 * steps.pitch)
    for y in track_places(sketch, steps.pitch, 0):
        fill_track(sketch, y, steps.width, lengths=(steps.width, 4 * steps.pitch), gap=2 * steps.pitch, skip=0.5)


def symmetric(sketch: Sketch) -> None:
    """Rows, random-walk wires or islands, mirrored at the middle as in memory cells."""
    sketch.mirrored = True
    sketch.choice((rows, routing, patches))(sketch)


STYLES: dict[str, Style] = {
    "tracks": tracks,
    "rows": rows,
    "routing": routing,
    "patches": patches,
    "sparse": sparse,
    "buses": buses,
    "symmetric": symmetric,
}
