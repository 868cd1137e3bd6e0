"""Documentation, built: examples draw, Sphinx has no complaint."""

import shutil
import sys
from types import ModuleType
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from scenes.doc_pages import DOCS, REPOSITORY, small_settings

from litho_dl.cli.main import COMMANDS


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    """docs/pages.py, as docs/conf.py finds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        import pages

        yield pages
        del sys.modules["pages"]


@pytest.fixture(scope="module")
def generated(pages, tmp_path_factory):
    """The pages that are made."""
    folder = tmp_path_factory.mktemp("generated")
    with small_settings():
        pages.make_pages(folder)
    return folder


@pytest.mark.parametrize(
    ("example", "pictures"),
    [
        ("first_mask", {"mask", "exposure"}),
        ("imaging", {"optics", "drawn"}),
        ("ilt", {"convergence", "mask"}),
        ("network", {"refined"}),
    ],
)
def test_examples_draw(example, pictures, generated):
    page = (generated / f"{example}.md").read_text(encoding="utf-8")
    drawn = sorted((generated / "work" / example).rglob("*.png"))
    assert {picture.stem for picture in drawn} == pictures
    for picture in drawn:
        with Image.open(picture) as drawing:
            image = np.asarray(drawing.convert("L"))
        assert min(image.shape) > 60
        assert max(image.shape) < 1000
        assert len(np.unique(image)) > 20, "blank"
        assert page.count(f"![]({picture.relative_to(generated)})") == 1
    assert page.startswith("# ")
    assert "```text\n" in page


def test_commands_are_all_there(generated):
    page = (generated / "commands.md").read_text(encoding="utf-8")
    assert all(f"\n## {name}\n" in page for name in COMMANDS)
    assert "\n### dataset build\n" in page
    assert "--plugin" in page


def test_the_keys_of_methods_are_all_there(pages, generated):
    page = (generated / "method_keys.md").read_text(encoding="utf-8")
    for model in pages.METHOD_TABLES.values():
        assert all(f"| `{name}` |" in page for name in model.model_fields)
    assert "| `largest_move_nm` | number > 0 | 40 | Largest move in nm" in page
    assert "| `steps` | whole number ≥ 1 | required |" in page
    assert "None" not in pages._keys_table(pages.Rules)


def test_cells(pages):
    script = "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\na = 1  # %% no cell\nprint(a)\n"
    assert pages.cells(script) == [(True, "# Title\n\nText."), (False, "a = 1  # %% no cell\nprint(a)")]


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"
)  # of Sphinx, in its own parts
def test_sphinx_has_no_complaint(pages, generated, tmp_path):
    build = pytest.importorskip("sphinx.cmd.build")
    for extra in ("myst_parser", "furo"):
        pytest.importorskip(extra)
    source = tmp_path / "docs"
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("_build", "generated"))
    for name in ("results", "litho_dl", "tests", "README.md"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    with mock.patch.object(pages, "make_pages", lambda folder: shutil.copytree(generated, folder, symlinks=True)):
        code = build.main(["-W", "--keep-going", "-q", "-b", "html", str(source), str(tmp_path / "html")])
    assert code == 0
    shown = (tmp_path / "html" / "tutorial.html").read_text(encoding="utf-8")
    assert 'href="generated/ilt.html"' in shown
