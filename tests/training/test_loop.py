"""The training loop against loops written out by hand, closed forms, and itself."""

import math

import pytest
import torch
from scenes.training import (
    EVERYTHING,
    PLAIN,
    SGD,
    TRAINING,
    VALIDATION,
    classifier,
    figures,
    gan,
    images,
    pairs,
    weights,
)
from torch import Tensor, nn
from torch.nn import functional

from litho_dl.core.errors import TrainingError
from litho_dl.training.batches import TensorItems
from litho_dl.training.loop import train
from litho_dl.training.recipe import TrainingSettings
from litho_dl.training.run import CHECK_EVERY
from litho_dl.training.task import Batch, Metrics, Task

WHOLE = TrainingSettings(epochs=6, batch_size=72, optimizer=SGD)  # one batch an epoch, so the order does not count


class Valley(Task):
    """|w|^2 / 2 plus the batch's mean dot w: a gradient of w + mean; validation figures as told."""

    turns = ("network",)
    selected_by = "value"
    larger_is_better = False
    description = {"name": "valley"}  # noqa: RUF012 - as in every task

    def __init__(self, start: list[float], validations: list[float] | None = None, spoil: float = 1.0) -> None:
        network = nn.Linear(len(start), 1, bias=False)
        network.weight.data = torch.tensor([start])
        self.networks = nn.ModuleDict({"network": network})
        self.validations, self.spoil = iter(validations or []), spoil
        self.steps = 0

    @property
    def weight(self) -> Tensor:
        return self.networks["network"].weight

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        self.steps += 1
        factor = self.spoil if self.steps == 5 else 1.0
        return factor * ((self.weight**2).sum() / 2 + (self.weight * batch[0].mean(0)).sum()), {}

    def validate(self, batch: Batch) -> Metrics:
        value = torch.tensor(next(self.validations, 1.0))
        return {"count": torch.tensor(1), "value": value, "weight": self.weight.detach().sum()}


def still(count: int, size: int = 2) -> TensorItems:
    return TensorItems((torch.zeros(count, size),))


def settings(epochs: int, batch_size: int = 4, **more: object) -> TrainingSettings:
    return TrainingSettings(epochs=epochs, batch_size=batch_size, **{"optimizer": SGD, **more})


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        (SGD, lambda p: torch.optim.SGD(p, 0.1)),
        ({**SGD, "momentum": 0.8, "nesterov": True}, lambda p: torch.optim.SGD(p, 0.1, 0.8, nesterov=True)),
        ({"kind": "adam", "learning_rate": 0.02}, lambda p: torch.optim.Adam(p, 0.02)),
        (
            {"kind": "adamw", "learning_rate": 0.02, "beta1": 0.5, "beta2": 0.9},
            lambda p: torch.optim.AdamW(p, 0.02, (0.5, 0.9), weight_decay=0),
        ),
    ],
    ids=["sgd", "nesterov", "adam", "adamw"],
)
def test_a_loop_by_hand(tmp_path, optimizer, make):
    """Six steps on all items with torch's own optimizer and clipping, and a cosine written out."""
    by_hand = classifier(random=False).networks["network"]
    steps, norms = make(by_hand.parameters()), []
    pictures, labels = PLAIN.tensors
    for epoch in range(6):
        for group in steps.param_groups:
            group["lr"] = optimizer["learning_rate"] * (1 + math.cos(math.pi * epoch / 6)) / 2
        steps.zero_grad()
        functional.cross_entropy(by_hand(pictures), labels).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(by_hand.parameters(), 0.3)))
        steps.step()
    task = classifier(random=False)
    wanted = TrainingSettings(epochs=6, batch_size=72, optimizer=optimizer, clip_norm=0.3, schedule={"kind": "cosine"})
    history = train(task, PLAIN, VALIDATION, wanted, tmp_path).history
    expected = torch.cat([value.flatten().double() for value in by_hand.state_dict().values()])
    torch.testing.assert_close(weights(task), expected, atol=2e-5, rtol=0)
    assert [row["gradient_norm_network"] for row in history] == pytest.approx(norms, rel=1e-3)
    by_hand.eval()
    loss = functional.cross_entropy(by_hand(VALIDATION.tensors[0]), VALIDATION.tensors[1]).item()
    assert history[-1]["validation_loss"] == pytest.approx(loss, abs=1e-5)


def test_the_schedule_goes_on_within_an_epoch(tmp_path):
    """Gradient descent on |w|^2 / 2 multiplies w by 1 - rate: with 3 steps an epoch, a linear rate and 2 epochs."""
    task = Valley([1.0, -2.0])
    result = train(task, still(12), still(1), settings(2, schedule={"kind": "linear"}), tmp_path)
    expected = math.prod(1 - 0.1 * (1 - step / 6) for step in range(6))
    torch.testing.assert_close(task.weight, torch.tensor([[1.0, -2.0]]) * expected)
    assert [row["learning_rate_network"] for row in result.history] == pytest.approx([0.1 * 4 / 6, 0.1 / 6])


def test_gradients_are_clipped_to_the_norm_and_the_norm_before_is_reported(tmp_path):
    """|w| = 5: a step of 0.1 with the gradient clipped to 2 shortens it to 4.8."""
    task = Valley([3.0, -4.0])
    history = train(task, still(4), still(1), settings(1, clip_norm=2.0), tmp_path).history
    assert task.weight.norm().item() == pytest.approx(4.8, rel=1e-6)
    assert history[0]["gradient_norm_network"] == pytest.approx(5.0)


def test_frozen_parameters_stay(tmp_path):
    task = classifier()
    frozen = task.networks["network"][0].weight
    frozen.requires_grad = False
    before = frozen.clone()
    train(task, TRAINING, VALIDATION, EVERYTHING, tmp_path)
    assert torch.equal(frozen, before)
    assert not frozen.requires_grad


def test_the_average_is_what_is_validated(tmp_path):
    """w goes 1, 0.9, 0.81; the average goes 1, then (1 - d) of the way, d = 2/11, then 3/12."""
    history = train(Valley([1.0]), still(4, 1), still(1), settings(2, average_decay=0.99), tmp_path).history
    first = 1 + (1 - 2 / 11) * (0.9 - 1)
    second = first + (1 - 3 / 12) * (0.81 - first)
    assert [row["validation_weight"] for row in history] == pytest.approx([first, second])


@pytest.mark.parametrize(
    ("validations", "larger", "epochs", "best"),
    [
        ([5.0, 4.0, 4.0, 4.5, 1.0], False, 4, 2),  # an equal value is no better
        ([5.0, 4.0, 6.0, 3.0, 9.0, 9.0], False, 6, 4),
        ([1.0, 2.0, 1.5, 1.0, 9.0], True, 4, 2),
    ],
)
def test_early_stopping(tmp_path, validations, larger, epochs, best):
    task = Valley([1.0], validations)
    task.larger_is_better = larger
    result = train(task, still(4, 1), still(1), settings(9, patience=2), tmp_path)
    assert (len(result.history), result.best_epoch, result.status) == (epochs, best, "stopped early")


def test_without_patience_a_run_goes_to_its_end(tmp_path):
    result = train(Valley([1.0], [1.0, 2.0, 3.0, 4.0]), still(4, 1), still(1), settings(4), tmp_path)
    assert (len(result.history), result.best_epoch, result.status) == (4, 1, "finished")


@pytest.mark.parametrize("spoil", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run(tmp_path, spoil):
    """The fifth step of two an epoch is the first of epoch 3; the checkpoint of epoch 2 stays."""
    with pytest.raises(
        TrainingError, match=r"finite train_loss, got (nan|inf) in epoch 3, step 1; try a lower"
    ) as caught:
        train(Valley([1.0], spoil=spoil), still(8, 1), still(1), settings(4), tmp_path)
    assert f"{tmp_path / 'last.pt'} holds the epochs before" in str(caught.value)
    again = train(Valley([1.0]), still(8, 1), still(1), settings(4), tmp_path)
    assert figures(again) == figures(train(Valley([1.0]), still(8, 1), still(1), settings(4), tmp_path / "whole"))


def test_a_gradient_that_is_no_number_ends_the_run(tmp_path):
    """The root of |w - w|: a loss of 0 with an infinite slope times 0."""
    task = Valley([1.0])
    task.loss = lambda turn, batch: ((task.weight - task.weight).abs().sqrt().sum() + task.weight.sum(), {})
    with pytest.raises(TrainingError, match="finite gradient_norm_network, got nan in epoch 1, step 1;"):
        train(task, still(8, 1), still(1), settings(2), tmp_path)
    assert not (tmp_path / "last.pt").exists()


def test_a_validation_that_is_no_number_ends_the_run(tmp_path):
    with pytest.raises(TrainingError, match=r"finite validation_value, got nan in epoch 2; try"):
        train(Valley([1.0], [1.0, math.nan]), still(4, 1), still(1), settings(4), tmp_path)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    def trained(seed: int, name: str) -> Tensor:
        task = classifier()
        train(task, TRAINING, VALIDATION, EVERYTHING.model_copy(update={"seed": seed, "epochs": 2}), tmp_path / name)
        return weights(task)

    first = trained(3, "a")
    torch.rand(7)
    assert torch.equal(first, trained(3, "b"))
    assert not torch.equal(first, trained(4, "c"))


def test_the_callers_random_state_and_networks_are_left_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    task = gan()
    torch.manual_seed(5)
    train(task, pairs(32, 1), pairs(8, 2), settings(1, 16, deterministic=True), tmp_path)
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert all(parameter.requires_grad for parameter in task.networks.parameters())


def test_deterministic_algorithms_within(tmp_path):
    task, seen = Valley([1.0]), []
    task.loss = lambda turn, batch: (seen.append(torch.are_deterministic_algorithms_enabled()) or task.weight.sum(), {})
    train(task, still(4, 1), still(1), settings(1, deterministic=True), tmp_path / "a")
    train(task, still(4, 1), still(1), settings(1), tmp_path / "b")
    assert seen == [True, False]


def test_what_cannot_be_deterministic_ends_in_one_line(tmp_path):
    """Torch has no deterministic `put_` without accumulation, on any device."""
    task = Valley([1.0])

    def loss(turn, batch):
        torch.zeros(3).put_(torch.tensor([0]), torch.ones(1))
        return task.weight.sum(), {}

    task.loss = loss
    train(task, still(4, 1), still(1), settings(1), tmp_path / "any")
    with pytest.raises(
        TrainingError, match=r"deterministic on cpu, got one that is not \(put_ .*turn deterministic off"
    ):
        train(task, still(4, 1), still(1), settings(1, deterministic=True), tmp_path / "deterministic")


def test_other_errors_of_torch_are_passed_on(tmp_path):
    task = Valley([1.0])
    task.loss = lambda turn, batch: (torch.zeros(2) @ torch.zeros(3), {})
    with pytest.raises(RuntimeError, match="size"):
        train(task, still(4, 1), still(1), settings(1, deterministic=True), tmp_path)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_caller_who_wants_warnings_alone_keeps_them(tmp_path, deterministic):
    task, seen = Valley([1.0]), []
    warns = torch.is_deterministic_algorithms_warn_only_enabled
    task.loss = lambda turn, batch: (seen.append(warns()) or task.weight.sum(), {})
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        train(task, still(4, 1), still(1), settings(1, deterministic=deterministic), tmp_path)
        assert (seen, warns()) == ([not deterministic], True)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(("precision", "close"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_less_precision_ends_close(tmp_path, monkeypatch, precision, close):
    monkeypatch.setattr("litho_dl.training.run.has_bfloat16", lambda device: True)
    kinds = set()
    task = classifier(random=False)
    task.networks["network"][-1].register_forward_hook(lambda module, inputs, output: kinds.add(output.dtype))
    wanted = WHOLE.model_copy(update={"precision": precision, "clip_norm": 1.0})
    low = train(task, PLAIN, VALIDATION, wanted, tmp_path / "low").history
    full = train(classifier(random=False), PLAIN, VALIDATION, WHOLE, tmp_path / "full").history
    assert kinds == {getattr(torch, precision)}
    assert weights(task).isfinite().all()
    # Float16's first steps may overflow and be left out while the loss scale falls; the rest counts.
    skipped = sum(math.isnan(row["gradient_norm_network"]) for row in low)
    assert skipped == 0 if precision == "bfloat16" else skipped < 3
    assert low[-1]["train_loss"] == pytest.approx(full[-1 - skipped]["train_loss"], abs=close)


def test_processors_without_bfloat16_compute_in_float32(tmp_path, monkeypatch):
    """Whose results are then those of float32, to the bit."""
    monkeypatch.setattr("litho_dl.training.run.has_bfloat16", lambda device: False)
    tasks = [classifier(random=False), classifier(random=False)]
    for task, precision in zip(tasks, ("bfloat16", "float32"), strict=True):
        train(task, PLAIN, VALIDATION, WHOLE.model_copy(update={"precision": precision}), tmp_path / precision)
    assert torch.equal(*map(weights, tasks))


def test_channels_last_gives_the_same(tmp_path):
    tasks = [classifier(random=False), classifier(random=False)]
    seen = []
    tasks[1].networks["network"][0].register_forward_hook(
        lambda module, inputs, output: seen.append(inputs[0].stride())
    )
    items = TensorItems((torch.randn(32, 3, 6, 6), torch.arange(32) % 2))
    for task, last in zip(tasks, (False, True), strict=True):
        task.networks["network"][0] = replaced = nn.Conv2d(3, 4, 3)
        torch.manual_seed(1)
        nn.init.normal_(replaced.weight)
        nn.init.zeros_(replaced.bias)
        train(task, items, items, settings(2, 16, channels_last=last), tmp_path / str(last))
    assert tasks[1].networks["network"][0].weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(weights(tasks[0]), weights(tasks[1]), atol=1e-5, rtol=0)


def test_every_epoch_has_an_order_and_an_augmentation_of_its_own(tmp_path):
    def drawing(batch, generator):
        draws.append(torch.rand((), generator=generator).item())
        return batch

    seen, draws = [], []
    task = Valley([1.0])
    task.loss = lambda turn, batch: (seen.append(batch[0][:, 0].tolist()) or task.weight.sum(), {})
    train(task, TensorItems((torch.arange(12.0)[:, None],), drawing), still(1), settings(2), tmp_path)
    first, second = [*seen[0], *seen[1], *seen[2]], [*seen[3], *seen[4], *seen[5]]
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    assert len(set(draws)) == 6


def test_train_figures_are_means_over_the_steps_and_validation_over_the_items(tmp_path):
    """7 validation items in batches of 4: the mean weighs the last 3 less."""
    task = classifier(random=False, norm=False)
    tiny = TrainingSettings(epochs=1, batch_size=4, optimizer={"kind": "sgd", "learning_rate": 1e-12})
    pictures, labels = images(7, seed=9)
    row = train(task, PLAIN, TensorItems((pictures, labels)), tiny, tmp_path).history[0]
    network = task.networks["network"]
    losses = [functional.cross_entropy(network(p), t).item() for p, t in ((pictures, labels), PLAIN.tensors)]
    hits = [(network(p).argmax(1) == t).float().mean().item() for p, t in ((pictures, labels), PLAIN.tensors)]
    assert [row["validation_loss"], row["train_loss"]] == pytest.approx(losses, rel=1e-5)
    assert [row["validation_accuracy"], row["train_accuracy"]] == pytest.approx(hits)


def test_a_network_without_trainable_parameters_is_refused(tmp_path):
    task = Valley([1.0])
    task.weight.requires_grad = False
    with pytest.raises(TrainingError, match="trainable parameters in networks that take turns, got none in network"):
        train(task, still(4, 1), still(1), settings(1), tmp_path)


def test_figures_may_be_undefined_for_some_batches(tmp_path):
    """Such as a share of none: the mean is over the others."""
    task = Valley([1.0])
    values = iter([1.0, math.nan, 4.0])
    task.loss = lambda turn, batch: (task.weight.sum(), {"share": torch.tensor(next(values))})
    assert train(task, still(12, 1), still(1), settings(1), tmp_path).history[0]["train_share"] == 2.5


def test_progress(tmp_path):
    seen = []
    result = train(Valley([1.0]), still(4 * (CHECK_EVERY + 1), 1), still(1), settings(2), tmp_path, seen.append)
    steps = [(progress.epoch, progress.step, progress.row is not None) for progress in seen]
    assert steps == [(e, s, row) for e in (1, 2) for s, row in ((16, False), (17, False), (17, True))]
    assert {(progress.epochs, progress.steps) for progress in seen} == {(2, 17)}
    assert [progress.row for progress in seen if progress.row] == list(result.history)


@pytest.mark.parametrize(
    ("more", "items", "message"),
    [
        ({"batch_size": 40}, (30, 5), "at least one batch of 40 training items, got 30; lower batch_size"),
        ({}, (30, 0), "validation items for each of 1 processes, got 0"),
        ({"optimizers": {"generator": SGD}}, (30, 5), r"networks that take turns \(network\), got generator"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, more, items, message):
    with pytest.raises(TrainingError, match=message):
        train(Valley([1.0, 2.0]), still(items[0]), still(items[1]), settings(**{"epochs": 1, **more}), tmp_path)
