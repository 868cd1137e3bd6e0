"""Masks of another program: those that are plainly turned are refused."""

from unittest import mock

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.comparison.candidates import GivenCandidate
from litho_dl.comparison.suite import Suite
from litho_dl.core.errors import MaskError
from litho_dl.core.grid import Grid
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.scoring.protocol import PROTOCOLS

TEE = Layout("tee", (box(0, 0, 360, 90), box(135, 90, 225, 350)))


@pytest.mark.parametrize(("rows", "refused"), [(15, False), (40, True)])
def test_a_mask_that_is_only_a_little_better_upside_down_is_kept(tmp_path, rows, refused):
    """The T's bounding box without its first rows: 15 of them are 10% of the T, or 2% upside down; 40 26% or 6%."""
    clip = place(TEE, Grid((512, 512), 1.0), "tee")
    mask = np.zeros((512, 512))
    mask[81 + rows : 81 + 350, 76 : 76 + 360] = 1
    np.save(tmp_path / "tee.npy", mask)
    suite = Suite("one", "kernels", mock.Mock(), [clip], PROTOCOLS["default"])
    if refused:
        with pytest.raises(MaskError, match="covers 74% of it, and 94% upside down; write it with the first row"):
            GivenCandidate("mine", tmp_path).make(suite)
    else:
        assert GivenCandidate("mine", tmp_path).make(suite).masks["tee"].mask.sum() == mask.sum()
