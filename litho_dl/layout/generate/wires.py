"""Wires and islands, and functions that fill a sketch with them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from litho_dl.layout.generate.sketch import Shape, Sketch, StepBox, clear

Point = tuple[int, int]  # lower-left corner of a wire's square; grid steps
Node = tuple[int, int]  # numbers of a column and a row
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def wire(points: Sequence[Point], width: int) -> Shape:
    """A Manhattan wire, one box a segment.

    Args:
        points: Lower left corners of the squares of side `width` that the wire runs through, in grid steps.
        width: Width of the wire in grid steps.

    Returns:
        The boxes; one square if there is only one point.
    """
    x, y = points[0]
    start = (x, y, x + width, y + width)
    boxes = segments(points, width)
    return [_hull(start, boxes[0]), *boxes[1:]] if boxes else [start]


def segments(points: Sequence[Point], width: int) -> Shape:
    """The boxes of a wire, without the square at its first point.

    Args:
        points: As for `wire`.
        width: As for `wire`.

    Returns:
        One box a segment.
    """
    boxes = []
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
    return boxes


def _hull(a: StepBox, b: StepBox) -> StepBox:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def branch(sketch: Sketch, shape: Shape, width: int, longest: int) -> Shape:
    """A shape with a stub added on a side of one of its boxes.

    Args:
        sketch: The drawing, for its random numbers.
        shape: The shape.
        width: Width of the stub in grid steps.
        longest: Largest length of the stub.

    Returns:
        The shape with the stub.
    """
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
    """Random lower edges of tracks across the extent.

    Args:
        sketch: The drawing.
        pitch: Least distance of two tracks in grid steps.
        spread: Largest additional distance.

    Returns:
        The edges, rising.
    """
    places = [sketch.integer(0, min(pitch, sketch.size - sketch.steps.max_width))]
    while (following := places[-1] + pitch + sketch.integer(0, spread)) <= sketch.size - sketch.steps.width:
        places.append(following)
    return places


def lattice_pitch(sketch: Sketch, width: int) -> int:
    """The least pitch of tracks on which wires may end at neighbouring crossings.

    Args:
        sketch: The drawing.
        width: Width of the wires in grid steps.

    Returns:
        The pitch in grid steps.
    """
    return width + max(sketch.steps.run_space, sketch.steps.tip_to_tip)


def route(
    sketch: Sketch,
    columns: Sequence[int],
    rows: Sequence[int],
    *,
    width: int,
    density: float,
    longest: int,
    straight: float = 0.75,
    branches: float = 0.25,
    tries: int = 250,
) -> None:
    """Adds wires that are random walks over free crossings of tracks, until a density is reached.

    Args:
        sketch: The drawing.
        columns: Left edges of the vertical tracks, at least `lattice_pitch` apart.
        rows: Lower edges of the horizontal tracks.
        width: Width of the wires in grid steps.
        density: Covered share at which to stop, in [0, 1].
        longest: Largest number of crossings of one wire.
        straight: Probability that a wire goes straight on at a crossing.
        branches: Probability of a branch (a T shape).
        tries: Number of crossings to start from.
    """
    free = _free_nodes(sketch, columns, rows, width)
    for _ in range(tries):
        if sketch.density >= density:
            return
        start = sketch.integer(0, len(columns) - 1), sketch.integer(0, len(rows) - 1)
        if start not in free:
            continue
        nodes = _walk(sketch, free, start, sketch.integer(2, longest), straight)
        shape = wire([(columns[i], rows[j]) for i, j in nodes], width)
        if len(nodes) > 2 and sketch.chance(branches):
            side = _walk(sketch, free - set(nodes), sketch.choice(nodes[1:-1]), sketch.integer(2, longest), straight)
            shape += segments([(columns[i], rows[j]) for i, j in side], width)
            nodes += side
        if sketch.add(_straightened(shape)):
            free -= set(nodes)


def _free_nodes(sketch: Sketch, columns: Sequence[int], rows: Sequence[int], width: int) -> set[Node]:
    """Crossings (column, row) at which a square of the wire's width keeps its distance from all shapes."""
    nodes = [(i, j) for i in range(len(columns)) for j in range(len(rows))]
    corners = np.array([(columns[i], rows[j]) for i, j in nodes], dtype=np.int64)
    squares = np.hstack([corners, corners + width])
    free = clear(squares, sketch.boxes, sketch.steps).all(axis=1) & (squares.max(axis=1) <= sketch.size)
    return {node for node, is_free in zip(nodes, free, strict=True) if is_free}


def _walk(sketch: Sketch, free: set[Node], start: Node, length: int, straight: float) -> list[Node]:
    """A random walk over free crossings that visits none twice; shorter where it cannot continue."""
    nodes, direction = [start], sketch.choice(DIRECTIONS)
    while len(nodes) < length:
        i, j = direction
        side = sketch.choice(((j, i), (-j, -i)))
        ways = (direction, side) if sketch.chance(straight) else (side, direction)
        for way in ways:
            node = nodes[-1][0] + way[0], nodes[-1][1] + way[1]
            if node in free and node not in nodes:
                break
        else:
            break
        nodes.append(node)
        direction = way
    return nodes


def _straightened(shape: Shape) -> Shape:
    """The shape, with adjacent boxes of one straight run joined."""
    runs = shape[:1]
    for box in shape[1:]:
        last = runs[-1]
        along_y = (box[0], box[2]) == (last[0], last[2]) and box[1] <= last[3] and last[1] <= box[3]
        along_x = (box[1], box[3]) == (last[1], last[3]) and box[0] <= last[2] and last[0] <= box[2]
        if along_x or along_y:
            runs[-1] = _hull(last, box)
        else:
            runs.append(box)
    return runs


def islands(sketch: Sketch, *, density: float, widest: int, longest: int, tries: int = 80) -> None:
    """Adds rectangles at random positions until a density is reached.

    Args:
        sketch: The drawing.
        density: Covered share at which to stop, in [0, 1].
        widest: Largest width in grid steps.
        longest: Largest length in grid steps.
        tries: Number of rectangles to try.
    """
    for _ in range(tries):
        if sketch.density >= density:
            return
        width = sketch.integer(sketch.steps.width, widest)
        length = sketch.integer(max(width, -(-sketch.steps.area // width)), longest)
        across, up = (length, width) if sketch.chance(0.5) else (width, length)
        x, y = sketch.integer(0, sketch.size - across), sketch.integer(0, sketch.size - up)
        sketch.add([(x, y, x + across, y + up)])


def free_spans(sketch: Sketch, y: int, width: int) -> list[tuple[int, int]]:
    """The free intervals of a horizontal track.

    Args:
        sketch: The drawing.
        y: Lower edge of the track in grid steps.
        width: Width of a wire on it.

    Returns:
        (start, stop) along x of each interval.
    """
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
    """Adds wires along the free intervals of one horizontal track.

    Args:
        sketch: The drawing.
        y: Lower edge of the track in grid steps.
        width: Width of the wires.
        lengths: Least and largest length.
        gap: Largest distance of two tips in addition to the least one of the rules.
        skip: Probability that a wire is left out.
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


def _hooked(sketch: Sketch, bar: StepBox, width: int) -> Shape:
    """The bar with a short leg at one end, up or down."""
    x0, y0, x1, y1 = bar
    leg = sketch.integer(width // 2, 2 * sketch.steps.pitch)
    x = x0 if sketch.chance(0.5) else x1 - width
    return [bar, (x, y1, x + width, y1 + leg) if sketch.chance(0.5) else (x, y0 - leg, x + width, y0)]
