"""Mask rules of pixel masks."""

import numpy as np
import pytest
from scenes.pixel_images import drawn
from scipy.ndimage import gaussian_filter

from litho_dl.layout.rules import MaskRules
from litho_dl.metrics.mrc import block_size, mask_violations


@pytest.mark.parametrize(
    ("boxes", "broken"),
    [
        ([(100, 100, 200, 120)], {"width": 0, "space": 0, "area": 0}),
        ([(100, 100, 200, 118)], {"width": 1, "space": 0, "area": 0}),
        ([(100, 100, 118, 118)], {"width": 1, "space": 0, "area": 1}),
        ([(100, 100, 150, 200), (168, 100, 220, 200)], {"width": 0, "space": 1, "area": 0}),
        ([(100, 100, 150, 200), (170, 100, 220, 200)], {"width": 0, "space": 0, "area": 0}),
        ([(100, 100, 124, 140), (200, 100, 225, 140)], {"width": 0, "space": 0, "area": 1}),
    ],
)
def test_mask_rules(boxes, broken):
    assert mask_violations(drawn(*boxes), 1.0, MaskRules(20.0, 20.0, 980.0)).counts == {**broken, "radius": 0}


def test_block_size():
    blocks = np.random.default_rng(0).random((12, 12)) > 0.5
    assert block_size(blocks) == 1
    assert block_size(np.kron(blocks, np.ones((6, 6), bool))) == 6
    assert block_size(drawn((8, 12, 40, 24))) == 4
    assert block_size(drawn((8, 12, 40, 23))) == 1
    assert block_size(drawn()) == block_size(~drawn()) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_mask_of_blocks_breaks_the_same_rules_on_any_pixel(seed):
    """Curved shapes of 4 nm blocks; without flattening the staircases, the fine drawing would mark their corners."""
    coarse = gaussian_filter(np.random.default_rng(seed).normal(size=(100, 100)), 4) > 0.02
    fine = np.kron(coarse, np.ones((4, 4), dtype=bool))
    rules = MaskRules(24.0, 24.0, 1500.0)
    own, at_1_nm = mask_violations(coarse, 4.0, rules), mask_violations(fine, 1.0, rules)
    assert own.total > 0
    for name in ("width", "space", "area"):
        np.testing.assert_array_equal(getattr(own, name), getattr(at_1_nm, name))
