"""Tables that a reader can sort: columns of numbers and words, with the best, the worst and the mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from litho_dl.report.names import better, titled

MOST_ROWS = 200
Record = Mapping[str, Any]  # plain values by key


@dataclass(frozen=True)
class Cell:
    """A value as it is shown, and what sorts it."""

    text: str
    order: float | str
    mark: Literal["", "best", "worst"] = ""


@dataclass(frozen=True)
class Column:
    """A column: its key in the file, its heading, and whether it holds numbers."""

    key: str
    title: str
    numeric: bool


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: What the page calls it.
        columns: Its columns.
        rows: A cell for each column, of at most `MOST_ROWS` records.
        means: One row for each group of records.
        records: What it was made of, all of them.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    means: tuple[tuple[Cell, ...], ...]
    records: tuple[Record, ...]

    @property
    def cut(self) -> int:
        """Records that are not shown."""
        return len(self.records) - len(self.rows)


def make_table(name: str, records: Sequence[Record], *, scores: bool = False) -> Table:
    """A table of records; columns in which nothing stands are left out.

    Args:
        name: What the page calls it.
        records: One a row; a key that a record lacks stays empty.
        scores: Mark the best and the worst of each column whose direction is known, and add means: one for each
            `source` that the records name.
    """
    keys = list(dict.fromkeys(key for record in records for key in record))
    keys = [key for key in keys if any(record.get(key) not in (None, "") for record in records)]
    columns = tuple(Column(key, titled(key), _numeric(record.get(key) for record in records)) for key in keys)
    marks = {column.key: _extremes(column, records) if scores else {} for column in columns}
    rows = tuple(
        tuple(_cell(record.get(column.key), marks[column.key]) for column in columns) for record in records[:MOST_ROWS]
    )
    groups = dict.fromkeys(record.get("source") for record in records) if scores and len(records) > 1 else {}
    means = tuple(_mean(columns, [record for record in records if record.get("source") == group]) for group in groups)
    return Table(name, columns, rows, means, tuple(records))


def mean(records: Sequence[Record], key: str) -> float | None:
    """The mean of a column over the records that have it; None if none has."""
    values = [record[key] for record in records if is_number(record.get(key))]
    return sum(values) / len(values) if values else None


def is_number(value: Any) -> bool:
    """True for numbers, not for booleans."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """A value as text: thousands apart, four figures of fractions."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        whole = value == round(value) if abs(value) < 1e15 else False
        text = f"{value:,.0f}" if whole or 1000 <= abs(value) < 1e15 else f"{value:.4g}"
        return text.replace("-", "−")
    return str(value)


def _numeric(values: Any) -> bool:
    return all(is_number(value) or value in (None, "") for value in values)


def _extremes(column: Column, records: Sequence[Record]) -> dict[float, Literal["best", "worst"]]:
    """The best and the worst value of a column that has them; what most rows share is neither."""
    values = [record[column.key] for record in records if is_number(record.get(column.key))]
    sign = better(column.key)
    if not sign or len(set(values)) < 2:
        return {}
    best, worst = sorted((min(values), max(values)), key=lambda value: -sign * value)
    found: dict[float, Literal["best", "worst"]] = {best: "best", worst: "worst"}
    return {value: mark for value, mark in found.items() if 2 * values.count(value) <= len(values)}


def _cell(value: Any, marks: Mapping[float, Literal["best", "worst"]]) -> Cell:
    if is_number(value):
        return Cell(shown(value), value, marks.get(value, ""))
    return Cell("–" if value in (None, "") else shown(value), "" if value is None else str(value))


def _mean(columns: Sequence[Column], records: Sequence[Record]) -> tuple[Cell, ...]:
    cells = [Cell("mean", "")]
    for column in columns[1:]:
        value = mean(records, column.key) if column.numeric else None
        if column.key == "source":
            cells.append(Cell(str(records[0]["source"]), ""))
        else:
            cells.append(Cell("" if value is None else shown(round(value, 4)), ""))
    return tuple(cells)
