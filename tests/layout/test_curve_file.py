"""Files of Bezier outlines: what is written is read, as curves and as polygons, and damage is told."""

import json

import numpy as np
import pytest
from scenes.curves import SHAPES, hausdorff
from scenes.places import REPOSITORY

from litho_dl.core.errors import LayoutError
from litho_dl.layout.bezier_fit import fit_outlines
from litho_dl.layout.clips import file_stem
from litho_dl.layout.curve_file import CurvedMask, read_curves, write_curves
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import read_mask

SQUARE = [[0, 0, 3, 0, 6, 0], [9, 0, 9, 3, 9, 6], [9, 9, 6, 9, 3, 9], [0, 9, 0, 6, 0, 3]]


@pytest.fixture
def mask() -> CurvedMask:
    return CurvedMask("cell", fit_outlines(SHAPES["annulus"], 0.5)).translated(-400.25, 1000.0)


def content(**changes) -> dict:
    shapes = [{"outer": SQUARE, "holes": []}]
    return {"format": "litho_dl curves", "version": 1, "unit": "nm", "name": "a", "shapes": shapes, **changes}


def test_what_is_written_is_read(mask, tmp_path):
    path = tmp_path / "a.mask.curves.json"
    write_curves(path, mask)
    again = read_curves(path)
    assert again.name == "cell"
    for before, after in zip(mask.outlines, again.outlines, strict=True):
        for one, other in zip(before.loops, after.loops, strict=True):
            np.testing.assert_allclose(one.segments, other.segments, atol=1e-6)
            assert other.smooth.all()
    rows = json.loads(path.read_text())["shapes"][0]["outer"]
    np.testing.assert_allclose(rows, mask.outlines[0].hull.segments[:, :3].reshape(-1, 6), atol=1e-6)
    assert file_stem(path) == "a.mask"


def test_curves_are_read_as_a_layout_and_a_mask(mask, tmp_path):
    path = tmp_path / "a.CURVES.JSON"
    write_curves(path, mask)
    layout = read_layout(path)
    assert hausdorff(layout.polygons, mask.layout().polygons) < 0.05
    assert layout.area_nm2 == pytest.approx(sum(outline.area_nm2 for outline in mask.outlines), rel=1e-3)
    assert read_mask(path).area_nm2 == layout.area_nm2
    x0, y0, x1, y1 = layout.bbox_nm
    assert read_layout(path, window_nm=(x0, y0, (x0 + x1) / 2, y1)).area_nm2 == pytest.approx(
        layout.area_nm2 / 2, rel=0.05
    )
    for part in ({"layer": "1/0"}, {"cell": "cell"}):
        with pytest.raises(LayoutError, match="no layer and no cell"):
            read_layout(path, **part)


def test_polygons_are_no_curves(tmp_path):
    with pytest.raises(LayoutError, match="got polygons"):
        write_layout(tmp_path / "a.curves.json", Layout("a", SHAPES["circle"]))
    with pytest.raises(LayoutError, match=r"ending in \.curves\.json"):
        write_curves(tmp_path / "a.json", CurvedMask("a", ()))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"version": 2}, "version 1"),
        ({"version": True}, "version 1"),
        ({"unit": "um"}, "unit 'nm'"),
        ({"format": "curves"}, "format"),
        ({"more": 1}, "keys"),
        ({"name": 3}, "name"),
        ({"shapes": {}}, "list of shapes"),
        ({"shapes": []}, "got none"),
        ({"shapes": [3]}, "shape 0.* got int"),
        ({"shapes": [{"outer": SQUARE}]}, "shape 0.* got the keys outer"),
        ({"shapes": [{"outer": SQUARE, "holes": None}]}, "list of holes"),
        ({"shapes": [{"outer": [], "holes": []}]}, "empty list"),
        ({"shapes": [{"outer": [*SQUARE, [1, 2, 3]], "holes": []}]}, "segment 4"),
        ({"shapes": [{"outer": [*SQUARE, [1, 2, 3, 4, 5, "6"]], "holes": []}]}, "segment 4"),
        ({"shapes": [{"outer": [*SQUARE, [1, 2, 3, 4, 5, True]], "holes": []}]}, "segment 4"),
        ({"shapes": [{"outer": [*SQUARE, [1, 2, 3, 4, 5, float("nan")]], "holes": []}]}, "finite"),
        ({"shapes": [{"outer": [*SQUARE, [1, 2, 3, 4, 5, 10**400]], "holes": []}]}, "too large"),
        ({"shapes": [{"outer": SQUARE, "holes": []}, {"outer": SQUARE[::-1], "holes": []}]}, "shape 1.*turn left"),
        ({"shapes": [{"outer": SQUARE, "holes": [SQUARE]}]}, "holes right"),
    ],
)
def test_damaged_values(tmp_path, change, match):
    path = tmp_path / "a.curves.json"
    path.write_text(json.dumps(content(**change)))
    with pytest.raises(LayoutError, match=match) as error:
        read_curves(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"3", b"null"])
def test_damaged_bytes(tmp_path, data):
    path = tmp_path / "a.curves.json"
    path.write_bytes(data)
    with pytest.raises(LayoutError, match="Expected"):
        read_curves(path)


def test_missing_files(tmp_path):
    with pytest.raises(LayoutError, match="no such file"):
        read_curves(tmp_path / "a.curves.json")
    (tmp_path / "b.curves.json").mkdir()
    with pytest.raises(LayoutError, match="readable"):
        read_curves(tmp_path / "b.curves.json")


def test_the_least_valid_file(tmp_path):
    path = tmp_path / "a.curves.json"
    path.write_text(json.dumps(content()))
    assert read_layout(path).area_nm2 == 81


def test_the_example_of_the_documentation(tmp_path):
    page = (REPOSITORY / "docs" / "guide" / "curves.md").read_text(encoding="utf-8")
    path = tmp_path / "a.curves.json"
    path.write_text(page.partition("```json\n")[2].partition("```")[0])
    (outline,) = read_curves(path).outlines
    assert outline.area_nm2 == pytest.approx(np.pi * 50**2, rel=1e-3)
