"""The drawing of the package's folders."""

import draw_architecture
import pytest
from click.testing import CliRunner

SOURCES = {
    "core/io.py": "",
    "optics/pupil.py": "from small.core.io import x",
    "ilt/solve.py": "def solve():\n    from small.optics import pupil\n",
}


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "small"
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    return root


def run(*arguments):
    return CliRunner().invoke(draw_architecture.main, [str(argument) for argument in arguments])


def test_the_drawing_in_the_documentation_is_that_of_the_sources():
    result = run("--check")
    assert result.exit_code == 0, result.output


def test_another_import_makes_a_drawing_stale(package):
    drawing = package.parent / "small.svg"
    place = ("--package", package, "--out", drawing)
    assert run(*place).exit_code == 0
    assert run(*place, "--check").exit_code == 0
    (package / "ilt/solve.py").write_text("from small.core import io\nfrom small.optics import pupil\n")
    result = run(*place, "--check")
    assert result.exit_code == 1
    assert "it lacks ilt -> core; run python scripts/draw_architecture.py" in result.output


def test_the_same_sources_give_the_same_bytes(package):
    drawings = [package.parent / name for name in ("first.svg", "second.svg")]
    for drawing in drawings:
        run("--package", package, "--out", drawing)
    assert drawings[0].read_bytes() == drawings[1].read_bytes() != b""


def test_a_circle_is_refused(package):
    (package / "core/io.py").write_text("import small.ilt.solve")
    result = run("--package", package, "--out", package.parent / "small.svg", "--check")
    assert result.exit_code == 1
    assert "got a circle: core -> ilt -> optics -> core" in result.output
