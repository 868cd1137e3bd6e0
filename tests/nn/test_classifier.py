"""Heads that classify images."""

import pytest
import torch
from torch import nn

from litho_dl.nn.classifier import GATHERS, ClassifierHead


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("gather", GATHERS)
def test_classifier_gathers_an_image_into_a_vector(gather):
    x = torch.randn(2, 3, 4, 5)
    vector = {"flatten": x.reshape(2, 60), "average": x.mean((2, 3)), "max": x.amax((2, 3))}[gather]
    head = ClassifierHead(vector.shape[1], [], 7, gather=gather)
    torch.testing.assert_close(head(x), vector @ head[-1].weight.T + head[-1].bias)
    assert not any(isinstance(part, nn.AdaptiveMaxPool2d) for part in head)  # not deterministic on a GPU


def test_classifier_drops_hidden_values_or_else_features():
    kinds = [type(layer).__name__ for layer in ClassifierHead(8, [5, 4], 3, dropout=0.25)]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    plain = ClassifierHead(8, [], 3, dropout=0.25)
    assert [type(layer).__name__ for layer in plain] == ["Flatten", "Dropout", "Linear"]
    assert plain[1].p == 0.25
