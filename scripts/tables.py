"""Tables of results that hold rows of earlier runs."""

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from litho_dl.core.settings import packaged_names

Row = dict[str, Any]
Readers = Mapping[str, Callable[[str], Any]]


def read_rows(path: Path, readers: Readers) -> list[Row]:
    """The rows of a CSV file; none if there is no such file.

    Args:
        path: The file.
        readers: What makes a value of the text of a column; other columns, and empty cells, stay text.
    """
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {name: readers[name](text) if text and name in readers else text for name, text in row.items()}
            for row in csv.DictReader(file)
        ]


def other_recipes(path: Path, column: str, kind: str, without: Iterable[str], readers: Readers) -> list[Row]:
    """The rows of a CSV file that belong to other recipes that ship, without their empty cells.

    Args:
        path: The file.
        column: Where the recipe's name is.
        kind: Of the recipes, as `packaged_names` takes it.
        without: Recipes whose rows are left out.
        readers: As of `read_rows`.
    """
    wanted = {*packaged_names(kind)} - {*without}
    rows = (row for row in read_rows(path, readers) if row[column] in wanted)
    return [{name: value for name, value in row.items() if value != ""} for row in rows]
