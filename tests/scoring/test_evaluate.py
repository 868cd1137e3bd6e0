"""Scorecards: masks with published scores, scenes whose score is known, and masks that cannot be scored."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.coarse_optics import coarse_recipe
from scenes.ilt import small_simulator
from scenes.shapes import box

from litho_dl.core.errors import GridMismatchError, LayoutError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.core.io import write_png
from litho_dl.layout.clips import Clip, load_clip, load_mask, load_mask_image, pixel_of, place
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import MaskRules
from litho_dl.layout.saved_mask import save_mask
from litho_dl.metrics.drawn_sites import drawn_widths_nm, field_edges
from litho_dl.metrics.edge import edge_placement, edge_profile
from litho_dl.metrics.epe import NEURALILT, OPENILT, find_sites
from litho_dl.process.files import import_contest
from litho_dl.process.model import build_process
from litho_dl.scoring.evaluate import Evaluation, evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.scoring.scorecard import EdgeScore
from litho_dl.simulation.simulator import Simulator

FIELD = (512.0, 512.0)
GRID = Grid.of_field(FIELD, 1.0)
DEFAULT = PROTOCOLS["default"]
GOLDEN_3NM = (69, 58, 99, 18, 54, 57, 13, 16, 83, 14)  # of the golden masks, raster exact; 48.1 a clip


def boxes(*corners: tuple[float, float, float, float], name: str = "clip") -> Layout:
    """Rectangles x0, y0, x1, y1 in nm."""
    return Layout(name, tuple(Polygon(np.array([(a, b), (c, b), (c, d), (a, d)])) for a, b, c, d in corners))


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    process = build_process(coarse_recipe("duv193-dry-annular"), field_nm=FIELD, count=8)
    return Simulator(process, dtype=torch.float64)


def score(mask: torch.Tensor, clip: Clip, simulator: Simulator, **options) -> Evaluation:
    return evaluate_mask(mask, FIELD[0] / mask.shape[0], clip.placed, simulator, DEFAULT, **options)


def figures(evaluation: Evaluation) -> dict[str, object]:
    """The scorecard without its time and name."""
    return {**evaluation.scorecard.as_dict(), "scoring_seconds": None, "clip": None}


@pytest.mark.data
@pytest.mark.parametrize("case", range(1, 11))
def test_golden_masks_keep_their_scores(data_dir, contest, case):
    """Source: the masks and scores of data_dir/golden, on which two independent evaluators agree to the pixel."""
    with open(data_dir / "golden/curvilt/expected.csv") as file:
        expected = {name: int(text) for name, text in list(csv.DictReader(file))[case - 1].items()}
    assert expected["case"] == case
    clip = load_clip(data_dir / f"iccad13/layouts/M1_test{case}.glp", contest.process)
    mask = load_mask_image(data_dir / f"golden/curvilt/masks/M1_test{case}.png", clip)
    for raster in ("exact", "inclusive"):
        found = evaluate_mask(mask, pixel_of(mask, clip), clip.placed, contest, PROTOCOLS["iccad13"], raster=raster)
        card = found.scorecard
        assert card.l2_nm2 == pytest.approx(expected[f"l2_{raster}"], abs=2)
        assert card.pvb_nm2 == pytest.approx(expected["pvb"], abs=2)
        assert card.epe_violations == expected[f"epe_openilt_{raster}"]
        if raster == "exact":
            assert card.epe_violations_3nm == GOLDEN_3NM[case - 1]
            assert card.epe_violations_neuralilt == expected["epe_neuralilt_exact"]
            assert len(find_sites(found.target, NEURALILT)) == expected["epe_checkpoints_neuralilt"]


@pytest.fixture(scope="module")
def contest(data_dir) -> Simulator:
    return Simulator(import_contest(data_dir / "iccad13"), dtype=torch.float64)


def test_masks_whose_score_is_known(simulator):
    """Nothing open prints nothing, everything open prints everything, at every corner."""
    clip = place(boxes((0, 0, 60, 300), (140, 0, 200, 300)), GRID, "lines")
    dark = score(torch.zeros(64, 64), clip, simulator).scorecard
    clear = score(torch.ones(64, 64), clip, simulator).scorecard
    assert dark.epe_sites == clear.epe_sites == 2 * (2 + 12)  # 300 nm: three from either end
    assert (dark.l2_nm2, clear.l2_nm2) == (36_000, 512**2 - 36_000)
    assert dark.epe_violations == clear.epe_violations == dark.epe_sites
    assert dark.epe_violations_3nm == clear.epe_violations_3nm == dark.epe_sites
    assert dark.epe_violations_neuralilt == clear.epe_violations_neuralilt == dark.epe_sites + 4  # and in the middle
    assert (dark.pvb_nm2, clear.pvb_nm2) == (0, 0)
    assert (dark.shots, clear.shots) == (0, 1)
    for card in (dark, clear):
        assert (card.edges.epe_mean_nm, card.edges.epe_lost) == (None, card.epe_sites)
        assert (card.protocol, card.raster, card.clip) == ("default/4", "exact", "lines")
        json.dumps(card.as_dict(), allow_nan=False)


def test_stray_prints_count_at_any_corner(simulator):
    """Far squares that print at the outer corner only, at every corner, and at none; each counts once."""
    clip = place(boxes((0, 0, 90, 160)), GRID, "bar")
    dose = simulator.process.corners["outer"].dose
    threshold = simulator.process.resist.threshold
    found = {side: opened(clip, side, simulator) for side in range(0, 112, 4)}
    least = min(side for side, score in found.items() if score.scorecard.stray_prints)
    assert [score.scorecard.stray_prints for score in found.values()] == [side >= least for side in found]
    faint, bright = (found[side].prints for side in (least, 108))
    assert least > 40
    assert [bool(faint[name][CORNER].any()) for name in ("outer", "nominal", "inner")] == [True, False, False]
    assert all(bright[name][CORNER].any() for name in ("outer", "nominal", "inner"))
    peak = found[least].aerial[CORNER].max()
    assert peak < threshold < dose * peak


CORNER = np.s_[:160, :160]


def opened(clip: Clip, side: int, simulator: Simulator) -> Evaluation:
    """The score of the drawn bar with a square in the lowest corner of the field."""
    mask = clip.coverage(4.0).clone()
    mask[10 : 10 + side // 4, 10 : 10 + side // 4] = 1
    return score(mask, clip, simulator)


def test_half_is_open_and_half_is_drawn(simulator):
    clip = place(boxes((0, 0, 60.5, 300)), GRID, "half")
    dark, half = (score(torch.full((64, 64), value), clip, simulator).scorecard for value in (0.4999, 0.5))
    assert dark.l2_nm2 == 61 * 300
    assert half.l2_nm2 == 512**2 - 61 * 300
    assert (dark.shots, half.shots) == (0, 1)


def test_the_figures_are_those_of_the_images(simulator):
    clip = place(boxes((0, 0, 120, 320), (200, 40, 330, 320)), GRID, "two")
    found = score(clip.coverage(8.0), clip, simulator)
    prints, card = found.prints, found.scorecard
    assert set(prints) == {"nominal", "outer", "inner"}
    assert card.l2_nm2 == (prints["nominal"] ^ found.target).sum() > 0
    assert card.pvb_nm2 == (prints["outer"] ^ prints["inner"]).sum() > 0
    assert prints["inner"].sum() < prints["nominal"].sum() < prints["outer"].sum()
    threshold = simulator.process.resist.threshold
    np.testing.assert_array_equal(found.aerial >= threshold, prints["nominal"])
    sites = find_sites(found.target, OPENILT)
    edges = field_edges(clip.placed.polygons)
    profile = edge_profile(found.aerial, sites, drawn_widths_nm(edges, sites, 1.0, (512, 512)), threshold, 1.0)
    assert card.edges.epe_lost == 0
    assert card.edges.epe_mean_nm == pytest.approx(profile.epe_nm.mean())
    assert card.edges.epe_3sigma_nm == pytest.approx(3 * profile.epe_nm.std())
    assert card.edges.epe_max_nm == pytest.approx(np.abs(profile.epe_nm).max())
    assert card.edges.ils_per_um == pytest.approx(profile.ils_per_um.mean())
    assert card.edges.nils == pytest.approx(profile.nils.mean())
    assert len(found.violations_nm) <= card.epe_violations
    drawn = rasterize(Layout("mask", found.outline), Grid.of_field(FIELD, 8.0))
    np.testing.assert_array_equal(drawn, clip.coverage(8.0) >= 0.5)


def test_the_protocols_pixel_scales_areas_and_edges(simulator):
    """At 2 nm the same mask scores nearly the same; a site stands where the rule, counted in pixels, puts it."""
    clip = place(boxes((0, 0, 120, 320), (200, 40, 330, 320)), GRID, "two")
    mask = clip.coverage(8.0)
    fine = evaluate_mask(mask, 8.0, clip.placed, simulator, DEFAULT)
    coarse = evaluate_mask(mask, 8.0, clip.placed, simulator, replace(DEFAULT, pixel_nm=2.0))
    assert coarse.pixel_nm == 2.0
    assert coarse.target.shape == (256, 256)
    assert coarse.scorecard.l2_nm2 == pytest.approx(fine.scorecard.l2_nm2, rel=0.02)
    assert coarse.scorecard.pvb_nm2 == pytest.approx(fine.scorecard.pvb_nm2, rel=0.05)


def test_a_symmetric_clip_has_symmetric_edges(simulator):
    """A cross looks the same mirrored and transposed, and so does its image, wherever it lies on the field."""
    clip = place(boxes((0, 140, 441, 301), (140, 0, 301, 441)), GRID, "cross")
    found = score(clip.coverage(1.0), clip, simulator)
    sites = find_sites(found.target, OPENILT)
    epe = edge_placement(found.aerial, sites, simulator.process.resist.threshold, 1.0)
    centre = np.argwhere(found.target).mean(0)
    keys = np.concatenate([sites.pixels - centre, sites.normals], axis=1)
    table = {tuple(key): value for key, value in zip(keys.tolist(), epe.tolist(), strict=True)}
    assert len(table) == len(sites) == 4 * 3 + 8 * 2
    for (row, column, dy, dx), value in table.items():
        assert table[row, -column, dy, -dx] == pytest.approx(value, abs=1e-9)
        assert table[column, row, dx, dy] == pytest.approx(value, abs=1e-9)
    assert np.ptp(epe) > 1


def test_the_score_does_not_depend_on_how_the_mask_is_kept(simulator, tmp_path):
    """The bool tensor in 8 nm pixels, its 1 nm PNG, its polygons and its float array are one mask."""
    clip = place(boxes((1000.0, -500.0, 1100.0, -180.0), (1180.0, -460.0, 1260.0, -180.0)), GRID, "moved")
    mask = clip.coverage(8.0) >= 0.5
    mask[10:14, 20:24] = True
    image, polygons, _, _ = save_mask(mask, 8.0, clip, tmp_path)
    np.save(tmp_path / "mask.npy", mask.numpy() * 0.6)
    expected = figures(score(mask, clip, simulator))
    edges = expected.pop("edges")
    for path in (image, polygons, tmp_path / "mask.npy"):
        values = load_mask(path, clip)
        found = figures(evaluate_mask(values, pixel_of(values, clip), clip.placed, simulator, DEFAULT))
        assert found.pop("edges") == pytest.approx(edges, rel=1e-9)
        assert found == expected, path.suffix


def test_the_inclusive_target_has_one_more_row_and_column(simulator):
    clip = place(boxes((0, 0, 80, 320)), GRID, "line")
    exact, inclusive = (score(torch.zeros(64, 64), clip, simulator, raster=r).scorecard for r in ("exact", "inclusive"))
    assert (exact.l2_nm2, inclusive.l2_nm2) == (80 * 320, 81 * 321)
    assert inclusive.raster == "inclusive"


def test_what_cannot_be_scored(simulator, tmp_path):
    clip = place(boxes((0, 0, 80, 320)), GRID, "line")
    mask = clip.coverage(1.0)
    with pytest.raises(MaskError, match="one mask"):
        evaluate_mask(mask[None], 1.0, clip.placed, simulator, DEFAULT)
    with pytest.raises(MaskError, match="NaN"):
        evaluate_mask(mask.clone().fill_(torch.nan), 1.0, clip.placed, simulator, DEFAULT)
    with pytest.raises(GridMismatchError, match="512 x 512"):
        evaluate_mask(mask[:500], 1.0, clip.placed, simulator, DEFAULT)
    with pytest.raises(GridMismatchError, match="512 x 512"):
        evaluate_mask(mask, 2.0, clip.placed, simulator, DEFAULT)
    with pytest.raises(GridMismatchError, match="the protocol default"):
        evaluate_mask(mask, 1.0, clip.placed, simulator, PROTOCOLS["iccad13"])
    with pytest.raises(LayoutError, match="centre"):
        evaluate_mask(mask, 1.0, clip.placed.translated(300, 0), simulator, DEFAULT)
    for nothing in (Layout("none", ()), boxes((0, 0, 0.4, 300))):
        with pytest.raises(LayoutError, match="covers none"):
            evaluate_mask(mask, 1.0, nothing, simulator, DEFAULT)
    write_png(tmp_path / "wide.png", np.zeros((256, 512), dtype=np.uint8))
    with pytest.raises(GridMismatchError, match=r"wide\.png"):
        load_mask(tmp_path / "wide.png", clip)


@pytest.mark.parametrize("open_mask", [True, False])
@pytest.mark.filterwarnings("error")
def test_a_target_that_fills_the_field_scores_without_edges(open_mask):
    """A clear mask prints all of it, a dark one nothing; there is no edge whose slope could be averaged."""
    simulator = small_simulator()
    side = simulator.field_nm[0]
    mask = torch.full((64, 64), float(open_mask), dtype=simulator.dtype)
    whole = Layout("whole", (box(0, 0, side, side),))
    card = evaluate_mask(mask, side / 64, whole, simulator, PROTOCOLS["default"]).scorecard
    assert card.l2_nm2 == (0 if open_mask else side**2)
    assert (card.pvb_nm2, card.epe_sites, card.epe_violations) == (0, 0, 0)
    assert card.edges == EdgeScore(None, None, None, 0, None, None)
    assert "NILS" not in str(card)


@pytest.mark.filterwarnings("error")
def test_an_empty_print_loses_every_edge():
    simulator = small_simulator()
    square = Layout("square", (box(200, 200, 320, 320),))
    card = evaluate_mask(
        torch.zeros(64, 64, dtype=simulator.dtype), 8.0, square, simulator, PROTOCOLS["default"]
    ).scorecard
    assert (card.l2_nm2, card.pvb_nm2) == (120 * 120, 0)
    assert card.edges.epe_lost == card.epe_sites == card.epe_violations > 0
    assert card.edges.epe_mean_nm is None


def ellipse(a: float, b: float) -> Layout:
    """An ellipse in the middle of the field, a vertex every nm or less, rounded to 0.1 nm."""
    turn = np.linspace(0, 2 * np.pi, round(2 * np.pi * a), endpoint=False)
    points = np.stack([a * np.cos(turn), b * np.sin(turn)], 1) + FIELD[0] / 2
    return Layout("ellipse", (Polygon(np.round(points, 1)),))


@pytest.mark.parametrize(("limit", "places"), [(0.0, 0), (20.0, 0), (28.0, 2)])
def test_a_radius_is_counted_on_curves_as_they_are_drawn(simulator, limit, places):
    """The tips of 100 x 50 nm have a radius of 25 nm; vertices are the curve's own."""
    drawn = ellipse(100.0, 50.0)
    coverage = torch.from_numpy(rasterize(drawn, GRID))
    rules = MaskRules(20.0, 20.0, 1000.0, limit)
    card = evaluate_mask(coverage, 1.0, drawn, simulator, DEFAULT.counting(rules), drawn=drawn).scorecard
    assert card.mrc_violations == {"width": 0, "space": 0, "area": 0, "radius": places}
    assert card.vertices == len(drawn.merged().polygons[0].hull) < len(drawn.polygons[0].hull)  # none on straight edges
    pixels = evaluate_mask(coverage, 1.0, drawn, simulator, DEFAULT).scorecard
    (outline,) = pixel_polygons(coverage.numpy() >= 0.5, 1.0)
    assert pixels.vertices == len(outline.hull)
    assert card.multibeam_ms == pixels.multibeam_ms == pytest.approx(512**2 * 16e-12 / (104 * 132) * 12 * 3600e3)


def test_corners_of_a_straight_mask_count_by_its_pixels(simulator):
    """As polygons or as pixels: four corners of a box, four vertices."""
    drawn = boxes((161, 160, 320, 243))
    rules = DEFAULT.counting(MaskRules(20.0, 20.0, 1000.0, 20.0))
    cards = [
        evaluate_mask(torch.from_numpy(rasterize(drawn, GRID)), 1.0, drawn, simulator, rules, drawn=given).scorecard
        for given in (None, drawn)
    ]
    assert cards[0].mrc_violations == cards[1].mrc_violations == {"width": 0, "space": 0, "area": 0, "radius": 4}
    assert cards[0].vertices == cards[1].vertices == 4
    assert cards[0].shots == 1
