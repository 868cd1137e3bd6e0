"""Full chips on a clear field: nothing drawn beyond the layout, which is open there."""

import numpy as np
import pytest
from scenes.chip import chip, job, run
from scenes.mask_fields import process_of
from scenes.shapes import box

from litho_dl.fullchip.plan import worker_context

GATES = [box(x, 0, x + 100, 700) for x in range(0, 1000, 200)]


@pytest.fixture(autouse=True)
def forgetful():
    worker_context.cache_clear()


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("kind", ["binary", "attenuated"])
def test_tiles_of_gates(tmp_path, kind, passes):
    """Their mask stays drawn shapes, prints all of them but for their ends, and nothing beside them."""
    made = run(job(chip(*GATES), process=process_of(kind, "clear"), passes=passes), tmp_path)
    scores = list(made.scores.values())
    assert made.tiles["solved"] > 1
    drawn = sum(score.target_nm2 for score in scores)
    assert drawn == 5 * 70_000
    assert sum(score.l2_nm2 for score in scores) < 0.35 * drawn
    assert sum(score.pvb_nm2 for score in scores) > 0
    assert 0.5 * drawn < made.mask.area_nm2 < 1.6 * drawn
    x0, y0, x1, y1 = made.mask.bbox_nm
    assert min(x0, y0) >= -300
    assert max(x1 - 900, y1 - 700) <= 300


def test_tiles_print_like_one_piece(tmp_path):
    """In tiles of two sizes, the same errors at every site; the mask is open around the chip."""
    found = []
    for number, core_nm in enumerate((512.0, 1024.0)):
        settings = {"process": process_of("attenuated", "clear"), "core_nm": core_nm}
        made = run(job(chip(*GATES), **settings), tmp_path / str(number))
        worker_context.cache_clear()
        scores = made.scores.values()
        sites = {(x, y): e for s in scores for (x, y), e in zip(s.sites_nm.tolist(), s.epe_nm.tolist(), strict=True)}
        found.append(sites)
    assert found[0].keys() == found[1].keys()
    differences = np.array([abs(found[0][site] - found[1][site]) for site in found[0]])
    assert np.nanmedian(differences) < 3.0
