"""Shapes that a spot writes, corrected: line ends that print where they are drawn, and nothing beside them."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

import litho_dl as ld
from litho_dl.core.grid import Grid
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

FIELD_NM = 4096.0


@pytest.mark.parametrize("method", ["fast", "opc"])
def test_line_ends_are_corrected(method):
    box = np.array([(0, 0), (1000, 0), (1000, 2400), (0, 2400)], dtype=float)
    clip = place(Layout("line", (Polygon(box),)), Grid.of_field((FIELD_NM, FIELD_NM), 4.0), "line")
    simulator = ld.Simulator("uv405-spot", field_nm=FIELD_NM)
    drawn = ld.evaluate(simulator, clip.coverage(16.0)[None], [clip])[0]
    solution = ld.solve(simulator, [clip], method)
    corrected = ld.evaluate(simulator, solution, [clip])[0]
    assert corrected.epe_violations == 0 < drawn.epe_violations
    assert corrected.multibeam_ms is None, "there is no mask to write"
    assert corrected.l2_nm2 < 0.5 * drawn.l2_nm2
    assert corrected.edges.epe_max_nm < 0.3 * drawn.edges.epe_max_nm
    mask = solution.mask[0].numpy()
    beside = distance_transform_edt(clip.coverage(solution.pixel_nm).numpy() < 0.5) * solution.pixel_nm
    assert mask[beside > 700].sum() == 0, "incoherent light has no use for assist features"
