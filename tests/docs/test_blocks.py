"""Documentation: every block of code runs, every link leads somewhere."""

import re

import click
import pytest
from scenes.doc_pages import PAGES, REPOSITORY, Block, blocks, check, own_tables, run_page, small_settings

LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture
def page_folder(tmp_path, monkeypatch):
    """A working folder with the layouts."""
    (tmp_path / "layouts").symlink_to(REPOSITORY / "layouts", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    with small_settings(), own_tables():
        yield tmp_path


SLOW = {f"docs/{page}.md" for page in ("guide/networks", "guide/windows", "howto/dataset", "howto/network")}


@pytest.mark.parametrize(
    "page",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name, path in PAGES.items() if blocks(path)],
)
def test_blocks_run(page, page_folder):
    run_page(PAGES[page], slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name, path in PAGES.items() if any(b.note == "slow" for b in blocks(path))])
def test_slow_blocks_run(page, page_folder):
    run_page(PAGES[page], slow=True)


class TestNotes:
    def test_are_known(self):
        for page in PAGES.values():
            for block in blocks(page):
                assert re.fullmatch(r"|slow|not run: .+|file: [\w.-]+", block.note), f"{page}: {block.note}"

    @pytest.mark.parametrize(
        "line",
        [
            "litho-dl optimise a.glp",
            "litho-dl optimize a.glp --optics x --methods y --out o",
            "torchrun --nproc-per-node=2 -m litho_dl.cli.main -- train unet --dat runs",
            "python scripts/evaluate.py --suites layouts",
            "python scripts/evaluates.py",
            "make tests",
            "pip install '.[clusters]'",
            'eval "$(litho-dl completion tcsh)"',
            "frobnicate",
        ],
    )
    def test_unknown_commands_and_options_are_found(self, line):
        with pytest.raises((AssertionError, click.UsageError)):
            check(Block("sh", line, "not run: a test"))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in LINK.findall(PAGES[page].read_text(encoding="utf-8")):
        path = (PAGES[page].parent / link.partition("#")[0]).resolve()
        assert link.startswith("http") or path.exists(), link
