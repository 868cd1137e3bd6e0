"""Losses and scores of mask generators."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scenes.generators import Given, Openness, pairs, recipe, task
from scenes.ilt import small_simulator

from litho_dl.core.errors import MaskError
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import make_generator
from litho_dl.generators.prints import objective_inputs
from litho_dl.generators.recipe import MASK_TERMS
from litho_dl.generators.terms import LITHO_TERMS
from litho_dl.models.registry import DISCRIMINATORS

PRINTED = ("litho_l2", "litho_pvb", "litho_l2_area", "litho_pvb_area")


def spread(value: float) -> torch.Tensor:
    """Logits (2, 1, 32, 32) that are +-value where the targets are and are not."""
    return torch.where(pairs()[0] >= 128, value, -value)


class TestPixelTerms:
    @pytest.mark.parametrize(("name", "worst"), [("bce", 100.0), ("l1", 1.0), ("l2", 1.0)])
    def test_a_perfect_mask_costs_nothing_and_its_opposite_everything(self, name, worst):
        """A term that compared the mask with itself, or with the target, would not."""
        mask = torch.zeros_like(pairs()[1])
        mask[0] = 255  # without edges, which the smoothing of logits moves
        logits = torch.where(mask == 255, 100.0, -100.0)
        for sign, expected in ((1, 0.0), (-1, worst)):
            made = task(Given(sign * logits), {name: 3.0}, pixel_nm=8.0)
            loss, found = made.loss("generator", (pairs()[0], mask))
            assert found[name].item() == pytest.approx(expected, abs=1e-6)
            assert loss.item() == pytest.approx(3 * expected, abs=1e-5)
            sums = made.validate((torch.zeros_like(mask), mask))
            assert sums["pixel"].item() == 2 * expected / worst

    def test_grey_logits_by_hand(self):
        """A third of 1 bit: sigmoid 2/3 everywhere against masks that cover a share c."""
        _, mask = pairs()
        share = float((mask == 255).float().mean())
        logits = torch.full((2, 1, 32, 32), math.log(2))
        _, found = task(Given(logits), {"bce": 1.0, "l1": 1.0, "l2": 1.0}).loss("generator", pairs())
        assert found["bce"].item() == pytest.approx(-share * math.log(2 / 3) - (1 - share) * math.log(1 / 3))
        assert found["l1"].item() == pytest.approx(share / 3 + (1 - share) * 2 / 3)
        assert found["l2"].item() == pytest.approx(share / 9 + (1 - share) * 4 / 9)


def gross_of(target: torch.Tensor, printed: torch.Tensor) -> float:
    """The loss `litho_gross` of a nominal print, in nm^2."""
    exposure = SimpleNamespace(print={"nominal": printed}.__getitem__)
    inputs = objective_inputs(exposure, target, target, recipe({"litho_gross": 1.0}), steepness=None)
    return LITHO_TERMS["litho_gross"](inputs).item()


def prints_by_hand(mask: torch.Tensor, steepness: float) -> dict[str, np.ndarray]:
    """Sigmoid prints (2, 32, 32) at 16 nm of masks (2, 64, 64) at 8 nm."""
    exposure = small_simulator()(mask, 8.0, out_pixel_nm=16.0)
    threshold = exposure.resist.threshold
    return {
        corner: 1 / (1 + np.exp(-steepness * (exposure.aerial(corner).detach().numpy() - threshold)))
        for corner in ("nominal", "outer", "inner")
    }


class TestLithoTerms:
    @pytest.mark.parametrize(("sharpness", "steepness"), [(1.0, None), (3.0, 120.0)])
    def test_terms_are_those_of_the_simulator(self, sharpness, steepness):
        logits, targets = torch.randn(2, 1, 32, 32), pairs()[0].numpy()[:, 0] / 255
        stage = {"mask_sharpness": (sharpness,) * 2}
        stage |= {} if steepness is None else {"resist_steepness": (steepness,) * 2}
        weights = {name: 1.0 + index for index, name in enumerate(PRINTED)}
        loss, found = task(Given(logits), weights, **stage).loss("generator", pairs())
        mask = torch.sigmoid(sharpness * mask_logits(Given(logits), logits, 2))
        prints = prints_by_hand(mask, steepness or small_simulator().process.resist.steepness)
        wrong, band = prints["nominal"] - targets, prints["outer"] - prints["inner"]
        expected = dict(zip(PRINTED, ((wrong**2), (band**2), abs(wrong), abs(band)), strict=True))
        for name, values in expected.items():
            assert found[name].item() == pytest.approx(values.mean(), rel=1e-4), name
        assert loss.item() == pytest.approx(
            sum(weights[name] * values.mean() for name, values in expected.items()), rel=1e-4
        )

    @pytest.mark.parametrize("left", [12, 30], ids=["inside", "over the border"])
    @pytest.mark.parametrize(("moved", "expected"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3)])
    def test_gross_errors_are_those_beyond_a_pixel(self, moved, expected, left):
        """A line 8 pixels wide and 10 long, printed further to the right; its ends are where they should be."""
        target = torch.zeros(1, 32, 32)
        target[:, 11:21, 12:20] = 1.0
        target = target.roll(left - 12, -1)
        rows = 10  # missing on the left, but not at the ends, and added on the right
        assert gross_of(target, target.roll(moved, -1)) == 16.0**2 * expected * ((rows - 2) + rows)

    def test_pixels_that_an_edge_cuts_are_its_own(self):
        target = torch.zeros(1, 32, 32)
        target[:, :, 12:20] = 1.0
        target[:, :, 12] = 0.25
        assert gross_of(target, 0 * target) == 16.0**2 * 32 * 5  # of eight columns, without 12, 13 and 19

    def test_validation_is_of_what_would_be_written(self):
        """Faint logits print as the binary mask does, and areas are in nm^2; against the targets, not the masks."""
        logits, (targets, masks) = 1e-3 * torch.randn(2, 1, 32, 32), pairs()
        masks[..., :8, :] = 100  # less than half open
        made = task(Given(logits), {"bce": 1.0}, pvb_weight=0.25)
        sums = made.validate((targets, masks))
        binary = (mask_logits(Given(logits), logits, 2) > 0).float()
        exposure = small_simulator()(binary, 8.0, out_pixel_nm=16.0)
        nominal, outer, inner = (exposure.aerial(c) >= exposure.resist.threshold for c in ("nominal", "outer", "inner"))
        l2 = 256 * int((nominal != (targets[:, 0] > 127)).sum())
        pvb = 256 * int((outer != inner).sum())
        wrong = ((binary > 0) != (masks[:, 0] > 127)).float().mean((1, 2)).sum().item()
        expected = {"count": 2, "l2_nm2": l2, "pvb_nm2": pvb, "pixel": wrong}
        expected |= {"l2_pvb_nm2": l2 + pvb, "weighted_nm2": l2 + 0.25 * pvb}
        assert {name: value.item() for name, value in sums.items()} == pytest.approx(expected)
        assert l2 > 0
        assert made.selected_by == "weighted_nm2"
        assert not made.larger_is_better

    def test_pictures_are_of_what_would_be_written(self):
        logits = torch.randn(2, 1, 32, 32)
        found = task(Given(logits), {"bce": 1.0}).pictures(pairs())
        mask = (mask_logits(Given(logits), logits, 2) > 0).float()
        exposure = small_simulator()(mask, 8.0, out_pixel_nm=16.0)
        assert torch.equal(found["mask"], mask)
        assert torch.equal(found["target"], pairs()[0][:, 0] / 255)
        assert torch.equal(found["print"], exposure.binary_print("nominal").float())
        band = exposure.binary_print("outer").float() - exposure.binary_print("inner").float()
        assert torch.equal(found["band"], band)
        assert 0 < band.mean() < 1

    def test_reduced_precision_stops_before_the_simulator(self):
        network, batch = make_generator("fcn_mask_small").eval(), pairs()
        made = task(network, {"litho_l2": 1.0})
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = made.loss("generator", batch)
            made.validate(batch)
        assert loss.item() == pytest.approx(made.loss("generator", batch)[0].item(), rel=0.05)

    def test_masks_of_three_values_are_refused(self):
        process = small_simulator().process
        odd = replace(process, mask=process.mask.model_copy(update={"type": "alternating"}))
        made = task(Given(spread(1.0)), {"bce": 1.0})
        simulator = type(small_simulator())(odd)
        with pytest.raises(MaskError, match="three values"):
            type(made)(made.networks, recipe({"bce": 1.0}), recipe({"bce": 1.0}).stages[0], [simulator], {})


class TestAdversary:
    def test_the_discriminator_sees_true_masks_then_made_ones(self):
        """Logits 4 m - 2 of masks that cover a share m: sparse true masks look fake, and open ones, made, look real."""
        batch, judge = pairs(), Openness(4.0)
        batch[1][..., ::2, :] = 0  # of every pixel of the target a half, at most
        made = task(Given(torch.full((2, 1, 32, 32), 50.0)), {"adversarial": 1.0}, judge)
        assert made.turns == ("discriminator", "generator")
        loss, found = made.loss("discriminator", batch)
        real = [4 * float((mask == 255).float().mean()) - 2 for mask in batch[1]]
        expected = (sum(math.log(1 + math.exp(-score)) for score in real) / 2 + math.log(1 + math.exp(2))) / 2
        assert loss.item() == pytest.approx(expected)
        assert (found["accuracy_real"].item(), found["accuracy_fake"].item()) == (0.0, 0.0)
        loss, found = made.loss("generator", batch)
        assert loss.item() == found["adversarial"].item() == pytest.approx(math.log(1 + math.exp(-2)))
        sums = made.validate(batch)
        assert (sums["accuracy_real"].item(), sums["accuracy_fake"].item()) == (0.0, 0.0)

    def test_it_learns_to_say_fake(self):
        torch.manual_seed(0)
        judge = DISCRIMINATORS["damo_discriminator_small"]()
        made = task(Given(spread(1.0)), {"adversarial": 1.0}, judge)
        optimizer = torch.optim.Adam(judge.parameters(), 2e-3)
        for _ in range(20):
            loss, found = made.loss("discriminator", pairs())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert found["accuracy_fake"].item() > 0.9
        assert found["accuracy_real"].item() > 0.9


@pytest.mark.parametrize("name", MASK_TERMS)
def test_every_term_teaches_the_generator(name):
    """A step down any term's gradient lowers it, and leaves the discriminator without a gradient."""
    torch.manual_seed(0)
    judge = Openness()
    judge.scale.requires_grad = False
    given = Given(0.3 * torch.randn(2, 1, 32, 32))
    made = task(given, {name: 1.0}, judge if name == "adversarial" else None)
    before, _ = made.loss("generator", pairs())
    before.backward()
    gradient = given.logits.grad
    assert torch.isfinite(gradient).all()
    assert gradient.norm() > 0
    with torch.no_grad():
        given.logits -= 1e-2 * gradient / gradient.norm()
    assert made.loss("generator", pairs())[0] < before
    assert judge.scale.grad is None
