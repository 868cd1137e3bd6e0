"""Generated clips: clean by an independent check, the same on every machine, no two of one pattern."""

from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from scenes.shapes import box
from scipy import ndimage

from litho_dl.core.errors import LayoutError
from litho_dl.core.grid import Grid
from litho_dl.layout.design_rules import DesignRules, check_design, load_rules
from litho_dl.layout.generate import FAMILIES, generate, unique_clips
from litho_dl.layout.generate.sketch import Sketch, Steps
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash
from litho_dl.layout.raster import rasterize

EXTENT = 1280.0
PAIRS = [
    (family, f"{'m1' if settings.layer == 'metal' else 'via'}-{number}")
    for family, settings in FAMILIES.items()
    for number in (45, 32, 28)
] + [("pads", "m1-32-dense")]
every_pair = pytest.mark.parametrize(("family", "rules_name"), PAIRS)


def edge_boxes(loops: tuple[np.ndarray, ...]) -> np.ndarray:
    """The edges of loops as boxes without thickness, (n, 4)."""
    ends = np.concatenate([np.hstack([loop, np.roll(loop, -1, axis=0)]) for loop in loops])
    return np.hstack([np.minimum(ends[:, :2], ends[:, 2:]), np.maximum(ends[:, :2], ends[:, 2:])])


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances of boxes (m, 4) and (n, 4)."""
    gap = np.maximum(a[:, None, :2] - b[None, :, 2:], b[None, :, :2] - a[:, None, 2:])
    return np.hypot(*np.maximum(gap, 0).T)


def short_gaps(covered: np.ndarray, limit: int) -> np.ndarray:
    """Uncovered pixels in rows between two polygons fewer than `limit` pixels apart."""
    found = np.zeros_like(covered)
    for row, marks in zip(covered, found, strict=True):
        places = np.flatnonzero(row)
        for left, right in pairwise(places.tolist()):
            if 1 < right - left <= limit:
                marks[left + 1 : right] = True
    return found


def broken_rules(layout: Layout, rules: DesignRules) -> set[str]:
    """A brute-force check on the raster of grid steps and on the list of edges, without klayout's checks."""
    broken = set()
    loops = [loop for polygon in layout.polygons for loop in polygon.loops]
    if any((np.abs(loop / rules.grid_nm - np.rint(loop / rules.grid_nm)) > 1e-9).any() for loop in loops):
        broken.add("grid")
    for n, one in enumerate(layout.polygons):
        for other in layout.polygons[n + 1 :]:
            if distances(edge_boxes(one.loops), edge_boxes(other.loops)).min() < rules.space_nm - 1e-6:
                broken.add("space")
    covered = rasterize(layout, Grid.of_field((EXTENT, EXTENT), rules.grid_nm)) > 0.5
    width, most = round(rules.width_nm / rules.grid_nm), round(rules.max_width_nm / rules.grid_nm) + 1
    framed = np.pad(covered, width)
    if (ndimage.grey_opening(framed.view(np.uint8), size=(width, width)) != framed).any():
        broken.add("width")
    if ndimage.minimum_filter(covered.view(np.uint8), size=(most, most), mode="constant").any():
        broken.add("max_width")
    labels, count = ndimage.label(covered)
    if count != len(layout.polygons):
        broken.add("count")
    areas = np.bincount(labels.ravel())[1:] * rules.grid_nm**2
    if areas.min() < rules.area_nm2:
        broken.add("area")
    if not rules.density[0] <= covered.mean() <= rules.density[1]:
        broken.add("density")
    for image in (covered, covered.T):
        if short_gaps(image, round(rules.space_nm / rules.grid_nm)).any():
            broken.add("notch")
        runs, _ = ndimage.label(short_gaps(image, round((rules.pitch_nm - rules.width_nm) / rules.grid_nm)))
        heights = [part[0].stop - part[0].start for part in ndimage.find_objects(runs)]
        if max(heights, default=0) * rules.grid_nm > rules.tip_width_nm:
            broken.add("pitch")
    return broken


@every_pair
def test_clips_are_clean(family, rules_name):
    rules = load_rules(rules_name)
    for seed in range(12):
        layout = generate(family, rules, seed, EXTENT)
        assert layout.polygons
        assert not any(check_design(layout, rules, EXTENT).values()), seed
        if seed < 4:
            assert not broken_rules(layout, rules), seed


def test_the_brute_force_check_sees_what_is_broken():
    """A clip held against rules that are a little stricter than those it was drawn for."""
    rules = load_rules("m1-45")
    clips = [generate("metal", rules, seed, EXTENT) for seed in range(8)]
    stricter = {"width_nm": 75.0, "space_nm": 75.0, "area_nm2": 30_000.0, "max_width_nm": 60.0, "density": (0.9, 1.0)}
    broken = set().union(*(broken_rules(clip, rules.model_copy(update=stricter)) for clip in clips))
    assert broken >= {"width", "space", "area", "max_width", "density", "notch"}
    assert "pitch" in set().union(*(broken_rules(clip, rules.model_copy(update={"pitch_nm": 160.0})) for clip in clips))


FROZEN = {
    "metal": ["1a5a49297828", "aa862b9f6b48", "c5e3d0168a40"],
    "via": ["9a075a3a6c87", "15ecb42ac983", "84d869165799"],
    "cell": ["75d93ce839b2", "94e7a7161713", "db6a4fb149c1"],
    "structures": ["791fee0feac8", "4df5aa013528", "e3c50c10c31a"],
    "pads": ["9de3f9930e31", "114d2aba7dab", "cc776163d1d0"],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_gives_the_same_clip_for_ever(family):
    """Seeds stand in for clips in tables and data sets; whoever changes what they give has to know it."""
    rules = load_rules("m1-45" if FAMILIES[family].layer == "metal" else "via-45")
    layouts = [generate(family, rules, seed, EXTENT) for seed in (0, 1, 2**63)]
    assert [pattern_hash(layout)[:12] for layout in layouts] == FROZEN[family]
    again = generate(family, rules, 1, EXTENT)
    assert [polygon.hull.tolist() for polygon in again.polygons] == [
        polygon.hull.tolist() for polygon in layouts[1].polygons
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_style_is_reached_and_draws(family, monkeypatch):
    drawn = Counter()

    def counted(name, style):
        def draw(sketch: Sketch) -> None:
            style(sketch)
            drawn[name] += len(sketch.boxes) > 0

        return draw

    styles = {name: counted(name, style) for name, style in FAMILIES[family].styles.items()}
    monkeypatch.setitem(FAMILIES, family, replace(FAMILIES[family], styles=styles))
    rules = load_rules("m1-45" if FAMILIES[family].layer == "metal" else "via-45")
    for seed in range(80):
        generate(family, rules, seed, EXTENT)
    assert set(drawn) == set(styles)
    assert sum(drawn.values()) < 90, "more than a tenth of the drawings is discarded"


@pytest.mark.parametrize("family", FAMILIES)
def test_lists_hold_no_pattern_twice_and_begin_alike(family):
    rules = load_rules("m1-45" if FAMILIES[family].layer == "metal" else "via-45")
    clips = list(unique_clips(family, rules, 5, 25, EXTENT))
    assert [clip.index for clip in clips] == list(range(25))
    assert len({clip.pattern_hash for clip in clips}) == len({clip.seed for clip in clips}) == 25
    for clip in clips[:3]:
        assert (
            clip.pattern_hash == pattern_hash(clip.layout) == pattern_hash(generate(family, rules, clip.seed, EXTENT))
        )
    shorter = unique_clips(family, rules, 5, 3, EXTENT)
    assert [clip.seed for clip in shorter] == [clip.seed for clip in clips[:3]]
    other = unique_clips(family, rules, 6, 3, EXTENT)
    assert not {clip.seed for clip in other} & {clip.seed for clip in clips}


def test_known_patterns_are_drawn_again():
    rules = load_rules("m1-45")
    first, second = unique_clips("metal", rules, 5, 2, EXTENT)
    known = {first.pattern_hash}
    replaced, same = unique_clips("metal", rules, 5, 2, EXTENT, known=known)
    assert (first.attempt, replaced.attempt) == (0, 1)
    assert replaced.pattern_hash not in {first.pattern_hash, second.pattern_hash}
    assert same.seed == second.seed
    assert known == {first.pattern_hash}


def test_an_exhausted_family_says_so():
    """Up to two vias on six by six places: few patterns."""
    coarse = {"grid_nm": 70.0, "pitch_nm": 140.0, "space_nm": 70.0, "tip_to_tip_nm": 70.0, "density": (0.01, 0.06)}
    rules = load_rules("via-45").model_copy(update=coarse)
    with pytest.raises(LayoutError, match=r"Expected 60 different clips of via, got .* known patterns"):
        list(unique_clips("via", rules, 1, 60, 420.0))


@pytest.mark.parametrize(
    ("family", "rules_name", "seed", "extent_nm", "message"),
    [
        ("poly", "m1-45", 0, 1280.0, "No family of clips named 'poly'; known: metal, via"),
        ("metal", "via-45", 0, 1280.0, "rules of a metal layer"),
        ("via", "m1-45", 0, 1280.0, "rules of a via layer"),
        ("metal", "m1-45", -1, 1280.0, "seed of zero or more"),
        ("metal", "m1-45", 0, 300.0, "extent of at least 420 nm"),
        ("metal", "m1-45", 0, float("nan"), "positive extent"),
        ("cell", "m1-45", 0, 700.0, "smaller than a row of cells"),
    ],
)
def test_what_cannot_be_drawn_is_told(family, rules_name, seed, extent_nm, message):
    with pytest.raises(LayoutError, match=message):
        generate(family, load_rules(rules_name), seed, extent_nm)
    with pytest.raises(LayoutError, match=message):
        list(unique_clips(family, load_rules(rules_name), seed, 1, extent_nm))


def test_rules_that_cannot_be_met_are_told():
    strict = load_rules("via-45").model_copy(update={"density": (0.9, 1.0)})
    with pytest.raises(LayoutError, match=r"in 50 draws .*density"):
        generate("via", strict, 0, 1280.0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("extent_nm", [500.0, 997.0, 2500.0])
def test_other_extents(family, extent_nm):
    rules = load_rules("m1-28" if FAMILIES[family].layer == "metal" else "via-28")
    if family == "cell" and extent_nm == 500:
        pytest.skip("no row of cells fits")
    for seed in range(5):
        assert not any(check_design(generate(family, rules, seed, extent_nm), rules, extent_nm).values())


def test_a_sketch_takes_only_what_keeps_its_distance():
    """At each limit, and with random boxes: what a sketch accepts passes the rules' own check."""
    rules = load_rules("m1-45")
    sketch = Sketch(Steps.of(rules), 200, (1,))
    wire = (20, 20, 34, 80)
    assert sketch.add([wire])
    assert not sketch.add([(47, 20, 61, 80)])  # 65 beside a long run
    assert sketch.add([(48, 20, 62, 80)])
    assert not sketch.add([(20, 95, 34, 130)])  # 75 between tips
    assert sketch.add([(20, 96, 34, 130)])
    assert not sketch.add([(100, 0, 114, 10)])  # too small
    assert not sketch.add([(190, 0, 204, 60)])  # outside
    assert not sketch.add([wire])
    assert sketch.area == 14 * (60 + 60 + 34)

    tight, wide = ([(100, 100, 114, 150), (114, 100, x, 114), (x, 100, x + 14, 150)] for x in (127, 128))
    assert not sketch.add(tight)  # a notch of 65 between long arms
    assert sketch.add(wide)
    assert sketch.add([(160, 100, 174, 130), (160, 130, 195, 144), (181, 144, 195, 180)])  # a Z has no notch

    crowded = Sketch(Steps.of(rules), 400, (2,))
    for _ in range(3000):
        width, height = crowded.integer(14, 50), crowded.integer(14, 120)
        x, y = crowded.integer(0, 400), crowded.integer(0, 400)
        crowded.add([(x, y, x + width, y + height)])
    assert len(crowded.boxes) > 30
    layout = Layout("crowded", tuple(box(*map(float, corners * 5)) for corners in crowded.boxes))
    assert not any(check_design(layout, rules, 2000.0).values())


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("family", "rules_name"), PAIRS[::3])
def test_ten_thousand_clips_of_each_family(family, rules_name):
    rules, seen = load_rules(rules_name), set()
    for clip in islice(unique_clips(family, rules, 1, 10_000, EXTENT), 10_000):
        assert clip.layout.polygons
        assert not any(check_design(clip.layout, rules, EXTENT).values()), clip.seed
        assert pattern_hash(clip.layout) not in seen, clip.seed
        seen.add(clip.pattern_hash)
    assert len(seen) == 10_000
