"""Amplitudes of masks, and the rule of what prints."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from litho_dl.optics.mask import MaskType
from litho_dl.optics.print_rule import PrintRule

T = 0.09
AMPLITUDES = {
    ("binary", "dark"): (0.0, 1.0),
    ("binary", "clear"): (1.0, 0.0),
    ("attenuated", "dark"): (-0.3, 1.0),
    ("attenuated", "clear"): (1.0, -0.3),
    ("alternating", "dark"): (0.0, 1.0),
}


class TestMaskType:
    @pytest.mark.parametrize(("kind", "field"), AMPLITUDES)
    def test_amplitudes_run_straight_from_nothing_drawn_to_all(self, kind, field):
        beside, inside = AMPLITUDES[kind, field]
        mask = torch.linspace(0, 1, 5, dtype=torch.float64)
        made = MaskType(type=kind, transmission=T, field=field).amplitude(mask)
        torch.testing.assert_close(made, beside + (inside - beside) * mask, rtol=0, atol=1e-15)

    @pytest.mark.parametrize("kind", ["binary", "attenuated"])
    def test_a_clear_field_is_the_dark_field_of_the_complement(self, kind):
        mask = torch.rand(7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        dark, clear = (MaskType(type=kind, transmission=T, field=field) for field in ("dark", "clear"))
        torch.testing.assert_close(clear.amplitude(mask), dark.amplitude(1 - mask), rtol=0, atol=1e-15)
        assert torch.autograd.gradcheck(clear.amplitude, (mask.requires_grad_(),))

    def test_alternating_masks_have_no_clear_field(self):
        with pytest.raises(ValidationError, match="no meaning for an alternating mask"):
            MaskType(type="alternating", field="clear")

    def test_defaults_are_written_as_before_there_were_the_keys(self):
        assert MaskType(type="attenuated").model_dump() == {"type": "attenuated", "transmission": 0.06}
        clear = MaskType(field="clear")
        assert clear.model_dump(mode="json") == {"type": "binary", "transmission": 0.06, "field": "clear"}
        assert MaskType.model_validate(clear.model_dump()) == clear
        assert MaskType(blur_nm=8.0).model_dump() == {"type": "binary", "transmission": 0.06, "blur_nm": 8.0}

    def test_words(self):
        assert str(MaskType(type="attenuated")) == "attenuated mask"
        assert str(MaskType(type="attenuated", field="clear")) == "attenuated clear-field mask"


class TestPrintRule:
    @pytest.mark.parametrize("kind", [np.array, torch.tensor])
    def test_sides_of_the_threshold(self, kind):
        image = kind([0.1, 0.25, 0.4])
        dark, clear = PrintRule(0.25), PrintRule(0.25, "clear")
        assert dark.printed(image).tolist() == [False, True, True]
        assert clear.printed(image).tolist() == [True, False, False]
        assert dark.printed(image, 0.5).tolist() == [False, False, False]
        assert clear.printed(image, 4.0).tolist() == [False, False, False]
        assert clear.excess(image).tolist() == (-dark.excess(image)).tolist()
        assert (clear.excess(image) > 0).tolist() == clear.printed(image).tolist()

    def test_larger_prints(self):
        assert PrintRule(0.25).prints_more(1.1, 1.0)
        assert PrintRule(0.25, "clear").prints_more(0.9, 1.0)
        assert not PrintRule(0.25, "clear").prints_more(1.0, 1.0)
