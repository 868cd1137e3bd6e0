"""Names that become parts of file names: of clips, pairs, cells, corners and kernel sets."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from litho_dl.core.errors import LithoError

LONGEST_BYTES = 200  # of UTF-8; file systems hold 255, and suffixes such as `.layers.oas` come after the name
SEPARATORS = "/\\:"  # of folders and drives, on any system
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # control characters, bytes that are not UTF-8, line and paragraph breaks


def require_name(name: str, noun: str, error: type[LithoError] = LithoError) -> str:
    """Checks that a name can be part of a file name, so that a file can never be written outside its folder.

    Args:
        name: The name, often from a file that somebody else made.
        noun: What it names, for the message.
        error: Class of the error.

    Returns:
        The name.

    Raises:
        LithoError: It is empty or too long, begins with a dot, or holds a separator of folders or an unprintable
            character.
    """
    size = len(name.encode(errors="surrogatepass")) if isinstance(name, str) else 0
    if not 0 < size <= LONGEST_BYTES:
        got = f"{size} bytes" if size else repr(name)
        raise error(f"Expected {noun} of 1 to {LONGEST_BYTES} bytes in UTF-8, got {got}; rename it.")
    if name.startswith(".") or any(
        letter in SEPARATORS or unicodedata.category(letter) in UNPRINTABLE for letter in name
    ):
        raise error(
            f"Expected {noun} that can be part of a file name (UTF-8, no {' '.join(SEPARATORS)} or control "
            f"characters, no dot at the beginning), got {name!a}; rename it."
        )
    return name


def _file_name(name: str) -> str:
    """`require_name` for pydantic, which takes only ValueError."""
    try:
        return require_name(name, "a name")
    except LithoError as error:
        raise ValueError(str(error)) from error


FileName = Annotated[str, AfterValidator(_file_name)]
