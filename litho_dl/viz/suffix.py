"""The formats in which figures can be saved; loads without matplotlib."""

from pathlib import Path

from litho_dl.core.errors import OutputError

FIGURE_SUFFIXES = (".png", ".pdf", ".svg")


def require_figure_suffix(path: str | Path) -> None:
    """Checks that figures can be saved under a name.

    Raises:
        OutputError: The name has another suffix than .png, .pdf or .svg.
    """
    if Path(path).suffix.lower() not in FIGURE_SUFFIXES:
        raise OutputError(f"{path}: expected a picture that ends in {', '.join(FIGURE_SUFFIXES)}.")
