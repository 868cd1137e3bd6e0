"""Files of masks as they open in a layout editor: cell, unit, and layers of main and assist features."""

import klayout.db as db
import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.core.errors import LayoutError
from litho_dl.layout.files import write_layout
from litho_dl.layout.gds import read_gds, write_gds, write_layers
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import MaskForm, file_unit_nm, read_mask, split_features, write_mask

DRAWN = Layout("drawn", (box(0, 0, 100, 400), box(300, 0, 400, 400)))
MAIN = (
    box(-10, -20, 110, 200),
    box(20, 190, 80, 420),
    box(320, 20, 380, 380),
)
ASSIST = (box(180, 0, 220, 400), box(400, 400, 440, 440), box(400, 100, 420, 140), box(-60, 0, -40, 400))
MASK = Layout("mask", MAIN + ASSIST)  # two of the assist features touch a drawn corner or edge


def contents(path) -> tuple[str, float, dict[str, tuple[int, float]]]:
    """Cell, database unit in nm, and for each layer the number of polygons and their area in nm^2."""
    layout = db.Layout()
    layout.read(str(path))
    unit_nm, found = round(layout.dbu * 1000, 9), {}
    for index in layout.layer_indexes():
        region = db.Region(layout.top_cell().begin_shapes_rec(index))
        found[layout.get_info(index).to_s()] = (region.count(), round(region.area() * unit_nm**2, 3))
    return layout.top_cell().name, unit_nm, found


def area(*polygons) -> float:
    return round(Layout("", tuple(polygons)).area_nm2, 3)


def test_layers_that_cannot_be_written_are_refused_before_the_work():
    with pytest.raises(LayoutError, match="none after 5/65535"):
        MaskForm(main=(5, 65535))
    assert MaskForm(main=(5, 65535), assist=(6, 0)).assist_layer == (6, 0)
    with pytest.raises(LayoutError, match="beside the mask's layers, got 1/1"):
        MaskForm(target=(1, 1))


def test_layers_of_ones_own_choice_are_named_and_read_together(tmp_path):
    """A text is no layer; a target beside the mask is one too many."""
    write_mask(
        tmp_path / "m.gds", MASK, DRAWN, MaskForm(main=(20, 0), assist=(20, 5), target=(10, 0)), cell="C", source_nm=1.0
    )
    with pytest.raises(LayoutError, match=r"got shapes on 10/0,20/0,20/5; choose those of main .*\(--mask-layer\)"):
        read_mask(tmp_path / "m.gds")
    assert read_mask(tmp_path / "m.gds", layer="20/0,20/5").area_nm2 == pytest.approx(MASK.area_nm2)
    labelled = db.Layout()
    labelled.read(str(tmp_path / "m.gds"))
    for layer in (10, 20):
        labelled.clear_layer(labelled.layer(layer, 5 if layer == 20 else 0))
    labelled.top_cell().shapes(labelled.layer(63, 63)).insert(db.Text("name", 0, 0))
    labelled.write(str(tmp_path / "labelled.gds"))
    assert read_mask(tmp_path / "labelled.gds").area_nm2 == pytest.approx(Layout("main", MAIN).area_nm2)


def test_features_that_overlap_no_drawn_one_are_assist_features():
    main, assist = split_features(MASK, DRAWN)
    assert (len(main.polygons), main.area_nm2) == (2, area(*MAIN))
    assert (len(assist.polygons), assist.area_nm2) == (4, area(*ASSIST))


@pytest.mark.parametrize("suffix", ["oas", "gds"])
def test_main_assist_and_target_are_on_layers_of_their_own(tmp_path, suffix):
    path = tmp_path / f"mask.{suffix}"
    assert write_mask(path, MASK, DRAWN, MaskForm(), cell="CHIP", source_nm=1.0) == 1.0
    assert contents(path) == ("CHIP", 1.0, {"1/0": (2, area(*MAIN)), "1/1": (4, area(*ASSIST))})
    assert read_mask(path).area_nm2 == MASK.area_nm2
    assert read_mask(path, layer="1/1").area_nm2 == area(*ASSIST)
    assert read_mask(path, window_nm=(150.0, 0.0, 250.0, 100.0)).area_nm2 == 40 * 100
    assert read_mask(path.rename(tmp_path / f"MASK.{suffix.upper()}")).area_nm2 == MASK.area_nm2

    form = MaskForm(main=(20, 3), target=(7, 0))
    write_mask(path, MASK, DRAWN, form, cell="CHIP", source_nm=0.25)
    expected = {"20/3": (2, area(*MAIN)), "20/4": (4, area(*ASSIST)), "7/0": (2, 80_000.0)}
    assert contents(path) == ("CHIP", 0.25, expected)

    write_mask(path, MASK, DRAWN, MaskForm(assist=(1, 0)), cell="CHIP", source_nm=None)
    assert contents(path) == ("CHIP", 0.1, {"1/0": (6, MASK.area_nm2)})


@pytest.mark.parametrize("target", [(1, 0), (1, 1)])
def test_a_target_on_the_masks_layers_is_refused(target):
    with pytest.raises(LayoutError, match="beside the mask's layers, got 1/"):
        MaskForm(target=target)


@pytest.mark.parametrize(
    ("grid_nm", "source_nm", "unit_nm"),
    [
        (4.0, 1.0, 1.0),
        (4.0, 5.0, 1.0),
        (0.5, 1.0, 0.5),
        (1.0, 0.25, 0.25),
        (1.01, 1.0, 0.01),
        (1 / 3, 1.0, 0.1),
        (1 / 3, 0.05, 0.05),
        (4.0, None, 0.1),
    ],
)
def test_the_source_unit_is_kept_where_it_holds_all_vertices(grid_nm, source_nm, unit_nm):
    corners = np.array([(1, 1), (8, 1), (8, 2), (1, 2)]) * grid_nm
    assert file_unit_nm([box(*corners[0], *corners[2])], source_nm) == unit_nm


def test_other_files_with_several_layers_are_not_guessed(tmp_path):
    """Only a file with nothing but 1/0 and 1/1 is a mask with its assist features."""
    for other in ((2, 0), (1, 2), (11, 0)):
        write_layers(tmp_path / "a.gds", {(1, 0): DRAWN, (1, 1): MASK, other: DRAWN})
        with pytest.raises(LayoutError, match="several"):
            read_mask(tmp_path / "a.gds")
    write_layers(tmp_path / "a.gds", {(1, 0): DRAWN, (2, 0): MASK})
    with pytest.raises(LayoutError, match="several"):
        read_mask(tmp_path / "a.gds")
    write_layout(tmp_path / "a.glp", DRAWN)
    assert read_mask(tmp_path / "a.glp").area_nm2 == DRAWN.area_nm2


@pytest.mark.parametrize("unit_nm", [1.0, 0.25, 5.0])
def test_what_is_read_knows_its_unit(tmp_path, unit_nm):
    write_gds(tmp_path / "a.gds", DRAWN, dbu_nm=unit_nm)
    assert read_gds(tmp_path / "a.gds").unit_nm == unit_nm
