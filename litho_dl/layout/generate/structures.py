"""Calibration structures: gratings, isolated lines, pitch ramps, tips, elbows, combs, meanders, islands."""

from collections.abc import Callable

from litho_dl.layout.generate.sketch import Shape, Sketch
from litho_dl.layout.generate.wires import wire

Style = Callable[[Sketch], None]


def _width(sketch: Sketch) -> int:
    return sketch.integer(sketch.steps.width, min(2 * sketch.steps.width, sketch.steps.max_width))


def _space(sketch: Sketch) -> int:
    """A space from the least one of long lines to twice the pitch, small ones more often."""
    return sketch.steps.run_space + sketch.skewed(2 * sketch.steps.pitch - sketch.steps.run_space)


def _length(sketch: Sketch) -> int:
    return sketch.integer(min(4 * sketch.steps.pitch, sketch.size), sketch.size)


def _centred(sketch: Sketch, shapes: list[Shape]) -> None:
    """Adds the shapes with their common bounding box centred; those that do not fit are left out."""
    boxes = [box for shape in shapes for box in shape]
    low = [min(box[axis] for box in boxes) for axis in (0, 1)]
    high = [max(box[axis + 2] for box in boxes) for axis in (0, 1)]
    dx, dy = ((sketch.size - high[axis] - low[axis]) // 2 for axis in (0, 1))
    for shape in shapes:
        sketch.add([(x0 + dx, y0 + dy, x1 + dx, y1 + dy) for x0, y0, x1, y1 in shape])


def _fitting(sketch: Sketch, width: int, space: int, fewest: int = 1) -> int:
    """A random number of lines, at most as many as fit."""
    return sketch.integer(fewest, (sketch.size + space) // (width + space))


def grating(sketch: Sketch) -> None:
    """Lines at one pitch, in some clips with every second line shortened."""
    width, space, length = _width(sketch), _space(sketch), _length(sketch)
    back = sketch.integer(0, length // 4) if sketch.chance(0.4) else 0
    count = _fitting(sketch, width, space, 3)
    pitch = width + space
    _centred(
        sketch,
        [[(n * pitch, back * (n % 2), n * pitch + width, length - back * (n % 2))] for n in range(count)],
    )


def isolated(sketch: Sketch) -> None:
    """One to three lines of different widths, far apart."""
    x, shapes = 0, []
    for _ in range(sketch.integer(1, 3)):
        width, length = sketch.integer(sketch.steps.width, sketch.steps.max_width), _length(sketch)
        shapes.append([(x, 0, x + width, length)])
        x += width + sketch.integer(3 * sketch.steps.pitch, 6 * sketch.steps.pitch)
    _centred(sketch, [shape for shape in shapes if shape[0][2] <= sketch.size])


def pitch_ramp(sketch: Sketch) -> None:
    """Lines of one width whose spaces grow."""
    width, space, growth, length = (
        _width(sketch),
        _space(sketch),
        sketch.integer(1, sketch.steps.width),
        _length(sketch),
    )
    x, shapes = 0, []
    while x + width <= sketch.size:
        shapes.append([(x, 0, x + width, length)])
        x += width + space
        space += growth
    _centred(sketch, shapes)


def tip_to_tip(sketch: Sketch) -> None:
    """Pairs of lines end to end, their gap growing from track to track, straight or in steps."""
    width, space, length = _width(sketch), _space(sketch), _length(sketch)
    gap, growth = sketch.steps.tip_to_tip + sketch.integer(0, sketch.steps.width), sketch.integer(0, sketch.steps.width)
    cut, step = length * 2 // 5, sketch.integer(0, sketch.steps.width)
    shapes: list[Shape] = []
    for n in range(_fitting(sketch, width, space)):
        y, x = n * (width + space), cut + n * step
        shapes += [[(0, y, x, y + width)], [(x + gap + n * growth, y, length, y + width)]]
    _centred(sketch, [shape for shape in shapes if shape[0][2] - shape[0][0] >= width])


def tip_to_side(sketch: Sketch) -> None:
    """Tips on both sides of a bar, their distance growing from track to track."""
    width, space, bar, length = _width(sketch), _space(sketch), _width(sketch), _length(sketch)
    gap, growth = sketch.steps.space + sketch.integer(0, sketch.steps.width), sketch.integer(0, sketch.steps.width // 2)
    count = _fitting(sketch, width, space)
    middle, height = length // 2, count * (width + space) - space
    shapes: list[Shape] = [[(middle, 0, middle + bar, height)]]
    for n in range(count):
        y, apart = n * (width + space), gap + n * growth
        shapes += [[(0, y, middle - apart, y + width)], [(middle + bar + apart, y, length, y + width)]]
    _centred(sketch, [shape for shape in shapes if shape[0][2] - shape[0][0] >= width])


def elbows(sketch: Sketch) -> None:
    """Nested L wires."""
    width, space, length = _width(sketch), _space(sketch), _length(sketch)
    pitch, end = width + space, length - width
    starts = [n * pitch for n in range(_fitting(sketch, width, space, 2)) if end - n * pitch >= width]
    _centred(sketch, [wire([(start, end), (start, start), (end, start)], width) for start in starts])


def cups(sketch: Sketch) -> None:
    """Nested U wires, with a line in the innermost one."""
    width, space, length = _width(sketch), _space(sketch), _length(sketch)
    pitch, low, high = width + space, 0, length - width
    shapes: list[Shape] = []
    while high - low >= 2 * pitch + sketch.steps.run_space and len(shapes) < 8:
        shapes.append(wire([(low, length - width), (low, low), (high, low), (high, length - width)], width))
        low, high = low + pitch, high - pitch
    middle = (low + high) // 2
    if high - low >= 0 and length - width - low >= 2 * width:
        shapes.append([(middle, low + sketch.integer(0, space), middle + width, length)])
    _centred(sketch, shapes)


def comb(sketch: Sketch) -> None:
    """Two combs whose teeth interlock."""
    tooth, space, spine, length = _width(sketch), _space(sketch), _width(sketch), _length(sketch)
    gap, pitch = sketch.steps.tip_to_tip + sketch.integer(0, sketch.steps.pitch), tooth + space
    count = max(2, _fitting(sketch, tooth, space, 2))
    top, right = length - spine, count * pitch - space
    lower: Shape = [(0, 0, right, spine)]
    upper: Shape = [(0, top, right, length)]
    for n in range(count):
        x = n * pitch
        if n % 2:
            upper.append((x, spine + gap, x + tooth, top))
        else:
            lower.append((x, spine, x + tooth, top - gap))
    _centred(sketch, [lower, upper])


def meander(sketch: Sketch) -> None:
    """One wire back and forth, a line beside it."""
    width, space, length = _width(sketch), _space(sketch), _length(sketch)
    pitch, points = width + space, []
    legs = _fitting(sketch, width, space, 2)
    for n in range(legs):
        ends = [(n * pitch, 0), (n * pitch, length - width)]
        points += ends if n % 2 == 0 else ends[::-1]
    line = [(legs * pitch, 0, legs * pitch + width, length)]
    shapes = [wire(points, width)]
    _centred(sketch, [*shapes, line] if (legs + 1) * pitch - space <= sketch.size else shapes)


def islands(sketch: Sketch) -> None:
    """Rectangles of one size on a lattice, aligned or staggered, like contacts."""
    steps = sketch.steps
    width = _width(sketch)
    height = max(_width(sketch), -(-steps.area // width))
    gap_x, gap_y = (steps.tip_to_tip + max(0, _space(sketch) - steps.run_space) for _ in range(2))
    columns, rows = _fitting(sketch, width, gap_x), _fitting(sketch, height, gap_y)
    shift = (width + gap_x) // 2 if sketch.chance(0.4) else 0
    corners = [
        (i * (width + gap_x) + shift * (j % 2), j * (height + gap_y)) for j in range(rows) for i in range(columns)
    ]
    _centred(sketch, [[(x, y, x + width, y + height)] for x, y in corners])


def pads(sketch: Sketch) -> None:
    """Lines with a wider pad at each end, or at alternating ends."""
    steps, width, length = sketch.steps, _width(sketch), _length(sketch)
    side = min(width + 2 * sketch.integer(1, steps.width // 2), steps.max_width)
    pitch = side + _space(sketch)
    both, inset = sketch.chance(0.5), (side - width) // 2
    shapes: list[Shape] = []
    for n in range(_fitting(sketch, side, pitch - side)):
        x, shape = n * pitch, [(n * pitch + inset, side, n * pitch + inset + width, length - side)]
        if both or n % 2:
            shape.append((x, 0, x + side, side))
        if both or n % 2 == 0:
            shape.append((x, length - side, x + side, length))
        shapes.append(shape)
    _centred(sketch, shapes)


def jogs(sketch: Sketch) -> None:
    """Lines with one jog each, growing from line to line."""
    width, space, length = _width(sketch), _space(sketch), _length(sketch)
    x, jog, growth = 0, sketch.integer(1, width), sketch.integer(0, width // 2)
    shapes: list[Shape] = []
    bend = sketch.integer(length // 4, length * 3 // 4)
    while x + jog + width <= sketch.size and len(shapes) < 12:
        shapes.append(wire([(x, 0), (x, bend), (x + jog, bend), (x + jog, length - width)], width))
        x += jog + width + space
        jog += growth
    _centred(sketch, shapes or [[(0, 0, width, length)]])


STYLES: dict[str, Style] = {
    "grating": grating,
    "isolated": isolated,
    "pitch_ramp": pitch_ramp,
    "tip_to_tip": tip_to_tip,
    "tip_to_side": tip_to_side,
    "elbows": elbows,
    "cups": cups,
    "comb": comb,
    "meander": meander,
    "islands": islands,
    "pads": pads,
    "jogs": jogs,
}
