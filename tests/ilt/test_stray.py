"""Assist features that would print are made smaller, and nothing else is."""

import numpy as np
import pytest
import shapely
import torch
from scenes.ilt import CLIPS, FIELD, SIMPLE, changed, small_simulator, targets, with_levels
from scenes.shapes import box

from litho_dl.core.grid import Grid
from litho_dl.ilt.cleanup import Cleaned
from litho_dl.ilt.method import Rules
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.problem import NEARLY, LevelProblem, Surroundings
from litho_dl.ilt.solve import solve_targets
from litho_dl.ilt.stray import without_stray_prints
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import check_rules
from litho_dl.layout.shapes import to_polygons, to_shapes

RULES = Rules(min_width_nm=40, min_space_nm=40, min_area_nm2=2500)
WRITTEN_NM = 4.0
PAD = box(20, 20, 120, 120)  # beside the cross, whose arms are 96 nm from the border
DRAWN = [clip.placed.polygons for clip in CLIPS]


def problem(around: Surroundings | None = None) -> LevelProblem:
    level = changed(SIMPLE.levels[1])
    method = with_levels(level, rules=RULES, clean=True)
    return LevelProblem(
        small_simulator(), method, level, PARAMETERIZATIONS["pixel"](), targets(8.0), surroundings=around
    )


def cleaned(*added) -> Cleaned:
    """Both clips as drawn, the first with more shapes."""
    polygons = ((*DRAWN[0], *added), tuple(DRAWN[1]))
    grid = Grid.of_field(FIELD, WRITTEN_NM)
    coverage = [torch.from_numpy(rasterize(Layout("", each), grid)) for each in polygons]
    return Cleaned(torch.stack(coverage).double(), polygons)


def brightest(masks: Cleaned, inside: tuple[slice, slice]) -> float:
    """The largest intensity over the threshold in a part of the first clip, at any corner."""
    exposure = small_simulator()(masks.coverage, WRITTEN_NM)
    images = torch.stack([exposure.aerial(name)[0] for name in ("nominal", "outer", "inner")])
    return float(images[(slice(None), *inside)].amax() / exposure.resist.threshold)


LOW, HIGH = slice(0, 35), slice(93, 128)  # 140 nm at either end
INNOCENT = box(420, 30, 472, 82)  # prints nothing; as far right as the pad is up


def test_a_pad_that_prints_is_shrunk_until_it_does_not():
    pad = box(20, 392, 120, 492)
    before = cleaned(INNOCENT, pad)
    assert brightest(before, (HIGH, LOW)) > 1
    assert brightest(before, (LOW, HIGH)) < 1 - NEARLY
    (places, none) = problem().stray_places_nm(before.coverage, WRITTEN_NM)
    assert len(none) == 0
    assert len(places) == 1
    assert (np.abs(places - (70, 442)) < 50).all()
    after = without_stray_prints(before, problem(), DRAWN, RULES.mask_rules(), WRITTEN_NM)
    assert brightest(after, (HIGH, LOW)) < 1 - NEARLY / 2
    assert torch.equal(after.coverage[1], before.coverage[1])
    assert check_rules(after.polygons[0], RULES.mask_rules()).total == 0
    *others, shrunk = after.polygons[0]
    assert 40 <= np.sqrt(to_shapes([shrunk])[0].area) < 98
    assert shapely.equals(*(shapely.union_all(to_shapes(each)) for each in (others, [*DRAWN[0], INNOCENT])))
    grid = Grid.of_field(FIELD, WRITTEN_NM)
    np.testing.assert_allclose(after.coverage[0], rasterize(Layout("", after.polygons[0]), grid))


def test_one_part_is_left_of_a_shape_that_comes_apart():
    """A neck of 42 nm goes when the shape has shrunk by 2 nm on each side; its ends are closer than the least space."""
    neck = shapely.union_all(
        [shapely.box(8, 380, 88, 500), shapely.box(80, 420, 130, 462), shapely.box(120, 400, 180, 500)]
    )
    before = cleaned(*to_polygons(np.array([neck])))
    after = without_stray_prints(before, problem(), DRAWN, RULES.mask_rules(), WRITTEN_NM)
    assert len(after.polygons[0]) <= len(before.polygons[0])
    assert check_rules(after.polygons[0], RULES.mask_rules()).total == check_rules(DRAWN[0], RULES.mask_rules()).total


def test_masks_without_stray_prints_are_as_they_were():
    before = cleaned(INNOCENT)
    after = without_stray_prints(before, problem(), DRAWN, RULES.mask_rules(), WRITTEN_NM)
    assert after.polygons == before.polygons
    assert torch.equal(after.coverage, before.coverage)


def test_what_other_shapes_print_stays():
    """A pad counts as drawn, as it belongs to a drawn shape or to what is fixed; the assist feature is far from it."""
    before = cleaned(INNOCENT, PAD)
    limits = RULES.mask_rules(), WRITTEN_NM
    drawn = without_stray_prints(before, problem(), [(*DRAWN[0], PAD), DRAWN[1]], *limits)
    assert torch.equal(drawn.coverage, before.coverage)
    free = torch.ones_like(targets(8.0), dtype=torch.bool)
    free[:, :15, :15] = False
    fixed = torch.zeros_like(targets(8.0))
    fixed[0, 2:15, 2:15] = 1
    tile = problem(Surroundings(fixed, free, uncounted_nm=0.0))
    (places, _) = tile.stray_places_nm(cleaned().coverage, WRITTEN_NM)  # the mask of the fixed part prints
    assert len(places) == 1
    beside = without_stray_prints(cleaned(INNOCENT, PAD), tile, DRAWN, *limits)
    assert torch.equal(beside.coverage, before.coverage)


def test_prints_beside_the_tile_do_not_count():
    whole = torch.ones_like(targets(8.0))
    around = Surroundings(0 * whole, whole > 0, uncounted_nm=144.0)
    (places, _) = problem(around).stray_places_nm(cleaned(PAD).coverage, WRITTEN_NM)
    assert len(places) == 0


@pytest.mark.parametrize("image_nm", [4.0, 8.0, 16.0])
def test_finished_masks_have_none(image_nm):
    """Whatever the pixels, a start mask with a pad that prints."""
    level = changed(SIMPLE.levels[1], learning_rate=1e-9, steps=1, image_pixel_nm=image_nm)
    method = with_levels(level, rules=RULES, clean=True)
    target_nm = min(8.0, image_nm)
    begin = targets(target_nm)
    n = round(8 / target_nm)
    begin[0, 3 * n : 15 * n, 3 * n : 15 * n] = 1
    solution = solve_targets(small_simulator(), targets(target_nm), target_nm, method, init=begin)
    masks = Cleaned(solution.mask.double(), ())
    exposure = small_simulator()(masks.coverage, solution.pixel_nm)
    assert float(exposure.aerial("outer")[0, :17, :17].amax()) < exposure.resist.threshold
    assert solution.mask[0, 3:15, 3:15].any()
