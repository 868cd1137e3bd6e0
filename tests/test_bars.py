"""Published-data regressions: slow, and only with the contest's data."""

from statistics import fmean

import pytest
import torch

from litho_dl.ilt.method import load_method
from litho_dl.layout.clips import load_clip
from litho_dl.process.files import load_process
from litho_dl.runs.optimize import scored, solve_clips
from litho_dl.scoring.protocol import default_protocol

# Means over the ten clips: L2, PVB, their sum, EPE violations, shots, mask rule violations.
BARS = {
    "multilevel": (25_500, 37_500, 63_000, 2.0, None, None),
    "fast": (None, None, 64_000, 2.0, None, None),
    "quality": (22_500, 37_500, 59_500, 1.5, None, None),
    "curvilinear": (None, None, 62_500, 2.0, None, 0),
    "opc": (None, None, 85_000, 3.5, 150, None),
}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("preset", BARS)
def test_presets_on_the_contest_clips(data_dir, preset):
    """Contest kernels, exact raster; the best published pair on this scoring is curvyILT's 27,449 / 40,918 / 1.9."""
    process = load_process(data_dir / "iccad13")
    clips = [load_clip(path, process) for path in sorted((data_dir / "iccad13" / "layouts").glob("*.glp"))]
    solution = solve_clips(clips, process, load_method(preset), torch.device("cpu"))
    cards = [
        optimized.evaluation.scorecard for optimized in scored(clips, solution, process, default_protocol(process))
    ]
    assert len(cards) == 10
    l2, pvb = fmean(card.l2_nm2 for card in cards), fmean(card.pvb_nm2 for card in cards)
    measured = (
        l2,
        pvb,
        l2 + pvb,
        fmean(card.epe_violations for card in cards),
        fmean(card.shots for card in cards),
        fmean(sum(card.mrc_violations.values()) for card in cards),
    )
    for value, bar in zip(measured, BARS[preset], strict=True):
        assert bar is None or value <= bar
