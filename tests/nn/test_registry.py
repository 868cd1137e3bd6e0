"""Norms and activations by name."""

import numpy as np
import pytest
import torch
from torch import nn

from litho_dl.core.errors import RecipeError
from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.initialise import initialise
from litho_dl.nn.registry import ACTIVATIONS, activation_of
from litho_dl.nn.upsample import upsample


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("norm", "over"), [("batch", (0, 2, 3)), ("instance", (2, 3)), ("group", (1, 2, 3))])
def test_norms_bring_their_own_set_of_values_to_mean_0_and_variance_1(norm, over):
    """Of 12 channels, `group` makes 4 groups of 3: the most groups of equal size, up to 8."""
    conv = ConvBNAct(2, 12, norm=norm, activation="none")
    y = conv(5 + 3 * torch.randn(3, 2, 16, 16))
    groups = y.reshape(3, 4, 3, 16, 16).flatten(0, 1) if norm == "group" else y
    assert [tuple(parameter.shape) for parameter in conv.norm.parameters()] == [(12,), (12,)]
    torch.testing.assert_close(groups.mean(over), torch.zeros(()).expand(groups.mean(over).shape), atol=1e-5, rtol=0)
    torch.testing.assert_close(groups.var(over, correction=0), torch.ones_like(groups.mean(over)), atol=1e-3, rtol=0)
    assert (y.mean((2, 3)).abs() > 0.01).any() == (norm != "instance")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("none", lambda x: x),
    ],
)
def test_activations(name, expected):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_allclose(activation_of(name)(torch.from_numpy(x)), expected(x), rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_leaves_the_channels_asked_for(name):
    assert ConvBNAct(2, 6, activation=name)(torch.randn(2, 2, 5, 5)).shape == (2, 6, 5, 5)
    assert upsample("pixel_shuffle", 2, 6, activation=name)(torch.randn(2, 2, 5, 5)).shape == (2, 6, 10, 10)
    assert upsample("transposed", 2, 6, activation=name)(torch.randn(2, 2, 5, 5)).shape == (2, 6, 10, 10)
    assert ClassifierHead(8, [6], 3, activation=name)(torch.randn(2, 8, 1, 1)).shape == (2, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvBNAct(1, 2, norm="layer"), r"a norm \(batch, instance, group, none\), got 'layer'; choose one"),
        (lambda: ConvBNAct(1, 2, activation="gelu"), r"an activation \(relu, leaky_relu, .*none\), got 'gelu'"),
        (lambda: upsample("max", 1, 2), r"an up-sampling \(transposed, pixel_shuffle\), got 'max'"),
        (lambda: ClassifierHead(1, [], 2, gather="sum"), r"a way to gather features \(flatten, average, max\), got"),
        (lambda: initialise(nn.Linear(1, 1), "zeros"), r"an initialisation \(kaiming, normal\)"),
    ],
)
def test_unknown_names_are_answered_with_the_known(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
