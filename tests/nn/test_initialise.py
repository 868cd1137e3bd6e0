"""First weights."""

import pytest
import torch
from torch import nn

from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.initialise import initialise


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


LAYERS = {
    "linear": (lambda: nn.Linear(600, 400), 600),
    "conv": (lambda: nn.Conv2d(60, 80, 3), 60 * 9),
    "transposed": (lambda: nn.ConvTranspose2d(60, 80, 3), 60 * 9),
}


@pytest.mark.parametrize(("make", "fan_in"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("name", ["kaiming", "normal"])
def test_initial_variances(make, fan_in, name):
    layer = make()
    assert initialise(layer, name) is layer
    variance = {"kaiming": 2 / fan_in, "normal": 0.02**2}[name]
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.03)
    assert layer.weight.mean().abs() < 0.03 * variance**0.5
    assert not layer.bias.any()


def test_initial_weights_are_normal():
    """Fourth moment over squared variance: 3 of a normal distribution."""
    weight = initialise(nn.Linear(600, 400), "kaiming").weight
    assert ((weight**4).mean() / weight.var() ** 2).item() == pytest.approx(3, rel=0.03)


def test_initialisation_follows_the_seed_and_leaves_norms_alone():
    block = ConvBNAct(2, 4)
    nn.init.constant_(block.norm.weight, 3)
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(initialise(block, "kaiming").conv.weight.clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert (block.norm.weight == 3).all()
