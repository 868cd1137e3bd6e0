"""Pads: short islands packed in both directions, some joined into bars and combs, as in M1_test3 of ICCAD 2013."""

from collections.abc import Callable

from litho_dl.layout.generate.sketch import Shape, Sketch

Style = Callable[[Sketch], None]
Spans = list[tuple[int, int]]
COMB_TOOTH = 2  # columns from tooth to tooth: one stays free for an island


def _spans(sketch: Sketch, longest: int, spread: int) -> Spans:
    """Intervals of random lengths along a side, most of them at the least distance of tips."""
    steps = sketch.steps
    spans: Spans = []
    place = sketch.integer(0, steps.pitch)
    while True:
        length = sketch.integer(steps.width, longest)
        if place + length > sketch.size:
            return spans
        spans.append((place, place + length))
        place += length + steps.tip_to_tip + (0 if sketch.chance(0.7) else sketch.skewed(spread))


def _comb(columns: Spans, rows: Spans, column: int, row: int, height: int) -> Shape:
    """A bar over three columns of one row, with teeth up the outer two."""
    (x0, x1), (x2, x3) = columns[column], columns[column + COMB_TOOTH]
    (y0, y1), top = rows[row], rows[row + height][1]
    return [(x0, y0, x3, y1), (x0, y1, x1, top), (x2, y1, x3, top)]


def _lattice(sketch: Sketch, columns: Spans, rows: Spans, combs: float) -> None:
    """Fills the crossings of columns and rows in random order: combs, then islands, some over several crossings."""
    skip, tall, wide = sketch.skewed(40) / 100, sketch.number(0.0, 0.5), sketch.skewed(40) / 100
    for column in range(len(columns) - COMB_TOOTH):
        for row in range(len(rows) - 1):
            if sketch.chance(combs):
                sketch.add(_comb(columns, rows, column, row, sketch.integer(1, min(2, len(rows) - 1 - row))))
    for column, (x0, x1) in enumerate(columns):
        for row, (y0, y1) in enumerate(rows):
            if sketch.chance(skip):
                continue
            top, right = y1, x1
            if row + 1 < len(rows) and sketch.chance(tall):
                top = rows[row + 1][1]
            elif column + 1 < len(columns) and sketch.chance(wide):
                right = columns[column + 1][1]
            if not sketch.add([(x0, y0, right, top)]):
                sketch.add([(x0, y0, x1, y1)])


def packed(sketch: Sketch) -> None:
    """Islands of many sizes in columns and rows, with combs around some."""
    steps = sketch.steps
    longest = sketch.integer(steps.width * 5 // 4, min(steps.width * 9 // 4, steps.max_width))
    spread = sketch.skewed(2 * steps.pitch)
    _lattice(sketch, _spans(sketch, longest, spread), _spans(sketch, longest, spread), sketch.number(0.0, 0.3))


def even(sketch: Sketch) -> None:
    """Islands of one size at one pitch in each direction."""
    steps = sketch.steps
    width = sketch.integer(steps.width, min(2 * steps.width, steps.max_width))
    height = sketch.integer(width, min(2 * width, steps.max_width))
    across, along = (steps.tip_to_tip + sketch.skewed(steps.pitch) for _ in range(2))
    columns = [(x, x + width) for x in range(0, sketch.size - width + 1, width + across)]
    rows = [(y, y + height) for y in range(0, sketch.size - height + 1, height + along)]
    _lattice(sketch, columns, rows, 0.0)


def mirrored(sketch: Sketch) -> None:
    """Packed islands, mirrored at the middle."""
    sketch.mirrored = True
    packed(sketch)


STYLES: dict[str, Style] = {"packed": packed, "even": even, "mirrored": mirrored}
