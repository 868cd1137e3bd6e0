"""Assist features that would print are made smaller, and nothing else is."""

import numpy as np
import shapely
import torch
from scenes.ilt import CLIPS, FIELD, SIMPLE, changed, small_simulator, targets, with_levels
from scenes.shapes import box

from litho_dl.core.grid import Grid
from litho_dl.ilt.cleanup import Cleaned
from litho_dl.ilt.method import Rules
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.problem import NEARLY, LevelProblem, Surroundings
from litho_dl.ilt.stray import without_stray_prints
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import check_rules
from litho_dl.layout.shapes import to_shapes

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


CORNER = slice(0, 35), slice(0, 35)  # 140 nm


def test_a_pad_that_prints_is_shrunk_until_it_does_not():
    before = cleaned(PAD)
    assert brightest(before, CORNER) > 1
    (places, none) = problem().stray_places_nm(before.coverage, WRITTEN_NM)
    assert len(none) == 0
    assert len(places) == 1
    assert (np.abs(places - 70) < 50).all()
    after = without_stray_prints(before, problem(), DRAWN, RULES.mask_rules(), WRITTEN_NM)
    assert brightest(after, CORNER) < 1 - NEARLY / 2
    assert torch.equal(after.coverage[1], before.coverage[1])
    assert check_rules(after.polygons[0], RULES.mask_rules()).total == 0
    shrunk, drawn = after.polygons[0][-1], after.polygons[0][:-1]
    assert 40 <= np.sqrt(to_shapes([shrunk])[0].area) < 98
    assert shapely.equals(*(shapely.union_all(to_shapes(each)) for each in (drawn, DRAWN[0])))
    grid = Grid.of_field(FIELD, WRITTEN_NM)
    np.testing.assert_allclose(after.coverage[0], rasterize(Layout("", after.polygons[0]), grid))


def test_masks_without_stray_prints_are_as_they_were():
    before = cleaned(box(20, 20, 64, 64))
    after = without_stray_prints(before, problem(), DRAWN, RULES.mask_rules(), WRITTEN_NM)
    assert after.polygons == before.polygons
    assert torch.equal(after.coverage, before.coverage)


def test_what_drawn_shapes_print_stays():
    """A pad that is drawn in the mask, but not in the target, and touches what is drawn, is no assist feature."""
    drawn = [(*DRAWN[0], PAD), DRAWN[1]]
    before = cleaned(PAD)
    after = without_stray_prints(before, problem(), drawn, RULES.mask_rules(), WRITTEN_NM)
    assert torch.equal(after.coverage, before.coverage)


def test_prints_beside_the_tile_do_not_count():
    whole = torch.ones_like(targets(8.0))
    around = Surroundings(0 * whole, whole > 0, uncounted_nm=144.0)
    (places, _) = problem(around).stray_places_nm(cleaned(PAD).coverage, WRITTEN_NM)
    assert len(places) == 0
