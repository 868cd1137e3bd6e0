"""Settings, schedules, optimizers, averages and batches, one by one."""

import math

import pytest
import torch
from pydantic import TypeAdapter
from scenes.training import SGD, images, noisy
from torch import nn

from litho_dl.core.errors import RecipeError, TrainingError
from litho_dl.core.settings import read_toml, validated
from litho_dl.training.average import WeightAverage
from litho_dl.training.batches import TensorItems, derived_seed, in_order, shuffled
from litho_dl.training.optimizer import OptimizerSettings, make_optimizer
from litho_dl.training.recipe import TrainingSettings
from litho_dl.training.schedule import Schedule


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"kind": "constant"}, lambda t: 1.0),
        ({"kind": "constant", "warmup_epochs": 2, "initial": 0.2}, lambda t: min(1.0, 0.2 + 0.4 * t)),
        ({"kind": "step", "step_epochs": 3, "gamma": 0.5}, lambda t: 0.5 ** (t // 3)),
        ({"kind": "linear", "final": 0.1}, lambda t: 1 - 0.9 * t / 10),
        ({"kind": "cosine", "final": 0.1}, lambda t: 0.1 + 0.9 * math.cos(math.pi * t / 20) ** 2),
        (
            {"kind": "cosine", "warmup_epochs": 2, "initial": 0.5},
            lambda t: 0.5 + t / 4 if t < 2 else math.cos(math.pi * (t - 2) / 16) ** 2,
        ),
    ],
)
def test_schedules(table, expected):
    schedule = TypeAdapter(Schedule).validate_python(table)
    for tenths in range(101):
        assert schedule.factor(tenths / 10, 10) == pytest.approx(expected(tenths / 10), abs=1e-12)


def chosen(table):
    return TypeAdapter(OptimizerSettings).validate_python(table)


def test_weight_decay_spares_biases_and_normalisations():
    """Without a gradient of its own, a decayed weight shrinks by 1 - rate * decay, and nothing else moves."""
    layers = [
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.LayerNorm((2, 4, 4)),
        nn.PReLU(),
        nn.Flatten(),
        nn.Linear(32, 1),
    ]
    network = nn.Sequential(*layers)
    network.bias = nn.Parameter(torch.ones(1, 2, 1, 1))
    for parameter in network.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(chosen({**SGD, "weight_decay": 0.5}), network).step()
    for name, parameter in network.named_parameters():
        value = 1 - 0.1 * 0.5 if name in ("0.weight", "5.weight") else 1.0
        torch.testing.assert_close(parameter.detach(), torch.full_like(parameter, value), msg=name)


def test_shared_weights_take_one_step():
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    network[1].weight = network[0].weight
    optimizer = make_optimizer(chosen({**SGD, "weight_decay": 0.5}), network)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_complex_weights(kind):
    """Gradient descent on sum |w|^2: the complex gradient is 2 w."""
    network = nn.Module()
    network.weight = nn.Parameter(torch.tensor([[1 + 2j]]))
    optimizer = make_optimizer(chosen({"kind": kind, "learning_rate": 0.1}), network)
    (network.weight.abs() ** 2).sum().backward()
    optimizer.step()
    expected = 0.8 * (1 + 2j) if kind == "sgd" else 0.9 + 1.9j  # Adam's first step: the rate in each part
    assert network.weight.item() == pytest.approx(expected, abs=1e-6)


def test_the_average_in_closed_form():
    """Weights 1, 2, 3, ...: sum of (1 - d_k) w_k times the later decays, d_k = min(0.5, (1 + k) / (10 + k))."""
    parameter = nn.Parameter(torch.zeros(1))
    average = WeightAverage([parameter], 0.5)
    decays = [min(0.5, (1 + step) / (10 + step)) for step in range(1, 13)]
    for step in range(1, 13):
        parameter.data.fill_(step)
        average.update()
    expected = sum((1 - d) * step * math.prod(decays[step:]) for step, d in enumerate(decays, start=1))
    with average.applied():
        assert parameter.item() == pytest.approx(expected, rel=1e-6)
    assert parameter.item() == 12


def test_order_is_a_function_of_the_seed_and_full_batches_only():
    order = shuffled(10, 4, seed=1)
    assert [len(indices) for indices in order] == [4, 4]
    assert len(set(torch.cat(order).tolist())) == 8
    assert torch.equal(torch.cat(order), torch.cat(shuffled(10, 4, seed=1)))
    assert not torch.equal(torch.cat(order), torch.cat(shuffled(10, 4, seed=2)))
    assert torch.cat(in_order(10, 4)).tolist() == list(range(10))
    assert (
        len({derived_seed(3, epoch, kind, rank) for epoch in range(20) for kind in (1, 2) for rank in range(3)}) == 120
    )


def test_augmentation_repeats_for_a_seed():
    items = TensorItems(images(8, 1), transform=noisy)
    first, again, other = (torch.cat([batch[0] for batch in items.batches(in_order(8, 4), seed)]) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_tensors_of_different_lengths_are_refused():
    with pytest.raises(TrainingError, match=r"one length, got \[2, 3\]"):
        TensorItems((torch.zeros(2), torch.zeros(3)))


RECIPE = """
epochs = 20
batch_size = 128
clip_norm = 1.0
precision = "bfloat16"
[optimizer]
kind = "adamw"
learning_rate = 1e-3
weight_decay = 0.01
[schedule]
kind = "cosine"
warmup_epochs = 0.5
[optimizers.discriminator]
kind = "sgd"
learning_rate = 0.1
"""


def test_settings_are_toml(tmp_path):
    (tmp_path / "run.toml").write_text(RECIPE)
    table = read_toml("ilt", tmp_path / "run.toml").table
    found = validated(TrainingSettings, table, "run.toml")
    assert (found.optimizer.kind, found.optimizer.beta1, found.schedule.warmup_epochs) == ("adamw", 0.9, 0.5)
    assert found.optimizers["discriminator"].learning_rate == 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
        ({"epoch": 3}, "epoch: unknown key; did you mean epochs?"),
        ({"optimizer": {**SGD, "beta1": 0.5}}, "optimizer.sgd.beta1: unknown key"),
        ({"optimizer": {**SGD, "nesterov": True}}, "nesterov needs momentum above 0"),
        ({"optimizer": {"kind": "lion", "learning_rate": 1}}, "'sgd', 'adam', 'adamw', 'muon'"),
        ({"schedule": {"kind": "step"}}, "schedule.step.step_epochs: Field required"),
        ({"schedule": {"kind": "cosine", "warmup_epochs": 1}}, "warmup_epochs must be below epochs, got 1 of 1"),
        ({"seed": 2**63}, "seed: Input should be less than or equal to 9223372036854775807"),
        ({"clip_norm": -1}, "clip_norm: Input should be greater than 0"),
    ],
)
def test_bad_settings_are_refused(change, message):
    table = {"epochs": 1, "batch_size": 4, "optimizer": SGD, **change}
    with pytest.raises(RecipeError, match=message):
        validated(TrainingSettings, table, "run.toml")
