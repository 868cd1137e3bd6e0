"""How far periodic images move edges, against fields in which there are none near."""

import numpy as np
import pytest
import torch
from scenes.shapes import box, disc

from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.simulation.border import TOLERANCE_NM, border_shift_nm, image_gap_nm, sufficient_field_nm
from litho_dl.simulation.simulator import Simulator

FIELD_NM, WIDE_NM = 1024.0, 3072.0
RECIPE = load_recipe("iccad13-like")


def slow(*values: object):
    return pytest.param(*values, marks=pytest.mark.slow)


def process(field_nm: float, count: int = 24) -> ProcessModel:
    """The nominal corner alone, which is what is measured."""
    recipe = RECIPE.model_copy(update={"corners": {"nominal": RECIPE.corners["nominal"]}})
    return build_process(recipe, field_nm=(field_nm, field_nm), count=count)


@pytest.fixture(scope="module")
def small() -> ProcessModel:
    return process(FIELD_NM)


@pytest.fixture(scope="module")
def wide() -> Simulator:
    """A field three times as wide, with eight times the kernels, so that little is cut off."""
    return Simulator(process(WIDE_NM, 8 * 24), dtype=torch.float64)


def round_island(gap_nm: float, x_nm: float = 0.0, y_nm: float = 0.0) -> Layout:
    """A disc that comes so near to its images in four directions; its edge moves most on the axes."""
    return Layout("disc", (disc(FIELD_NM - gap_nm, x_nm, y_nm),))


def cuts(simulator: Simulator, gap_nm: float, places: list[tuple[int, int]]) -> list[np.ndarray]:
    """The image along +x, -x, +y and -y from the middle of a disc at (1, 1), in fields of `FIELD_NM`, among others."""
    discs = (round_island(gap_nm, (n + 0.5) * FIELD_NM, (m + 0.5) * FIELD_NM) for n, m in places)
    drawn = Layout("discs", tuple(polygon for layout in discs for polygon in layout.polygons))
    mask = torch.from_numpy(rasterize(drawn, simulator.grid(4.0))).double()
    image = simulator(mask, 4.0, out_pixel_nm=2.0).aerial("nominal").numpy()
    middle = len(image) // 2
    return [image[middle], image[middle, ::-1], image[:, middle], image[::-1, middle]]


@pytest.mark.parametrize("gap_nm", [140.0, slow(240.0), slow(340.0), 440.0])
def test_shifts_are_those_of_a_field_without_images(small, wide, gap_nm):
    """The level of the lone disc's image at its drawn edge is elsewhere among images."""
    x, edge = np.arange(0, WIDE_NM, 2) + 1.0, 1.5 * FIELD_NM + (FIELD_NM - gap_nm) / 2
    alone = cuts(wide, gap_nm, [(1, 1)])
    repeated = cuts(wide, gap_nm, [(n, m) for n in range(3) for m in range(3)])
    near = (x > edge - 60) & (x < edge + 60)
    levels = [np.interp(edge, x, lone) for lone in alone]
    found = [np.interp(-level, -among[near], x[near]) for level, among in zip(levels, repeated, strict=True)]
    moved = float(np.abs(np.array(found) - edge).max())
    assert border_shift_nm(small, round_island(gap_nm)) == pytest.approx(moved, rel=0.35, abs=0.2)


def test_layouts_as_far_apart_as_the_contests_are_left_alone():
    """Contest clips lie within 1280 nm, and ours within 1300, on a field of 2048 nm."""
    assert border_shift_nm(process(2048.0), Layout("clip", (box(0, 0, 1280, 80), box(0, 200, 80, 1280)))) < TOLERANCE_NM


@pytest.mark.parametrize(("gap_nm", "moves"), [slow(8.0, True), (1024.0, False)])
def test_the_field_that_is_named_holds_the_layout(gap_nm, moves):
    optics = process(2048.0, 8)
    layout = Layout("wires", tuple(box(0, y, 2048 - gap_nm, y + 90) for y in (0, 180, 360)))
    assert image_gap_nm(layout, optics.field_nm) == gap_nm
    assert (border_shift_nm(optics, layout) > 10) == moves
    if moves:
        field_nm = sufficient_field_nm(optics, layout)
        assert field_nm % 256 == 0
        assert 0 <= border_shift_nm(process(field_nm, 8), layout) <= TOLERANCE_NM
    else:
        assert border_shift_nm(optics, layout) == 0


def test_a_feature_too_small_to_print_hardly_counts(small):
    """The image has almost no slope at its edges, so that they would move by 12 nm."""
    square, dot = box(0, 0, 600, 600), box(670, 0, 690, 20)
    alone = border_shift_nm(small, Layout("square", (square,)))
    assert border_shift_nm(small, Layout("both", (square, dot))) == pytest.approx(alone, rel=0.2)


def test_a_target_that_fills_the_field_has_no_edge_to_move(small):
    assert border_shift_nm(small, Layout("full", (box(0, 0, 1024, 1024),))) == 0


def test_fields_need_not_be_square():
    """The pixel divides both sides, whatever they have in common."""
    recipe = RECIPE.model_copy(update={"corners": {"nominal": RECIPE.corners["nominal"]}})
    optics = build_process(recipe, field_nm=(500.0, 518.0), count=4)
    assert border_shift_nm(optics, Layout("square", (box(0, 0, 420, 420),))) > 1
