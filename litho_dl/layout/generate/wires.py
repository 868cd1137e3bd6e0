"""Wires and islands, and how a sketch is filled with them."""

from collections.abc import Sequence
from itertools import pairwise

from litho_dl.layout.generate.sketch import Box, Shape, Sketch

Point = tuple[int, int]  # lower-left corner of a wire's square; grid steps


def wire(points: Sequence[Point], width: int) -> Shape:
    """A Manhattan wire through the squares of side `width` at `points`, one box a segment."""
    (x, y), boxes = points[0], []
    boxes.append((x, y, x + width, y + width))
    for (xa, ya), (xb, yb) in pairwise(points):
        if xb > xa:
            box = (xa + width, ya, xb + width, ya + width)
        elif xb < xa:
            box = (xb, ya, xa, ya + width)
        elif yb > ya:
            box = (xa, ya + width, xa + width, yb + width)
        else:
            box = (xa, yb, xa + width, ya)
        boxes.append(box)
    return [_hull(boxes[0], boxes[1]), *boxes[2:]] if len(boxes) > 1 else boxes


def _hull(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def branch(sketch: Sketch, shape: Shape, width: int, longest: int) -> Shape:
    """The shape with a stub of `width` on a side of one of its boxes."""
    x0, y0, x1, y1 = sketch.choice(shape)
    length = sketch.integer(width, longest)
    if x1 - x0 >= y1 - y0:
        x = sketch.integer(x0, x1 - width)
        stub = (x, y1, x + width, y1 + length) if sketch.chance(0.5) else (x, y0 - length, x + width, y0)
    else:
        y = sketch.integer(y0, y1 - width)
        stub = (x1, y, x1 + length, y + width) if sketch.chance(0.5) else (x0 - length, y, x0, y + width)
    return [*shape, stub]


def track_places(sketch: Sketch, pitch: int, spread: int) -> list[int]:
    """Lower edges of tracks across the extent, `pitch` to `pitch + spread` apart, the first one anywhere."""
    places = [sketch.integer(0, pitch - 1)]
    while places[-1] + pitch <= sketch.size:
        places.append(places[-1] + pitch + sketch.integer(0, spread))
    return places[:-1] if len(places) > 1 else places


def route(
    sketch: Sketch,
    columns: Sequence[int],
    rows: Sequence[int],
    *,
    width: int,
    density: float,
    turns: int = 3,
    reach: int = 5,
    branches: float = 0.25,
    tries: int = 120,
) -> None:
    """Adds wires that wander over the tracks until a density is met.

    Args:
        sketch: What is drawn on.
        columns: Left edges of the vertical tracks.
        rows: Lower edges of the horizontal tracks.
        width: Of every wire.
        density: Covered share at which to stop.
        turns: The most turns of a wire.
        reach: The most tracks of one segment.
        branches: Probability of a T.
        tries: Wires to try.
    """
    for _ in range(tries):
        if sketch.density >= density:
            return
        i, j = sketch.integer(0, len(columns) - 1), sketch.integer(0, len(rows) - 1)
        points = [(columns[i], rows[j])]
        along_x = sketch.chance(0.5)
        for _ in range(1 + sketch.integer(0, turns)):
            step = sketch.integer(1, reach) * (1 if sketch.chance(0.5) else -1)
            if along_x:
                i = min(max(i + step, 0), len(columns) - 1)
            else:
                j = min(max(j + step, 0), len(rows) - 1)
            if (columns[i], rows[j]) == points[-1]:
                break
            points.append((columns[i], rows[j]))
            along_x = not along_x
        shape = wire(points, width)
        if sketch.chance(branches):
            shape = branch(sketch, shape, width, reach * sketch.steps.pitch // 2)
        sketch.add(shape)


def islands(sketch: Sketch, *, density: float, widest: int, longest: int, tries: int = 80) -> None:
    """Adds rectangles at random places until a density is met."""
    for _ in range(tries):
        if sketch.density >= density:
            return
        width = sketch.integer(sketch.steps.width, widest)
        length = sketch.integer(max(width, -(-sketch.steps.area // width)), longest)
        across, up = (length, width) if sketch.chance(0.5) else (width, length)
        x, y = sketch.integer(0, sketch.size - across), sketch.integer(0, sketch.size - up)
        sketch.add([(x, y, x + across, y + up)])


def free_spans(sketch: Sketch, y: int, width: int) -> list[tuple[int, int]]:
    """Where a horizontal wire of `width` at `y` may lie beside what is drawn, as (start, stop)."""
    steps, spans, start = sketch.steps, [], 0
    boxes = sketch.boxes
    near = boxes[(boxes[:, 1] < y + width + steps.run_space) & (boxes[:, 3] > y - steps.run_space)]
    for x0, y0, x1, y1 in sorted(map(tuple, near.tolist())):
        margin = steps.tip_to_tip if y0 < y + width and y1 > y else steps.space
        if x0 - margin > start:
            spans.append((start, x0 - margin))
        start = max(start, x1 + margin)
    return [*spans, (start, sketch.size)] if start < sketch.size else spans


def fill_track(
    sketch: Sketch, y: int, width: int, *, lengths: tuple[int, int], gap: int, skip: float, hooks: float = 0.0
) -> None:
    """Lays wires along one horizontal track where there is room.

    Args:
        sketch: What is drawn on.
        y: Lower edge of the track.
        width: Of the wires.
        lengths: Least and largest length.
        gap: Tips are at least the rules' distance and at most this much more apart.
        skip: Probability that a place stays empty.
        hooks: Probability that an end turns up or down.
    """
    steps = sketch.steps
    least = max(lengths[0], -(-steps.area // width))
    for start, stop in free_spans(sketch, y, width):
        x = start + sketch.integer(0, gap)
        while stop - x >= least:
            length = min(sketch.integer(least, lengths[1]), stop - x)
            if not sketch.chance(skip):
                bar = (x, y, x + length, y + width)
                hooked = sketch.chance(hooks) and sketch.add(_hooked(sketch, bar, width))
                if not hooked:
                    sketch.add([bar])
            x += length + steps.tip_to_tip + sketch.integer(0, gap)


def _hooked(sketch: Sketch, bar: Box, width: int) -> Shape:
    """The bar with a short leg at one end, up or down."""
    x0, y0, x1, y1 = bar
    leg = sketch.integer(width // 2, 2 * sketch.steps.pitch)
    x = x0 if sketch.chance(0.5) else x1 - width
    return [bar, (x, y1, x + width, y1 + leg) if sketch.chance(0.5) else (x, y0 - leg, x + width, y0)]
