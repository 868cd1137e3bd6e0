"""Repairs of what breaks mask rules."""

import pytest
import torch
from torch import Tensor

from litho_dl.ilt.cleanup import clean
from litho_dl.ilt.morphology import opened
from litho_dl.layout.rules import MaskRules
from litho_dl.metrics.mrc import mask_violations

RULES = MaskRules(min_width_nm=20, min_space_nm=20, min_area_nm2=1600)
PIXEL_NM = 4.0


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def block(*boxes: tuple[int, int, int, int]) -> Tensor:
    """A bool mask of 64 x 64 pixels with boxes (row, row, column, column) filled, corners rounded by the width."""
    image = torch.zeros(64, 64, dtype=torch.float64)
    for top, bottom, left, right in boxes:
        image[top:bottom, left:right] = 1
    return image >= 0.5


def rounded(mask: Tensor) -> Tensor:
    return opened(mask[None].double(), 5)[0] >= 0.5


def violations(mask: Tensor) -> int:
    return mask_violations(mask.numpy(), PIXEL_NM, RULES).total


class Spy:
    """A cost that likes one mask: the pixels that differ from it; keeps what it is asked."""

    def __init__(self, wanted: Tensor) -> None:
        self.wanted = wanted
        self.asked: list[tuple[Tensor, int]] = []

    def __call__(self, masks: Tensor, index: int) -> Tensor:
        self.asked.append((masks, index))
        return (masks ^ self.wanted).sum((-2, -1))


class TestClean:
    """Pads of 12 pixels on 4 nm pixels, width and space 20 nm, area 1600 nm^2."""

    pads = block((10, 22, 10, 22), (10, 22, 40, 52), (40, 52, 10, 22))

    def one(self, mask: Tensor, cost: Spy) -> Tensor:
        return clean(mask[None], PIXEL_NM, RULES, cost)[0]

    def test_a_mask_that_discs_can_draw_comes_back_unchanged(self):
        """That is what opening and closing keep; the cost is not asked."""
        mask, spy = rounded(self.pads), Spy(self.pads)
        assert violations(mask) == 0
        assert torch.equal(self.one(mask, spy), mask)
        assert not spy.asked

    def test_a_mask_without_violations_loses_no_more_than_corners(self):
        spy = Spy(self.pads)
        assert torch.equal(self.one(self.pads, spy), rounded(self.pads))
        assert (rounded(self.pads) ^ self.pads).sum() == 3 * 4
        assert not spy.asked

    @pytest.mark.parametrize(
        "fault",
        [
            lambda m: m | block((15, 17, 22, 40)),  # a thin bridge
            lambda m: m | block((22, 38, 14, 17)),  # a thin neck, and a narrow gap of 2 pixels behind it
            lambda m: m | block((12, 22, 24, 36)),  # a narrow gap of 2 pixels to one pad
            lambda m: m | block((44, 46, 44, 46)),  # a speck
            lambda m: m | block((40, 46, 40, 46), (50, 53, 56, 62)),  # two dots, one below the area alone
            lambda m: m & ~block((14, 17, 14, 17)),  # a pinhole
            lambda m: m & ~block((15, 17, 10, 18)),  # a notch
        ],
    )
    def test_faults_are_repaired(self, fault):
        mask = fault(self.pads)
        assert violations(mask) > 0
        repaired = self.one(mask, Spy(self.pads))
        assert violations(repaired) == 0
        assert (repaired ^ self.pads).sum() < 200

    def test_the_cheaper_of_two_repairs_is_done(self):
        """A dot of 5 x 9 pixels, below the area and wide enough: grown if that is what prints, else removed."""
        dot = rounded(block((44, 49, 38, 47)))
        rules = MaskRules(min_width_nm=20, min_space_nm=20, min_area_nm2=1000)
        mask = rounded(self.pads) | dot
        assert mask_violations(mask.numpy(), PIXEL_NM, rules).counts["area"] == 1
        larger = rounded(self.pads) | block((42, 51, 36, 49))
        for wanted in (larger, rounded(self.pads)):
            spy = Spy(wanted)
            repaired = clean(mask[None], PIXEL_NM, rules, spy)[0]
            assert mask_violations(repaired.numpy(), PIXEL_NM, rules).total == 0
            assert repaired[42:51, 36:49].any() == wanted[42:51, 36:49].any()
            asked, index = spy.asked[0]
            assert index == 0
            assert asked.dtype == torch.bool
            assert len(asked) > 1
            assert torch.equal(asked[int(spy(asked, 0).argmin())], repaired)

    def test_rules_come_before_the_cost(self):
        """Where the cost likes the fault best, it is repaired all the same, in as few rounds as any."""
        dot = rounded(block((44, 49, 38, 47)))
        rules = MaskRules(min_width_nm=20, min_space_nm=20, min_area_nm2=1000)
        mask = rounded(self.pads) | dot
        spy = Spy(mask)
        repaired = clean(mask[None], PIXEL_NM, rules, spy)[0]
        assert mask_violations(repaired.numpy(), PIXEL_NM, rules).total == 0
        assert len(spy.asked) == 1
        left = [mask_violations(found.numpy(), PIXEL_NM, rules).total for found in spy.asked[0][0]]
        assert left == [0] * len(left)

    def test_each_clip_is_repaired_by_its_own_cost(self):
        """And gives what it gives alone."""
        dot = rounded(block((44, 49, 38, 47)))
        rules = MaskRules(min_width_nm=20, min_space_nm=20, min_area_nm2=1000)
        masks = torch.stack([rounded(self.pads), rounded(self.pads) | dot])
        spy = Spy(self.pads)
        both = clean(masks, PIXEL_NM, rules, spy)
        assert {index for _, index in spy.asked} == {1}
        alone = [clean(mask[None], PIXEL_NM, rules, Spy(self.pads))[0] for mask in masks]
        assert torch.equal(both, torch.stack(alone))

    def test_a_whole_feature_is_left_out_if_that_costs_least(self, monkeypatch):
        """A bar ends 20 nm from a pad: no other repair of the first round clears all of it."""
        monkeypatch.setattr("litho_dl.ilt.cleanup.ROUNDS", 1)
        rules = MaskRules(min_width_nm=20, min_space_nm=24, min_area_nm2=1600)
        pads = rounded(self.pads)
        (repaired,) = clean((pads | rounded(block((42, 50, 27, 48))))[None], PIXEL_NM, rules, Spy(pads))
        assert torch.equal(repaired, pads)

    def test_fewer_violations_are_enough_where_the_fewest_cost_more(self):
        """A bar 20 nm from the pads at both ends: shortened at one end, then at the other, rather than left out."""
        rules = MaskRules(min_width_nm=20, min_space_nm=24, min_area_nm2=800)
        pads, wanted = rounded(self.pads), rounded(self.pads) | rounded(block((12, 20, 28, 34)))
        mask = pads | rounded(block((12, 20, 27, 35)))
        assert mask_violations(mask.numpy(), PIXEL_NM, rules).counts["space"] == 2
        (repaired,) = clean(mask[None], PIXEL_NM, rules, Spy(wanted))
        assert mask_violations(repaired.numpy(), PIXEL_NM, rules).total == 0
        assert repaired[14:18, 29:33].all()

    def test_what_is_legal_at_the_limit_stays(self):
        """A limit of an even number of pixels, on which no centred disc fits exactly."""
        rules = MaskRules(min_width_nm=24, min_space_nm=24, min_area_nm2=1600)
        line = block((10, 50, 20, 26))
        faulty = line | block((30, 32, 50, 52))
        assert mask_violations(line.numpy(), PIXEL_NM, rules).total == 0
        repaired = clean(torch.stack([line, faulty]), PIXEL_NM, rules, Spy(line))
        for mask in repaired:
            assert mask_violations(mask.numpy(), PIXEL_NM, rules).total == 0
            assert (mask ^ line).sum() <= 4

    def test_cutting_that_only_breaks_more_is_undone(self, monkeypatch):
        """A neck between two dots, each below the area alone: one place that is wrong, not two, if nothing mends it."""
        mask = rounded(block((10, 18, 10, 18))) | rounded(block((10, 18, 26, 34))) | block((13, 15, 16, 28))
        monkeypatch.setattr("litho_dl.ilt.cleanup.ROUNDS", 0)
        assert violations(mask) == 1
        assert torch.equal(self.one(mask, Spy(mask)), mask)

    def test_it_never_leaves_more_than_it_found(self):
        """Noise that the repairs cannot mend within their rounds."""
        mask = (noise(48, 48) > 0.5)[None]
        found = violations(mask[0])
        assert violations(clean(mask, PIXEL_NM, RULES, Spy(mask[0]))[0]) <= found
