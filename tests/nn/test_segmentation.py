"""Heads that classify pixels."""

import pytest
import torch
from scenes.networks import set_weights

from litho_dl.nn.segmentation import FCNHead


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_fcn_head_adds_scores_from_coarse_to_fine():
    """Constant maps stay constant under bilinear growth, so the sum of the scores is their sum at every pixel."""
    head = FCNHead([2, 3, 4], 5)
    maps = [torch.randn(2, c, 1, 1).expand(2, c, n, m) for c, n, m in ((2, 9, 8), (3, 5, 4), (4, 2, 2))]
    logits = head(maps)
    scores = [conv(map_)[..., :1, :1] for conv, map_ in zip(head.scores, maps, strict=True)]
    torch.testing.assert_close(logits, sum(scores).expand(2, 5, 9, 8))


def test_fcn_head_grows_maps_bilinearly():
    head = FCNHead([1, 1], 1)
    set_weights(head, 1)
    logits = head([torch.full((1, 1, 1, 4), 10.0), torch.tensor([[[[0.0, 4.0]]]])])
    assert logits[0, 0].tolist() == [[10.0, 11.0, 13.0, 14.0]]
