"""Documentation, built: notebooks draw, Sphinx has no complaint."""

import shutil
import sys

import numpy as np
import pytest
from doc_pages import DOCS, REPOSITORY, small_settings

from litho_dl.core.io import read_image


@pytest.fixture
def pages_module(monkeypatch):
    """docs/pages.py."""
    monkeypatch.syspath_prepend(str(DOCS))
    import pages

    yield pages
    sys.modules.pop("pages")


@pytest.mark.parametrize(
    ("notebook", "pictures"),
    [("imaging", {"optics", "drawn"}), ("ilt", {"convergence", "mask"}), ("network", {"refined"})],
)
def test_notebooks_draw(notebook, pictures, pages_module, tmp_path):
    script = (DOCS / "notebooks" / f"{notebook}.py").read_text(encoding="utf-8")
    with small_settings():
        done = list(pages_module.run(script, tmp_path))
    drawn = [picture for _, output in done for picture in output.pictures]
    assert {picture.stem for picture in drawn} == pictures
    for picture in drawn:
        image = read_image(picture)
        assert min(image.shape) > 60
        assert max(image.shape) < 1000
        assert len(np.unique(image)) > 20, "blank"
    assert all(cell.is_text or output.text or output.pictures for cell, output in done[-2:])


def test_cells(pages_module):
    script = "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\na = 1  # %% no cell\nprint(a)\n"
    assert pages_module.cells(script) == [(True, "# Title\n\nText."), (False, "a = 1  # %% no cell\nprint(a)")]


def test_sphinx_has_no_complaint(tmp_path):
    build = pytest.importorskip("sphinx.cmd.build")
    for extra in ("myst_parser", "furo"):
        pytest.importorskip(extra)
    source = tmp_path / "docs"
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("_build", "generated"))
    for name in ("results", "layouts", "litho_dl", "tests", "README.md"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    with small_settings():
        code = build.main(["-W", "--keep-going", "-q", "-b", "html", str(source), str(tmp_path / "html")])
    assert code == 0
    assert "iccad13" in (tmp_path / "html" / "protocols.html").read_text(encoding="utf-8")
    assert (tmp_path / "html" / "generated" / "commands.html").stat().st_size > 10_000
