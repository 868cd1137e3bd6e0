"""Charts as paths and labels on a canvas of fixed size, for a template to draw as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litho_dl.report.names import titled
from litho_dl.report.published import PUBLISHED
from litho_dl.report.table import Record, Table, is_number, mean, shown

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 14, 46
TICKS = 6
DECADE = 10.0  # a range from which on an axis is logarithmic
BY_STEP = ("step", "epoch")
NO_CURVE = ("seconds", "learning_rate", "clips")
CONTEST_CLIPS = {f"M1_test{number}" for number in range(1, 11)}


@dataclass(frozen=True)
class Line:
    """A curve: its name and SVG path."""

    name: str
    path: str


@dataclass(frozen=True)
class Dot:
    """A point: where it is, its label, and what it says when pointed at."""

    x: float
    y: float
    label: str
    text: str
    published: bool


@dataclass(frozen=True)
class Chart:
    """A chart of `WIDTH` x `HEIGHT`; ticks are (position, label)."""

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
    """From values to positions on the canvas, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    stop: float
    log: bool

    def at(self, value: float) -> float:
        """Where a value is."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return round(self.start + (value - low) / (high - low) * (self.stop - self.start), 2)

    def ticks(self, *, whole: bool = False) -> tuple[tuple[float, str], ...]:
        """Round values with their labels; of counts, whole ones."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 2, 5) if len(decades) <= 4 else (1,)
            values = [step * 10.0**decade for decade in decades for step in steps]
        else:
            raw = (self.high - self.low) / TICKS
            step = min((m * 10.0 ** math.floor(math.log10(raw)) for m in (1, 2, 5, 10)), key=lambda s: (s < raw, s))
            step = max(step, 1.0) if whole else step
            values = [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return tuple((self.at(v), shown(float(f"{v:.6g}"))) for v in values if self.low <= v <= self.high)


def axis(values: Sequence[float], start: float, stop: float, *, log: bool = False, margin: float = 0.0) -> Axis:
    """An axis that holds all values, with a margin as a share of their range."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    spare = 0.0 if log else margin * (high - low)
    return Axis(low - spare, high + spare, start, stop, log)


def curves(table: Table) -> list[Chart]:
    """The charts of a table by step or epoch; none of another table.

    By step, all columns share one chart; by epoch, training and validation of each figure do.
    """
    first = table.columns[0].key
    records = [record for record in table.records if is_number(record.get(first))]
    if first not in BY_STEP or len(records) < 2:
        return []
    keys = [column.key for column in table.columns[1:] if column.numeric and not column.key.endswith(NO_CURVE)]
    groups: dict[str, dict[str, str]] = {}
    for key in keys:
        kind, _, figure = key.partition("_")
        split = first == "epoch" and kind in ("train", "validation")
        groups.setdefault(figure if split else "", {})[key] = kind if split else key
    if first == "epoch":
        groups.pop("", None)
    return [_curves(titled(figure), first, records, names) for figure, names in groups.items()]


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
    y_label = "mean of a clip (nm²)" if first == "step" else ""
    return Chart(title, first, y_label, x.ticks(whole=True), y.ticks(), tuple(lines))


def front(table: Table, protocol: str) -> Chart | None:
    """L2 against PVB of a table's rows, those that no other beats joined; None without two such rows.

    Clips do not compete with each other, so they count by their mean, beside published means under `iccad13`.
    """
    l2, pvb = "l2_nm2", "pvb_nm2"
    ours = [
        (str(record[table.columns[0].key]), record[l2], record[pvb])
        for record in table.records
        if is_number(record.get(l2)) and is_number(record.get(pvb))
    ]
    theirs, note = [], ""
    if table.columns[0].key == "clip":
        if not protocol.startswith("iccad13"):
            return None
        clips = {name for name, _, _ in ours}
        ours = [("this run", mean(table.records, l2), mean(table.records, pvb))]
        theirs = [(str(n), row.l2_nm2, row.pvb_nm2) for n, row in enumerate(PUBLISHED, start=1)]
        other = "" if clips == CONTEST_CLIPS else ", so the two are not of the same clips and do not compare"
        note = f"This run: the mean of {shown(len(clips))} clip(s). Published: means of the contest's ten clips{other}."
    points = [*ours, *theirs]
    if len(points) < 2:
        return None
    x = axis([point[1] for point in points], LEFT, WIDTH - RIGHT, margin=0.08)
    y = axis([point[2] for point in points], HEIGHT - BOTTOM, TOP, margin=0.08)
    dots = [
        Dot(x.at(a), y.at(b), name, f"{name}: L2 {shown(round(a))}, PVB {shown(round(b))} nm²", index >= len(ours))
        for index, (name, a, b) in enumerate(points)
    ]
    best = unbeaten(np.array([point[1:] for point in ours], dtype=float))
    path = "M" + "L".join(f"{x.at(a):g} {y.at(b):g}" for a, b in best.tolist())
    lines = (Line("front", path),) if len(best) > 1 else ()
    return Chart("L2 against PVB", "L2 (nm²)", "PVB (nm²)", x.ticks(), y.ticks(), lines, tuple(dots), note)


def unbeaten(points: np.ndarray) -> np.ndarray:
    """The points (n, 2) that no other beats in both coordinates, by rising first coordinate."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    best = np.minimum.accumulate(ordered[:, 1])
    return ordered[np.r_[True, ordered[1:, 1] < best[:-1]]]
