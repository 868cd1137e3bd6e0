"""The JSON summary of a run: the command, the version, and the results."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litho_dl import __version__
from litho_dl.core.io import write_text


def write_summary(path: Path, command: str, values: Mapping[str, Any]) -> None:
    """Writes the values of a run as JSON, after the command and the version.

    Args:
        path: The file.
        command: The command that was run, such as `litho-dl optimize`.
        values: Plain values by name.

    Raises:
        OutputError: The file cannot be written.
    """
    write_text(path, json.dumps({"command": command, "version": __version__, **values}, indent=2) + "\n")
