"""Design rules: what each one lets pass and what it counts, on polygons drawn by hand."""

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.core.errors import LayoutError, RecipeError
from litho_dl.core.settings import packaged_names, packaged_text
from litho_dl.layout.design_rules import DesignRules, check_design, load_rules
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

EXTENT = 1000.0
# Width 70, at most 250; space 65; tips up to 105 wide 80 apart; area 10,500; pitch 140, so long runs 70 apart; grid 5.
METAL = load_rules("m1-45")
VIA = load_rules("via-45").model_copy(update={"pitch_nm": 170.0})  # squares of 70, space 80


def cup(notch: float, depth: float) -> Polygon:
    """A U of 100 nm arms, its notch open upwards."""
    x = [0, 200 + notch, 200 + notch, 100 + notch, 100 + notch, 100, 100, 0]
    y = [0, 0, 100 + depth, 100 + depth, 100, 100, 100 + depth, 100 + depth]
    return Polygon(np.column_stack([x, y]).astype(float))


def neck(dx: float, dy: float) -> Polygon:
    """A Z whose concave corners are (dx, dy) apart."""
    x = [0, 200, 200, 400, 400, 200 - dx, 200 - dx, 0]
    y = [0, 0, 200, 200, 400, 400, 200 + dy, 200 + dy]
    return Polygon(np.column_stack([x, y]).astype(float))


def pair(gap: float, width: float, length: float, along_x: bool) -> tuple[Polygon, Polygon]:
    """Two bars side by side (facing over their length), or end to end (over their width)."""
    if along_x:
        return box(0, 0, length, width), box(length + gap, 0, 2 * length + gap, width)
    return box(0, 0, length, width), box(0, width + gap, length, 2 * width + gap)


def offset_pair(gap: float, overlap: float) -> tuple[Polygon, Polygon]:
    """Two bars one above the other that face each other over a part of their length."""
    return box(0, 0, 300, 100), box(300 - overlap, 100 + gap, 600 - overlap, 200 + gap)


CASES = {
    "width": ([box(0, 0, 70, 200)], [box(0, 0, 65, 200)]),
    "width corner to corner": ([neck(45, 55)], [neck(45, 50)]),
    "max_width": ([box(0, 0, 250, 400)], [box(0, 0, 255, 400)]),
    "space corner to corner": (
        [box(0, 0, 100, 200), box(140, 255, 300, 400)],
        [box(0, 0, 100, 200), box(140, 250, 300, 400)],
    ),
    "space in a notch": ([cup(65, 80)], [cup(60, 80)]),
    "space of short runs": (offset_pair(65, 105), offset_pair(60, 105)),
    "tip_to_tip": (pair(80, 70, 300, True), pair(75, 70, 300, True)),
    "tip_to_tip of the widest tips": (pair(80, 105, 300, True), pair(75, 105, 300, True)),
    "pitch": (pair(70, 70, 300, False), pair(65, 70, 300, False)),
    "pitch of the shortest runs": (offset_pair(70, 110), offset_pair(65, 110)),
    "pitch in a notch": ([cup(70, 200)], [cup(65, 200)]),
    "area": ([box(0, 0, 70, 150)], [box(0, 0, 70, 145)]),
    "grid": ([box(0, 0, 70, 200)], [box(0, 0, 72.5, 200)]),
    "extent": ([box(930, 0, 1000, 200)], [box(935, 0, 1005, 200)]),
    "density": ([box(0, 0, 100, 105)], [box(0, 0, 100, 105), box(300, 0, 1000, 1000)]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("turned", [False, True])
def test_metal_rules(case, turned):
    """What is at the limit passes every rule; one grid step beyond breaks the named one."""
    rule = case.split(" ")[0]
    passing, breaking = (
        Layout("l", tuple(polygon.mapped(lambda xy: xy[:, ::-1] if turned else xy) for polygon in polygons))
        for polygons in CASES[case]
    )
    assert not any(check_design(passing, METAL, EXTENT).values())
    counts = check_design(breaking, METAL, EXTENT)
    assert counts[rule] > 0
    expected = {rule} | ({"max_width"} if rule == "density" else set())
    assert {name for name, count in counts.items() if count} == expected


VIA_CASES = {
    "square": ([box(0, 0, 70, 70)], [box(0, 0, 70, 75)]),
    "pitch": ([box(0, 0, 70, 70), box(170, 0, 240, 70)], [box(0, 0, 70, 70), box(160, 55, 230, 125)]),
    "space": ([box(0, 0, 70, 70), box(130, 125, 200, 195)], [box(0, 0, 70, 70), box(125, 125, 195, 195)]),
}


@pytest.mark.parametrize("rule", VIA_CASES)
def test_via_rules(rule):
    passing, breaking = (Layout("l", tuple(polygons)) for polygons in VIA_CASES[rule])
    assert not any(check_design(passing, VIA, EXTENT).values())
    counts = check_design(breaking, VIA, EXTENT)
    assert counts[rule] > 0
    assert {name for name, count in counts.items() if count} <= {rule, "max_width"}


def test_overlapping_polygons_count_as_their_union():
    """Two halves of a wire and a pad over it are one polygon."""
    parts = (box(0, 0, 70, 60), box(0, 60, 70, 200), box(0, 100, 100, 200))
    assert not any(check_design(Layout("l", parts), METAL, EXTENT).values())


def test_an_empty_layout_breaks_the_density_alone():
    counts = check_design(Layout("l", ()), METAL, EXTENT)
    assert {name for name, count in counts.items() if count} == {"density"}


@pytest.mark.parametrize("extent_nm", [0.0, -1.0, float("nan"), float("inf")])
def test_the_extent_is_positive(extent_nm):
    with pytest.raises(LayoutError, match="positive extent"):
        check_design(Layout("l", (box(0, 0, 70, 200),)), METAL, extent_nm)


@pytest.mark.parametrize("name", packaged_names("rules"))
def test_shipped_rules_load_and_say_what_they_are(name):
    rules = load_rules(name)
    assert rules.layer == {"m1": "metal", "gate": "metal", "via": "via", "contact": "via"}[name.split("-")[0]]
    assert name.split("-")[1] + " nm-class" in rules.description


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width_nm = 70.0", "width_nm = 71.0", "width_nm must be a multiple of grid_nm"),
        ("grid_nm = 5.0", "grid_nm = 0.001", "grid_nm must be a multiple of 0.01"),
        ("max_width_nm = 250.0", "max_width_nm = 65.0", "max_width_nm must be at least"),
        ("tip_width_nm = 105.0", "tip_width_nm = 65.0", "tip_width_nm must be at least"),
        ("tip_to_tip_nm = 80.0", "tip_to_tip_nm = 60.0", "tip_to_tip_nm must lie"),
        ("pitch_nm = 140.0", "pitch_nm = 130.0", "pitch_nm must lie"),
        ("area_nm2 = 10500.0", "area_nm2 = 100.0", "area_nm2 must be at least"),
        ("[0.01, 0.65]", "[0.65, 0.01]", "density must rise"),
        ('"metal"', '"via"', "max_width_nm of a via"),
        ("space_nm", "spaec_nm", "unknown key"),
        ("= 65.0", "= nan", "space_nm"),
    ],
)
def test_wrong_rules_are_told(old, new, message, tmp_path):
    text = packaged_text("rules", "m1-45")
    assert old in text
    path = tmp_path / "own.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError, match=message):
        load_rules(path)


def test_unknown_rules_suggest_a_name():
    with pytest.raises(RecipeError, match="did you mean m1-45"):
        load_rules("m1-46")


def test_rules_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        METAL.width_nm = 1.0
    assert isinstance(METAL, DesignRules)
