"""Charts as paths and labels on a canvas of fixed size, which a template draws as SVG."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from litho_dl.core.pareto import pareto_front
from litho_dl.report.names import titled
from litho_dl.report.published import CONTEST_CLIPS, PUBLISHED
from litho_dl.report.table import Record, Table, is_number, mean, shown

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 14, 46
INTERVALS = 6  # most intervals between ticks
DECADE = 10.0  # a larger ratio of two values makes an axis logarithmic
FEW_DECADES = 3  # up to which an axis has ticks at 2 and 5 times the powers of ten
Place = tuple[float, float, str]
Box = tuple[float, float, float, float]
PLACES: tuple[Place, ...] = ((10, 4, "start"), (-10, 4, "end"), (0, -12, "middle"), (0, 20, "middle"))  # best first
LETTER, LINE_HEIGHT = 7.0, 14.0  # of a label, about
BY_STEP = ("step", "epoch")  # first columns of tables drawn as curves
NO_CURVE = ("seconds", "learning_rate", "clips")


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name: Its name.
        path: Its SVG path data.
    """

    name: str
    path: str


@dataclass(frozen=True)
class Dot:
    """A point.

    Attributes:
        x: Position on the canvas, from the left.
        y: Position on the canvas, from the top.
        label: The label beside it.
        text: Its tooltip.
        published: Whether it is a published result.
        place: Offset (right, down) of the label, and its SVG anchor.
    """

    x: float
    y: float
    label: str
    text: str
    published: bool
    place: Place = (10, 4, "start")


@dataclass(frozen=True)
class Chart:
    """A chart of `WIDTH` x `HEIGHT`.

    Attributes:
        title: Its heading.
        x_label: Label of the x axis.
        y_label: Label of the y axis.
        x_ticks: (position, label) of each tick of the x axis.
        y_ticks: The same of the y axis.
        lines: The curves.
        dots: The points.
        note: A remark below the chart.
    """

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis from values to positions on the canvas.

    Attributes:
        low: Value at `start`.
        high: Value at `stop`.
        start: Position of the lowest value.
        stop: Position of the highest value.
        log: Whether the axis is logarithmic.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool

    def at(self, value: float) -> float:
        """The position of a value."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return round(self.start + (value - low) / (high - low) * (self.stop - self.start), 2)

    def ticks(self, *, whole: bool = False) -> tuple[tuple[float, str], ...]:
        """Positions and labels of round values; of whole numbers only, if `whole`."""
        from matplotlib.ticker import Locator, LogLocator, MaxNLocator  # imported here: matplotlib loads slowly

        locator: Locator = MaxNLocator(INTERVALS, steps=(1, 2, 5, 10), integer=whole, min_n_ticks=1)
        if self.log:
            few = math.log10(self.high / self.low) <= FEW_DECADES
            locator = LogLocator(subs=(1, 2, 5) if few else (1,), numticks=INTERVALS + 1)
        values = [float(f"{value:.6g}") for value in locator.tick_values(self.low, self.high)]
        return tuple((self.at(value), shown(value)) for value in values if self.low <= value <= self.high)


def axis(values: Sequence[float], start: float, stop: float, *, log: bool = False, margin: float = 0.0) -> Axis:
    """An axis that covers all values.

    Args:
        values: At least one value; positive ones for a logarithmic axis.
        start: Position of the lowest value.
        stop: Position of the highest value.
        log: Whether the axis is logarithmic.
        margin: Margin at both ends of a linear axis, as a share of the values' range.

    Returns:
        The axis.
    """
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    spare = 0.0 if log else margin * (high - low)
    return Axis(low - spare, high + spare, start, stop, log)


def curves(table: Table) -> list[Chart]:
    """The charts of a table whose first column is the step or the epoch; none for other tables.

    Against the step, all columns share one chart; against the epoch, each metric has a chart, with its training and its
    validation curve.
    """
    first = table.columns[0].key
    records = [record for record in table.records if is_number(record.get(first))]
    if first not in BY_STEP or len(records) < 2:
        return []
    keys = [column.key for column in table.columns[1:] if column.numeric and not column.key.endswith(NO_CURVE)]
    groups: dict[str, dict[str, str]] = {}
    for key in keys:
        kind, _, metric = key.partition("_")
        split = first == "epoch" and kind in ("train", "validation")
        groups.setdefault(metric if split else "", {})[key] = kind if split else key
    if first == "epoch":
        groups.pop("", None)
    return [_curves(titled(metric), first, records, names) for metric, names in groups.items()]


def _curves(title: str, first: str, records: Sequence[Record], names: Mapping[str, str]) -> Chart:
    columns = {name: [(r[first], r[key]) for r in records if is_number(r.get(key))] for key, name in names.items()}
    values = [value for points in columns.values() for _, value in points]
    positive = [value for value in values if value > 0]
    log = bool(positive) and max(positive) > DECADE * min(positive) and min(values) >= 0
    x = axis([record[first] for record in records], LEFT, WIDTH - RIGHT)
    y = axis(positive if log else values, HEIGHT - BOTTOM, TOP, log=log, margin=0.04)
    lines = []
    for name, points in columns.items():
        drawn = [(x.at(step), y.at(value)) for step, value in points if value > 0 or not log]
        lines.append(Line(name, "M" + "L".join(f"{px:g} {py:g}" for px, py in drawn) if drawn else ""))
    y_label = "mean per clip (nm²)" if first == "step" else ""
    return Chart(title, first, y_label, x.ticks(whole=True), y.ticks(), tuple(lines))


def front(table: Table, protocol: str, clips: Collection[str] = ()) -> Chart | None:
    """The chart of L2 against PVB of a table's rows, with a line along their Pareto front.

    Clips cannot be compared with each other: a table of clips is one point, its mean, beside the published means; so it
    has a chart only under a protocol `iccad13/...`, which these belong to.

    Args:
        table: Any table; rows without L2 and PVB are ignored.
        protocol: The protocol of the scores; empty if unknown.
        clips: The clips of which the rows are means, such as runs; published means stand beside those of the contest's.

    Returns:
        The chart; None if it would have fewer than two points.
    """
    l2, pvb = "l2_nm2", "pvb_nm2"
    ours = [
        (str(record.get(table.columns[0].key)), record[l2], record[pvb])
        for record in table.records
        if is_number(record.get(l2)) and is_number(record.get(pvb))
    ]
    theirs: list[tuple[str, float, float]] = []
    note = ""
    published = [(str(n), row.l2_nm2, row.pvb_nm2) for n, row in enumerate(PUBLISHED, start=1)]
    if protocol.startswith("iccad13") and set(clips) == CONTEST_CLIPS:
        theirs, note = published, "Means of the ten contest clips."
    if table.columns[0].key == "clip":
        if not protocol.startswith("iccad13"):
            return None
        clips = {name for name, _, _ in ours}
        ours = [("this run", mean(table.records, l2), mean(table.records, pvb))]
        theirs = published
        other = "" if clips == CONTEST_CLIPS else " These are other clips, so the two cannot be compared."
        count = shown(len(clips))
        note = f"This run: the mean of {count} clip(s). Published: means of the ten contest clips.{other}"
    points = [*ours, *theirs]
    if len(points) < 2:
        return None
    x = axis([point[1] for point in points], LEFT, WIDTH - RIGHT, margin=0.08)
    y = axis([point[2] for point in points], HEIGHT - BOTTOM, TOP, margin=0.08)
    dots = [
        Dot(x.at(a), y.at(b), name, f"{name}: L2 {shown(round(a))}, PVB {shown(round(b))} nm²", index >= len(ours))
        for index, (name, a, b) in enumerate(points)
    ]
    dots = labelled(dots)
    best = pareto_front(np.array([point[1:] for point in ours], dtype=float))
    path = "M" + "L".join(f"{x.at(a):g} {y.at(b):g}" for a, b in best.tolist())
    lines = (Line("front", path),) if len(best) > 1 else ()
    return Chart("L2 against PVB", "L2 (nm²)", "PVB (nm²)", x.ticks(), y.ticks(), lines, tuple(dots), note)


def labelled(dots: Sequence[Dot]) -> list[Dot]:
    """The dots with places of their labels that overlap other dots, labels and the border least."""
    taken = [(dot.x - 6, dot.y - 6, dot.x + 6, dot.y + 6) for dot in dots]
    found = []
    for dot in dots:
        if not dot.published:
            boxes = {place: _label_box(dot, place) for place in PLACES}
            cost = {place: sum(_overlap(box, other) for other in taken) + _outside(box) for place, box in boxes.items()}
            best = min(PLACES, key=lambda place: cost[place])
            taken.append(boxes[best])
            dot = replace(dot, place=best)
        found.append(dot)
    return found


def _label_box(dot: Dot, place: Place) -> Box:
    """About where a label lies: left, top, right, bottom."""
    dx, dy, anchor = place
    width = LETTER * len(dot.label)
    left = dot.x + dx - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    return left, dot.y + dy - LINE_HEIGHT, left + width, dot.y + dy


def _overlap(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _outside(box: Box) -> float:
    """The area of a box outside the frame of the axes."""
    return (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM))
