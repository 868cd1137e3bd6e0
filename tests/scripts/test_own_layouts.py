"""The layouts that ship with the repository: legal, distinct, and drawn by their script."""

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import klayout.db as kdb
import numpy as np
import pytest
from scenes.places import REPOSITORY

from litho_dl.layout.files import read_layout

LAYOUTS = REPOSITORY / "layouts"
METAL = sorted(LAYOUTS.glob("metal_*.glp"))
VIA = sorted(LAYOUTS.glob("via_*.glp"))
LARGEST_NM = 1300
MIN_WIDTH_NM = MIN_SPACE_NM = 60
MIN_TIP_TO_TIP_NM = 80
TIP_NM = 120  # an edge up to this length between two convex corners is a tip
METAL1, CONTACT = (11, 0), (12, 0)


def clip_region(path: Path) -> kdb.Region:
    """The union of a clip's polygons, 1 unit = 1 nm."""
    region = kdb.Region()
    for polygon in read_layout(path).polygons:
        assert not polygon.holes
        np.testing.assert_array_equal(polygon.hull, np.round(polygon.hull))
        region.insert(kdb.Polygon([kdb.Point(int(x), int(y)) for x, y in polygon.hull]))
    return region.merged()


def block_region(suffix: str, layer: tuple[int, int], units_per_nm: int) -> kdb.Region:
    """A layer of the flattened block at `units_per_nm`, whatever the unit of its file."""
    layout = kdb.Layout()
    layout.read(str(LAYOUTS / f"standard_cells.{suffix}"))
    region = kdb.Region(layout.top_cell().begin_shapes_rec(layout.layer(*layer)))
    return region.transformed(kdb.ICplxTrans(layout.dbu * 1000 * units_per_nm)).merged()


def breaches(region: kdb.Region, units_per_nm: int = 1) -> list[str]:
    """Where widths or spaces, corner to corner too, are below the rules."""
    euclidean = kdb.Region.Euclidian
    width = region.width_check(MIN_WIDTH_NM * units_per_nm, metrics=euclidean)
    space = region.space_check(MIN_SPACE_NM * units_per_nm, metrics=euclidean)
    return [f"width {pair}" for pair in width.each()] + [f"space {pair}" for pair in space.each()]


def tips(region: kdb.Region) -> kdb.Edges:
    """Edges of up to `TIP_NM` that end a wire: both neighbours turn back the same way."""
    found = kdb.Edges()
    for polygon in region.each():
        edges = list(polygon.each_edge())
        for before, edge, after in zip(edges[-1:] + edges[:-1], edges, edges[1:] + edges[:1], strict=True):
            convex = before.d().sprod_sign(after.d()) < 0 and before.d().vprod_sign(edge.d()) < 0
            if convex and edge.length() <= TIP_NM:
                found.insert(edge)
    return found


def test_there_are_ten_of_each() -> None:
    assert len(METAL) >= 10
    assert len(VIA) >= 10


@pytest.mark.parametrize("path", METAL + VIA, ids=lambda path: path.stem)
def test_clip_is_legal(path: Path) -> None:
    region = clip_region(path)
    box = region.bbox()
    assert max(box.width(), box.height()) <= LARGEST_NM
    assert region.non_rectilinear().is_empty()
    assert breaches(region) == []


@pytest.mark.parametrize("path", METAL, ids=lambda path: path.stem)
def test_facing_tips_keep_their_distance(path: Path) -> None:
    pairs = tips(clip_region(path)).space_check(MIN_TIP_TO_TIP_NM, metrics=kdb.Region.Projection)
    assert [str(pair) for pair in pairs.each()] == []


@pytest.mark.parametrize("path", VIA, ids=lambda path: path.stem)
def test_vias_are_squares_of_70_to_90(path: Path) -> None:
    boxes = [polygon.bbox() for polygon in clip_region(path).each() if polygon.is_box()]
    assert len(boxes) == clip_region(path).count()
    assert all(box.width() == box.height() and 70 <= box.width() <= 90 for box in boxes)


def test_no_two_clips_are_equal() -> None:
    """Not even shifted, mirrored or turned."""
    for family in (METAL, VIA):
        regions = [clip_region(path) for path in family]
        for (a, first), (b, second) in combinations(zip(family, regions, strict=True), 2):
            for code in range(8):
                turned = second.transformed(kdb.Trans(code % 4, code >= 4, 0, 0))
                turned.move(first.bbox().p1 - turned.bbox().p1)
                assert not (first ^ turned).is_empty(), f"{a.stem} is {b.stem} again"


def test_block_is_legal_on_both_layers() -> None:
    assert breaches(block_region("gds", METAL1, 10), 10) == []
    assert breaches(block_region("gds", CONTACT, 10), 10) == []


def test_every_contact_of_the_block_lies_on_metal() -> None:
    assert (block_region("gds", CONTACT, 10) - block_region("gds", METAL1, 10)).is_empty()


@pytest.mark.parametrize("layer", [METAL1, CONTACT])
def test_gds_and_oasis_hold_the_same_block_at_different_units(layer: tuple[int, int]) -> None:
    gds, oasis = block_region("gds", layer, 10), block_region("oas", layer, 10)
    assert gds.bbox().width() > 20000
    assert (gds ^ oasis).is_empty()


def test_block_has_hierarchy() -> None:
    layout = kdb.Layout()
    layout.read(str(LAYOUTS / "standard_cells.gds"))
    top = layout.top_cell()
    assert top.name == "TOP"
    assert {cell.name for cell in layout.each_cell()} == {"TOP", "INV", "NAND2", "DFF", "FILL", "CONTACT"}
    instances = list(top.each_inst())
    wanted = (kdb.Trans.R0, kdb.Trans.R90, kdb.Trans.R180, kdb.Trans.M0, kdb.Trans.M90)
    assert {instance.trans.rot for instance in instances} == {trans.rot for trans in wanted}
    assert any(instance.is_regular_array() for instance in instances)


def test_the_script_draws_the_same_bytes(tmp_path: Path) -> None:
    """GDSII and OASIS bytes may differ between KLayout versions, so two runs are compared instead."""
    runs = [tmp_path / "first", tmp_path / "second"]
    for out in runs:
        command = [sys.executable, str(REPOSITORY / "scripts" / "make_layouts.py"), "--out", str(out)]
        subprocess.run(command, check=True, cwd=REPOSITORY, timeout=120)
    written = sorted(path.name for path in runs[0].iterdir())
    assert written == sorted(path.name for path in LAYOUTS.iterdir())
    for name in written:
        drawn = (runs[0] / name).read_bytes()
        assert drawn == (runs[1] / name).read_bytes()
        if Path(name).suffix in (".glp", ".md"):
            assert drawn == (LAYOUTS / name).read_bytes(), f"{name} is out of date; run scripts/make_layouts.py"
