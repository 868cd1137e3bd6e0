"""Clips and masks as users give them: every way in, and nothing on another field."""

import numpy as np
import pytest
import torch
from scenes.ilt import CLIPS, SIMPLE, small_simulator

import litho_dl as ld
from litho_dl.core.errors import GridMismatchError, MaskError
from litho_dl.runs.masks import GivenMasks, as_clips, given_masks, masks_on_pixel


def test_a_generator_of_clips_is_read_once():
    solution = ld.solve(small_simulator(), (clip for clip in CLIPS), SIMPLE)
    assert solution.clips == tuple(CLIPS)


@pytest.mark.parametrize("clips", [[], "metal.glp", None, [CLIPS[0], "metal.glp"]])
def test_other_things_than_clips_are_refused(clips):
    with pytest.raises(MaskError, match=r"Expected (at least one|a) clip"):
        as_clips(clips)


@pytest.mark.parametrize(
    "use",
    [
        lambda simulator, masks: masks_on_pixel(simulator, masks),
        lambda simulator, masks: ld.check_mask_rules(simulator, masks),
        lambda simulator, masks: ld.process_window(simulator, masks, CLIPS[0]),
        lambda simulator, masks: ld.evaluate(simulator, masks, CLIPS[0]),
    ],
    ids=["masks_on_pixel", "check_mask_rules", "process_window", "evaluate"],
)
def test_masks_that_name_their_pixel_fill_the_field_too(use):
    """A smaller mask would lie in the field's corner, without a word."""
    simulator = small_simulator()
    side = round(simulator.field_nm[0] / 8)
    with pytest.raises(GridMismatchError, match=f"got a mask of {side - 8} x {side - 8} pixels"):
        use(simulator, GivenMasks(torch.zeros(1, side - 8, side - 8), 8.0))
    assert masks_on_pixel(simulator, GivenMasks(torch.zeros(1, side, side), 8.0)).pixel_nm == 8


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i2", "f2", ">f8", "g", "?"])
def test_every_type_of_numbers_is_taken(dtype):
    simulator = small_simulator()
    side = round(simulator.field_nm[0] / 8)
    values = np.zeros((side, side), dtype)
    values[: side // 2] = 1
    values.flags.writeable = False
    taken = given_masks(values, simulator).mask
    assert taken.sum().item() == side * (side // 2)
    unsigned = torch.from_numpy(values.astype("u2"))
    assert given_masks(unsigned, simulator).mask.double().sum().item() == side * (side // 2)
