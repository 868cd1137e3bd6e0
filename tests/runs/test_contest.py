"""Presets on the contest's clips against the published table, results/iccad13.csv: slow, and only with the data."""

import csv
from pathlib import Path
from statistics import fmean

import pytest

import litho_dl as ld
from litho_dl.layout.rules import MaskRules, check_curves
from litho_dl.runs.optimize import score_masks
from litho_dl.scoring.protocol import PROTOCOLS

TABLE = Path(__file__).resolve().parents[2] / "results" / "iccad13.csv"
TOLERANCE = 0.03
MORE_VIOLATIONS = 1.0  # EPE, mean per clip
PRESETS = ("curvilinear", "fast", "levelset", "mosaic", "multilevel", "opc", "placement", "quality")


def published(preset: str) -> dict[str, float]:
    """Means of a preset's rows over the ten clips, exact raster."""
    with open(TABLE, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == preset and row["raster"] == "exact"]
    assert len(rows) == 10
    return {name: fmean(float(row[name]) for row in rows) for name in ("l2_nm2", "pvb_nm2", "epe_violations", "shots")}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_keeps_its_published_scores(data_dir, preset):
    """The best published pair on this scoring is curvyILT's 27,449 / 40,918 / 1.9."""
    simulator = ld.Simulator(data_dir / "iccad13")
    clips = [ld.load_clip(path, simulator) for path in sorted((data_dir / "iccad13" / "layouts").glob("*.glp"))]
    cards = ld.evaluate(simulator, ld.solve(simulator, clips, preset), clips)
    expected = published(preset)
    found = {name: fmean(getattr(card, name) for card in cards) for name in expected}
    ratios = {name: found[name] / expected[name] for name in ("l2_nm2", "pvb_nm2")}
    assert all(abs(ratio - 1) <= TOLERANCE for ratio in ratios.values()), ratios
    assert found["epe_violations"] <= expected["epe_violations"] + MORE_VIOLATIONS
    if preset == "curvilinear":
        assert all(sum(card.mrc_violations.values()) == 0 for card in cards)
    if preset == "opc":
        assert found["shots"] == pytest.approx(expected["shots"], rel=TOLERANCE)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "most_nm2"), [(MaskRules(20, 20, 1000, 10), 60_000), (MaskRules(40, 40, 3000, 15), 64_000)], ids=str
)
def test_written_curves_keep_all_rules(data_dir, limits, most_nm2):
    """Width, space, area and radius, everywhere, by the curves themselves."""
    simulator = ld.Simulator(data_dir / "iccad13")
    clips = [ld.load_clip(path, simulator) for path in sorted((data_dir / "iccad13" / "layouts").glob("*.glp"))]
    method = ld.load_method("curvilinear").keeping(limits)
    masks = score_masks(simulator, clips, ld.solve(simulator, clips, method), PROTOCOLS["iccad13"])
    cards = []
    for scored in masks:
        cards.append(scored.evaluation.scorecard)
        assert check_curves(scored.curves.outlines, limits).total == 0, scored.clip
    assert fmean(card.l2_nm2 + card.pvb_nm2 for card in cards) <= most_nm2
