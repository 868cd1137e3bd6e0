"""Published-data regressions: slow, and only with the contest's data."""

import pytest
import torch

from litho_dl.clips import load_clip
from litho_dl.ilt.method import load_method
from litho_dl.optimize import default_protocol, scored, solve_clips
from litho_dl.process.files import load_process


@pytest.mark.data
@pytest.mark.slow
def test_multilevel_on_the_contest_clips(data_dir):
    """Means over the ten ICCAD 2013 clips, contest kernels, exact raster (curvyILT: 27,449 / 40,918 / 1.9)."""
    process = load_process(data_dir / "iccad13")
    clips = [load_clip(path, process.field_nm) for path in sorted((data_dir / "iccad13" / "layouts").glob("*.glp"))]
    solution = solve_clips(clips, process, load_method("multilevel"), torch.device("cpu"))
    cards = [
        optimized.evaluation.scorecard for optimized in scored(clips, solution, process, default_protocol(process))
    ]
    assert len(cards) == 10
    assert sum(card.l2_nm2 for card in cards) / 10 <= 25_500
    assert sum(card.pvb_nm2 for card in cards) / 10 <= 37_500
    assert sum(card.epe_violations for card in cards) / 10 <= 2.0
