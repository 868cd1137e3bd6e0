"""One mask and one score of a chip: as `evaluate` scores a field, and the same however it is tiled."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes.chip import FEW, WIRES, chip, job
from scenes.ilt import changed, with_levels
from scenes.shapes import box

from litho_dl.core.grid import Grid
from litho_dl.fullchip.chip_score import Sites, chip_score, chip_sites, hot_spots, seam_distance, seam_table
from litho_dl.fullchip.mask import read_mask, write_mask
from litho_dl.fullchip.run import ChipRun, run_fullchip
from litho_dl.fullchip.score import TileScore
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.layout.clips import Clip
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import MaskRules
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

PIXEL_NM = 8.0
BARS = chip(box(0, 0, 1536, 120), box(0, 256, 700, 340), box(768, 240, 1536, 512), box(120, 400, 220, 512))


def run(folder: Path, layer=BARS, **changes) -> ChipRun:
    return run_fullchip(job(layer, **changes), folder / "run", folder / "mask.oas")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large")


@pytest.fixture(scope="module")
def tilings(folders) -> tuple[ChipRun, ChipRun]:
    """The bars on 2 x 4 tiles of 512 nm and on 1 x 2 of 1024 nm, over the same area."""
    longer = with_levels(changed(FEW.levels[0], steps=20), objective=FEW.objective)
    small, large = run(folders[0], method=longer), run(folders[1], method=longer, core_nm=1024.0)
    assert (small.plan.tiling.shape, large.plan.tiling.shape) == ((2, 4), (1, 2))
    return small, large


def epe_of(made: ChipRun) -> Sites:
    return chip_sites(made.scores.values(), made.plan.tiling)


def drawn(mask: Layout, tiling: Tiling, tile: Tile) -> np.ndarray:
    """The mask's pixels in a tile's core."""
    core = tiling.core(tile)
    grid = Grid.of_field((tiling.core_nm, tiling.core_nm), PIXEL_NM)
    return rasterize(mask.clipped(core).translated(-core[0], -core[1]), grid) >= 0.5


class TestStitch:
    def test_the_mask_is_that_of_the_tiles_put_together(self, tilings, folders):
        """Polygon by polygon, as if the pixels had never been apart."""
        tiling = tilings[0].plan.tiling
        rows = [[Tile(row, column) for column in range(4)] for row in range(2)]
        parts = [[read_mask(folders[0] / "run", tile, 1, tilings[0].plan) for tile in row] for row in rows]
        assert {pixel_nm for row in parts for _, pixel_nm in row} == {PIXEL_NM}
        pixels = np.block([[part for part, _ in row] for row in parts])
        together = Layout("mask", pixel_polygons(pixels, PIXEL_NM)).translated(*tiling.area_nm[:2]).merged()
        stitched = tilings[0].mask
        assert sorted(map(outline, stitched.polygons)) == sorted(map(outline, together.polygons))
        assert len(stitched.polygons) < sum(len(pixel_polygons(part, PIXEL_NM)) for row in parts for part, _ in row)

    def test_a_wire_across_the_seams_is_one_polygon(self, tilings):
        spans = [Layout("one", (polygon,)).bbox_nm for polygon in tilings[0].mask.polygons]
        assert len([1 for x0, _, x1, _ in spans if x0 < 50 and x1 > 1486]) == 1


def outline(polygon) -> list:
    return [sorted(map(tuple, loop.tolist())) for loop in polygon.loops]


class TestScore:
    def test_a_tile_is_scored_as_a_field(self, tmp_path):
        """By `evaluate`, whose sites, rules and images are found in other ways."""
        layer = chip(*WIRES, box(900, 924, 1024, 1024))  # fills the core with its margin
        made = run(tmp_path, layer, core_nm=1536.0)
        ((tile, score),) = made.scores.items()
        tiling = made.plan.tiling
        window = tiling.window(tile)
        solved = read_mask(tmp_path / "run", tile, 1, made.plan)
        assert solved is not None
        pixels = np.pad(solved[0], round(tiling.halo_nm / PIXEL_NM))
        simulator = Simulator(job(layer).process.on_field(tiling.field_nm))
        target = Clip("all", layer.clipped(window), (0.0, 0.0), tiling.field_nm).placed
        card = evaluate_mask(torch.from_numpy(pixels), PIXEL_NM, target, simulator, PROTOCOLS["default"]).scorecard
        whole = chip_score([score], tiling)
        # In single precision, a pixel at the threshold may print in one of the two and not in the other.
        assert (whole.l2_nm2, whole.pvb_nm2) == pytest.approx((card.l2_nm2, card.pvb_nm2), abs=2)
        for name in ("epe_sites", "epe_violations", "epe_violations_3nm", "stray_prints"):
            assert getattr(whole, name) == getattr(card, name)
        assert card.edges is not None
        assert whole.epe_mean_nm == pytest.approx(card.edges.epe_mean_nm, abs=1e-4)
        assert whole.epe_3sigma_nm == pytest.approx(card.edges.epe_3sigma_nm, abs=1e-4)
        assert whole.epe_max_nm == pytest.approx(card.edges.epe_max_nm, abs=1e-3)
        assert whole.epe_lost == card.edges.epe_lost
        assert card.mrc_violations is not None
        assert whole.mrc_violations == {rule: card.mrc_violations[rule] for rule in whole.mrc_violations}
        assert whole.target_nm2 == target.area_nm2
        assert (whole.seam_epe_nm, whole.interior_epe_nm) == (None, None)
        assert whole.area_nm2 == 1536**2

    def test_the_score_of_a_mask_does_not_depend_on_the_tiles(self, tilings, folders, tmp_path):
        """The large tiles are given the small ones' mask."""
        small = tilings[0]
        folder = tmp_path / "run"
        large = run(tmp_path, core_nm=1024.0)
        for tile in large.plan.tiling.tiles:
            core = torch.from_numpy(drawn(small.mask, large.plan.tiling, tile))
            write_mask(folder, tile, 1, core, PIXEL_NM, large.plan.digest)
        for path in (folder / "tiles").glob("score_*"):
            path.unlink()
        again = run(tmp_path, core_nm=1024.0)
        assert again.mask.area_nm2 == small.mask.area_nm2
        a, b = (chip_score(list(made.scores.values()), made.plan.tiling) for made in (small, again))
        assert (a.area_nm2, a.target_nm2, a.epe_sites) == (b.area_nm2, b.target_nm2, b.epe_sites)
        assert a.l2_nm2 == pytest.approx(b.l2_nm2, rel=2e-3)
        assert a.pvb_nm2 == pytest.approx(b.pvb_nm2, rel=2e-3)
        assert (a.epe_violations, a.epe_lost, a.mrc_violations) == (b.epe_violations, b.epe_lost, b.mrc_violations)
        np.testing.assert_array_equal(epe_of(small).xy_nm, epe_of(again).xy_nm)
        np.testing.assert_allclose(epe_of(small).epe_nm, epe_of(again).epe_nm, atol=0.1)

    def test_tiles_print_as_one_field(self, tilings):
        """Each solved by itself, with its own mask: what is printed is the same to a fraction of a mask's pixel."""
        small, large = map(epe_of, tilings)
        np.testing.assert_array_equal(small.xy_nm, large.xy_nm)
        off = np.abs(small.epe_nm - large.epe_nm)
        assert np.median(off) < 1
        a, b = (chip_score(list(made.scores.values()), made.plan.tiling) for made in tilings)
        assert a.l2_nm2 == pytest.approx(b.l2_nm2, rel=0.1)
        kept = Layout("target", BARS.whole((0, 0, 1536, 512)))
        assert tilings[0].mask.area_nm2 != pytest.approx(kept.area_nm2, rel=0.01), "masks do not stay as they begin"

    def test_a_stray_print_on_a_seam_counts_once(self, tmp_path):
        """Large openings away from wires, across seams of either direction and in a core; a small one prints not."""
        layer = chip(*WIRES)
        made = run(tmp_path, layer, core_nm=512.0)
        tiling, folder = made.plan.tiling, tmp_path / "run"
        openings = [box(184, 952, 344, 1112), box(960, 688, 1120, 848), box(-200, -200, -56, -56)]
        mask = Layout("mask", (*WIRES, *openings, box(-200, 600, -176, 624)))
        for tile in tiling.tiles:
            write_mask(folder, tile, 1, torch.from_numpy(drawn(mask, tiling, tile)), PIXEL_NM, made.plan.digest)
        for path in (folder / "tiles").glob("score_*"):
            path.unlink()
        again = run(tmp_path, layer, core_nm=512.0)
        assert chip_score(list(again.scores.values()), tiling).stray_prints == 3
        places = np.concatenate([score.strays_nm for score in again.scores.values()])
        for opening in openings:
            assert ((places > opening.hull.min(0) - 8) & (places < opening.hull.max(0))).all(1).sum() == 1

    def test_rules_are_checked_across_seams(self, tmp_path):
        """A gap of 16 nm on a seam, and a speck in the middle of a core, each counted once."""
        made = run(tmp_path, core_nm=512.0)
        tiling, folder = made.plan.tiling, tmp_path / "run"
        blank = np.zeros((64, 64), dtype=bool)
        left, right, speck = blank.copy(), blank.copy(), blank.copy()
        left[20:40, 40:63], right[20:40, 1:30], speck[30:32, 30:32] = True, True, True
        cores = {Tile(0, 0): left, Tile(0, 1): right, Tile(1, 2): speck}
        for tile in tiling.tiles:
            write_mask(folder, tile, 1, torch.from_numpy(cores.get(tile, blank)), PIXEL_NM, made.plan.digest)
        for path in (folder / "tiles").glob("score_*"):
            path.unlink()
        again = run(tmp_path, core_nm=512.0)
        found = chip_score(list(again.scores.values()), tiling)
        assert found.mrc_violations == {"width": 1, "space": 1, "area": 1}
        assert found.mrc_at_seams == {"width": 0, "space": 1, "area": 0}
        (gap,) = np.concatenate([score.rule_places_nm["space"] for score in again.scores.values()])
        np.testing.assert_allclose((gap[0] + gap[2]) / 2, 256, atol=4)
        assert -96 - 8 <= gap[1] < gap[3] <= 64 + 8
        assert found.epe_lost > 0

    @pytest.mark.parametrize(
        ("rules", "counts"),
        [
            (MaskRules(0.0, 0.0, 0.0), {"width": 0, "space": 0, "area": 0}),
            (MaskRules(17.0, 0.0, 0.0), {"width": 1, "space": 0, "area": 0}),
            (MaskRules(15.0, 17.0, 257.0), {"width": 0, "space": 1, "area": 1}),
            (MaskRules(0.0, 0.0, 0.0, 9.0), {"width": 0, "space": 0, "area": 0, "radius": 1}),
        ],
    )
    def test_the_rules_that_were_asked_for_are_counted(self, tmp_path, rules, counts):
        """The gap of 16 nm on a seam, and the speck of 16 x 16 nm in a core; the speck is a tight bend."""
        made = run(tmp_path, core_nm=512.0, rules=rules)
        blank = np.zeros((64, 64), dtype=bool)
        left, right, speck = blank.copy(), blank.copy(), blank.copy()
        left[20:40, 40:63], right[20:40, 1:30], speck[30:32, 30:32] = True, True, True
        cores = {Tile(0, 0): left, Tile(0, 1): right, Tile(1, 2): speck}
        for tile in made.plan.tiling.tiles:
            mask = torch.from_numpy(cores.get(tile, blank))
            write_mask(tmp_path / "run", tile, 1, mask, PIXEL_NM, made.plan.digest)
        for path in (tmp_path / "run" / "tiles").glob("score_*"):
            path.unlink()
        again = run(tmp_path, core_nm=512.0, rules=rules)
        found = chip_score(list(again.scores.values()), made.plan.tiling).mrc_violations
        assert {rule: found[rule] for rule in counts if rule != "radius"} == {
            rule: count for rule, count in counts.items() if rule != "radius"
        }
        assert ("radius" in found) == ("radius" in counts)
        assert found.get("radius", 0) >= counts.get("radius", 0)


TILING = Tiling((0.0, 0.0, 1536.0, 1024.0), (0.0, 0.0, 1536.0, 1024.0), 512.0, 256.0)
NONE = {rule: np.zeros((0, 4)) for rule in ("width", "space", "area")}


def tile_score(xy: list, epe: list, violated: list, violated_3nm: list, strays: int = 0) -> TileScore:
    counts = (np.array(violated, dtype=int), np.array(violated_3nm, dtype=int))
    return TileScore(10.0, 4.0, 100.0, np.array(xy, dtype=float), np.array(epe), *counts, np.zeros((strays, 2)), NONE)


class TestSummary:
    def test_seam_distance(self):
        """Seams are at x = 512 and 1024 and at y = 512; the area's border is none."""
        points = np.array([(500, 5), (0, 5), (1530, 5), (760, 512), (700, 500), (1024, 900)], dtype=float)
        np.testing.assert_allclose(seam_distance(points, TILING), [12, 507, 506, 0, 12, 0])
        moved = replace(TILING, area_nm=(-100.0, 0.0, 1436.0, 1024.0))
        np.testing.assert_allclose(seam_distance(points[:1], moved), [88])
        assert np.isinf(seam_distance(points, Tiling((0.0, 0.0, 9.0, 9.0), (0.0, 0.0, 9.0, 9.0), 512.0, 256.0))).all()

    def test_totals(self):
        scores = [
            tile_score([(500, 5), (200, 100)], [3.0, -1.0], [0, 0], [1, 0], 1),
            tile_score([(530, 40), (800, 30)], [np.nan, -5.0], [2, 1], [2, 1], 2),
        ]
        found = chip_score(scores, TILING)
        assert (found.l2_nm2, found.pvb_nm2, found.target_nm2) == (20, 8, 200)
        assert (found.epe_sites, found.epe_violations, found.epe_violations_3nm, found.epe_lost) == (4, 3, 4, 1)
        assert found.stray_prints == 3
        assert found.epe_mean_nm == pytest.approx(-1)
        assert found.epe_mean_abs_nm == pytest.approx(3)
        assert found.epe_3sigma_nm == pytest.approx(3 * np.std([3, -1, -5]))
        assert found.epe_max_nm == 5
        assert (found.seam_epe_nm, found.interior_epe_nm) == (3, 1)
        sites = chip_sites(scores, TILING)
        assert sites.xy_nm.tolist() == [[500, 5], [800, 30], [530, 40], [200, 100]]
        assert sites.violated.tolist() == [0, 1, 2, 0]
        rows = seam_table(sites)
        assert [(row.from_nm, row.to_nm, row.sites, row.violations, row.lost) for row in rows] == [
            (0, 32, 2, 2, 1),
            (32, 64, 0, 0, 0),
            (64, 128, 0, 0, 0),
            (128, 256, 1, 1, 0),
            (256, 512, 1, 0, 0),
            (512, None, 0, 0, 0),
        ]
        assert [row.mean_nm for row in rows] == [3, None, None, -5, -1, None]
        assert [row.mean_abs_nm for row in rows] == [3, None, None, 5, 1, None]

    def test_nothing_printed_and_no_seams(self):
        one = replace(TILING, wanted_nm=(0.0, 0.0, 9.0, 9.0), area_nm=(0.0, 0.0, 9.0, 9.0))
        found = chip_score([tile_score([(1, 2)], [np.nan], [1], [1])], one)
        figures = (found.epe_mean_nm, found.epe_mean_abs_nm, found.epe_3sigma_nm, found.epe_max_nm)
        assert figures == (None, None, None, None)
        assert (found.seam_epe_nm, found.interior_epe_nm, found.epe_lost) == (None, None, 1)
        assert seam_table(chip_sites([tile_score([(1, 2)], [np.nan], [1], [1])], one)) == []

    def test_hot_spots_are_the_worst_and_apart(self):
        xy = np.array([(0, 0), (99, 0), (100, 0), (199, 50), (400, 0), (0, 150), (0, 300)], dtype=float)
        epe = np.array([5.0, 9.0, -7.0, 0.5, np.nan, -2.0, 1.0])
        sites = Sites(xy, epe, np.zeros(7, dtype=int), np.full(7, np.inf))
        assert hot_spots(sites) == [4, 1, 5, 6, 3]
        assert hot_spots(sites, count=2) == [4, 1]
        assert hot_spots(Sites(xy[:0], epe[:0], epe[:0], epe[:0])) == []
