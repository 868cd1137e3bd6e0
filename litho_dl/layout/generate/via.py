"""Styles of via layers: arrays, staggered arrays, random places, redundant clusters, rows."""

from collections.abc import Callable

from litho_dl.layout.generate.sketch import Sketch

Style = Callable[[Sketch], None]
CLUSTERS = (((0, 0), (1, 0)), ((0, 0), (1, 0), (2, 0)), ((0, 0), (1, 0), (0, 1)), ((0, 0), (1, 0), (0, 1), (1, 1)))


def _put(sketch: Sketch, x: int, y: int) -> bool:
    """Adds one via with its lower left corner at (x, y), if its centre keeps the pitch."""
    width, pitch = sketch.steps.width, sketch.steps.pitch
    distances = ((sketch.boxes[:, :2] - (x, y)) ** 2).sum(axis=1)
    return bool((distances >= pitch**2).all()) and sketch.add([(x, y, x + width, y + width)])


def _pitch(sketch: Sketch) -> int:
    """A pitch from the least one to three times as much."""
    pitch = sketch.steps.pitch
    return pitch if sketch.chance(0.3) else sketch.integer(pitch, 3 * pitch)


def _array(sketch: Sketch, dx: int, dy: int, shift: int, keep: float) -> None:
    """Vias on a lattice of steps (dx, dy), every second row shifted, each kept with a probability."""
    margin = sketch.size - sketch.steps.width
    columns, rows = sketch.integer(min(3, 1 + margin // dx), 1 + margin // dx), sketch.integer(1, 1 + margin // dy)
    x0 = sketch.integer(0, margin - (columns - 1) * dx)
    y0 = sketch.integer(0, margin - (rows - 1) * dy)
    for row in range(rows):
        for column in range(columns):
            if sketch.chance(keep):
                _put(sketch, x0 + column * dx + (row % 2) * shift, y0 + row * dy)


def regular(sketch: Sketch) -> None:
    """A lattice, complete or with vias left out."""
    dx = _pitch(sketch)
    dy = dx if sketch.chance(0.5) else _pitch(sketch)
    _array(sketch, dx, dy, 0, 1.0 if sketch.chance(0.3) else sketch.number(0.2, 0.95))


def staggered(sketch: Sketch) -> None:
    """A lattice with every second row shifted by half a step."""
    dx = 2 * sketch.integer(sketch.steps.pitch * 3 // 4, sketch.steps.pitch * 3 // 2)
    dy = sketch.integer(sketch.steps.pitch * 3 // 4, 2 * sketch.steps.pitch)
    _array(sketch, dx, dy, dx // 2, 1.0 if sketch.chance(0.3) else sketch.number(0.3, 0.95))


def scattered(sketch: Sketch) -> None:
    """Vias at random points of the grid, from one to many."""
    margin = sketch.size - sketch.steps.width
    most = max(1, (sketch.size // sketch.steps.pitch) ** 2 // 3)
    for _ in range(1 + sketch.skewed(most)):
        _put(sketch, sketch.integer(0, margin), sketch.integer(0, margin))


def routed(sketch: Sketch) -> None:
    """Vias at random crossings of uneven tracks, as a router places them."""
    margin, pitch = sketch.size - sketch.steps.width, sketch.steps.pitch
    spread = sketch.integer(0, pitch)
    lines: list[list[int]] = []
    for _ in range(2):
        places = [sketch.integer(0, min(pitch, margin))]
        while places[-1] + pitch + spread <= margin:
            places.append(places[-1] + pitch + sketch.integer(0, spread))
        lines.append(places)
    keep = sketch.number(0.08, 0.45)
    for x in lines[0]:
        for y in lines[1]:
            if sketch.chance(keep):
                _put(sketch, x, y)


def clusters(sketch: Sketch) -> None:
    """Redundant vias: pairs, triples and squares at one pitch, and single ones."""
    margin, pitch = sketch.size - sketch.steps.width, sketch.steps.pitch
    apart = pitch if sketch.chance(0.5) else sketch.integer(pitch, pitch * 5 // 4)
    for _ in range(sketch.integer(1, max(2, sketch.size // pitch * 2))):
        x, y = sketch.integer(0, margin), sketch.integer(0, margin)
        turned, flip = sketch.chance(0.5), sketch.choice((-1, 1))
        for i, j in ((0, 0),) if sketch.chance(0.3) else sketch.choice(CLUSTERS):
            i, j = (j, i) if turned else (i, j)
            _put(sketch, x + i * apart, y + flip * j * apart)


def rails(sketch: Sketch) -> None:
    """Dense rows, as under power rails, with scattered vias between them."""
    margin, pitch = sketch.size - sketch.steps.width, sketch.steps.pitch
    step, height = _pitch(sketch), sketch.integer(4 * pitch, 12 * pitch)
    start = sketch.integer(0, min(step, margin))
    for y in range(sketch.integer(0, min(height, margin)), margin + 1, height):
        for x in range(start, margin + 1, step):
            if sketch.chance(0.9):
                _put(sketch, x, y)
    for _ in range(sketch.integer(0, 30)):
        _put(sketch, sketch.integer(0, margin), sketch.integer(0, margin))


STYLES: dict[str, Style] = {
    "regular": regular,
    "staggered": staggered,
    "scattered": scattered,
    "routed": routed,
    "clusters": clusters,
    "rails": rails,
}
