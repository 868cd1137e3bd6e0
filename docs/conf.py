"""Sphinx settings; `make docs` builds docs/_build/html."""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

from litho_dl import __version__

sys.path.insert(0, str(Path(__file__).parent))

FORGE = "https://github.com/litho-dl/litho_dl/blob/main"
project, author, copyright = "litho_dl", "The litho_dl authors", "The litho_dl authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "generated/work"]
html_theme, html_title = "furo", f"litho_dl {__version__}"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
default_role = "literal"  # docstrings quote code in single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "model_config, model_post_init"}
napoleon_numpy_docstring, napoleon_use_ivar, napoleon_use_rtype = False, True, False


def plain_text(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text: |x| is a magnitude there, and * a product, not markup."""
    lines[:] = [
        re.sub(r"`[^`]*`|[|*]", lambda found: found[0] if len(found[0]) > 1 else f"\\{found[0]}", line)
        for line in lines
    ]
    if what == "property" and lines:  # napoleon takes what stands before a colon for the type
        lines[0] = lines[0].replace(": ", ", ", 1)


def make_generated(app: Sphinx) -> None:
    """The examples, the commands' help and the results."""
    from pages import make_pages

    make_pages(Path(app.srcdir) / "generated")


def links_inside(app: Sphinx, page: str, source: list[str]) -> None:
    """Links that a forge follows lead to the pages that `pages` makes, or to the forge."""
    source[0] = re.sub(r"\]\((?:\.\./)+examples/(\w+)\.py\)", r"](/generated/\1.md)", source[0])
    source[0] = source[0].replace("](../CONTRIBUTING.md)", f"]({FORGE}/CONTRIBUTING.md)")
    source[0] = re.sub(r"\]\((?:\.\./)+results/([\w-]+\.md)\)", r"](/generated/results/\1)", source[0])


def setup(app: Sphinx) -> None:
    """Docstrings are made plain before napoleon reads them."""
    app.connect("source-read", links_inside)
    app.connect("autodoc-process-docstring", plain_text, priority=400)
    app.connect("builder-inited", make_generated)
