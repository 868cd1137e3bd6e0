"""The warning of layouts near the field's border: one line, with figures, only where edges move."""

import re

import pytest
from scenes.shapes import box

from litho_dl.layout.layout import Layout
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.runs.border import warn_of_border

WARNING = re.compile(
    r"Warning: (.*): the field is periodic, and images ([\d.]+) nm away move edges by (more than 20|some [\d.]+) nm; "
    r"a field of (\d+) nm \(--field, or kernels built for it\) keeps them away\.\n"
)


@pytest.fixture(scope="module")
def process() -> ProcessModel:
    return build_process(load_recipe("iccad13-like"), field_nm=(2048.0, 2048.0), count=8)


def wires(name: str, gap_nm: float) -> Layout:
    return Layout(name, tuple(box(0, y, 2048 - gap_nm, y + 90) for y in (0, 180, 360)))


def test_far_layouts_are_silent(process, capsys):
    warn_of_border(process, [wires("far", 768), Layout("empty", ())], optimised=True)
    assert capsys.readouterr().err == ""


def test_the_worst_layout_is_named(process, capsys):
    warn_of_border(process, [wires("far", 768), wires("near", 300), wires("touching", 8)], optimised=False)
    name, gap, shift, field = WARNING.fullmatch(capsys.readouterr().err).groups()
    assert (name, gap, shift) == ("touching and 1 more layouts", "8", "more than 20")
    assert 2048 < int(field) <= 3072


def test_optimised_masks_reach_farther_than_drawn_ones(process, capsys):
    warn_of_border(process, [wires("layout", 600)], optimised=False)
    drawn = capsys.readouterr().err
    warn_of_border(process, [wires("layout", 600)], optimised=True)
    made = float(WARNING.fullmatch(capsys.readouterr().err)[3].removeprefix("some "))
    assert made > 0.25
    assert drawn == "" or float(WARNING.fullmatch(drawn)[3].removeprefix("some ")) == pytest.approx(made / 5, rel=0.1)
