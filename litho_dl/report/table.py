"""Sortable tables of numbers and words, with the best and the worst values and the means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from litho_dl.report.names import better, titled

MOST_ROWS = 200
GROUPS = ("source", "run")  # keys of which each value has means of its own
Record = Mapping[str, Any]  # plain values by key


@dataclass(frozen=True)
class Cell:
    """One value.

    Attributes:
        text: The value as it is shown.
        order: The value by which rows are sorted.
        mark: Whether it is the best or the worst of its column.
    """

    text: str
    order: float | str
    mark: Literal["", "best", "worst"] = ""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: Its key in the file.
        title: Its heading.
        numeric: Whether all its values are numbers.
    """

    key: str
    title: str
    numeric: bool


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: Its heading.
        columns: Its columns.
        rows: One row for each of the first `MOST_ROWS` records, with a cell for each column.
        means: One row of means for each source or run.
        records: All records.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    means: tuple[tuple[Cell, ...], ...]
    records: tuple[Record, ...]

    @property
    def cut(self) -> int:
        """Number of records that are not shown."""
        return len(self.records) - len(self.rows)


def make_table(name: str, records: Sequence[Record], *, scores: bool = False) -> Table:
    """Makes a table of records; empty columns are left out.

    Args:
        name: Its heading.
        records: One for each row; a cell is empty where a record lacks the key.
        scores: Whether to mark the best and the worst value of each column for which less or more is better, and to add
            means, one row for each `source` or `run` of the records.

    Returns:
        The table.
    """
    keys = list(dict.fromkeys(key for record in records for key in record))
    keys = [key for key in keys if any(record.get(key) not in (None, "") for record in records)]
    columns = tuple(Column(key, titled(key), _numeric(record.get(key) for record in records)) for key in keys)
    marks = {column.key: _extremes(column, records) if scores else {} for column in columns}
    rows = tuple(
        tuple(_cell(record.get(column.key), marks[column.key]) for column in columns) for record in records[:MOST_ROWS]
    )
    groups = dict.fromkeys(map(group_of, records)) if scores and keys[0] == "clip" and len(records) > 1 else {}
    means = tuple(_mean(columns, [record for record in records if group_of(record) == group]) for group in groups)
    return Table(name, columns, rows, means, tuple(records))


def group_of(record: Record) -> Any:
    """The source or the run that a record belongs to; None if there is only one."""
    return next((record[key] for key in GROUPS if key in record), None)


def mean(records: Sequence[Record], key: str) -> float | None:
    """The mean of a column.

    Args:
        records: The rows.
        key: The column's key.

    Returns:
        The mean over the records that have a number there; None if there are none.
    """
    values = [record[key] for record in records if is_number(record.get(key))]
    return sum(values) / len(values) if values else None


def shared_clips(records: Iterable[Record], column: str = "run") -> set[str]:
    """The clips that every run has a record of.

    Args:
        records: Records of any runs, each of one `clip`.
        column: Where a record names its run.

    Returns:
        The clips' names.
    """
    clips: dict[str, set[str]] = {}
    for record in records:
        clips.setdefault(record[column], set()).add(record["clip"])
    return set.intersection(*clips.values()) if clips else set()


def is_number(value: Any) -> bool:
    """True for numbers, but not for booleans."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """A value as text, with thousands separators, and fractions with four significant digits."""
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
    """The best and the worst value of a column, if less or more is better; a value of most rows is neither."""
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
        if column.key in GROUPS:
            cells.append(Cell(str(records[0][column.key]), ""))
        else:
            cells.append(Cell("" if value is None else shown(round(value, 4)), ""))
    return tuple(cells)
