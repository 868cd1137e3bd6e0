"""Classification and the GAN: classical examples, and who learns in whose turn."""

import math

import pytest
import torch
from scenes.training import gan, images, pairs
from torch import Tensor, nn

from litho_dl.training.adversarial import PairGan
from litho_dl.training.classification import Classification
from litho_dl.training.loop import train
from litho_dl.training.recipe import TrainingSettings


class Constant(nn.Module):
    """The same scores whatever comes."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.scores


class ByBrightness(nn.Module):
    """A discriminator whose score is an image's first pixel."""

    def forward(self, condition: Tensor, image: Tensor) -> Tensor:
        return image[:, 0, 0, 0]


def figures(probabilities: list[list[float]], labels: list[int], **more: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Training loss and mean validation figures of a classifier with these probabilities."""
    task = Classification(Constant(torch.tensor(probabilities).log()), **more)
    batch = torch.zeros(len(labels), 1), torch.tensor(labels)
    found = task.validate(batch)
    return task.loss("network", batch)[0], {name: value / found["count"] for name, value in found.items()}


def test_cross_entropy_of_one_example():
    """- (1 ln 0.8 + 0 ln 0.2)."""
    loss, found = figures([[0.8, 0.2]], [0])
    assert loss.item() == found["loss"].item() == pytest.approx(-math.log(0.8))


def test_an_error_rate_is_blind_to_confidence():
    """Of four images one is taken for another class by either model; the surer model has the lower loss."""
    unsure = [[0.4, 0.3, 0.3], [0.5, 0.2, 0.3], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]]
    sure = [[0.8, 0.1, 0.1], [0.9, 0.05, 0.05], [0.3, 0.6, 0.1], [0.8, 0.1, 0.1]]
    for rows, truth in ((unsure, (0.4, 0.5, 0.1, 0.5)), (sure, (0.8, 0.9, 0.3, 0.8))):
        loss, found = figures(rows, [0, 0, 0, 0])
        assert 1 - found["accuracy"].item() == 0.25
        assert loss.item() == pytest.approx(-sum(map(math.log, truth)) / 4)


def test_label_smoothing_is_for_training():
    """Targets 0.9 and 0.1 (0.2 spread over both classes): 0.9 ln 0.8 + 0.1 ln 0.2."""
    loss, found = figures([[0.8, 0.2]], [0], label_smoothing=0.2)
    assert loss.item() == pytest.approx(-0.9 * math.log(0.8) - 0.1 * math.log(0.2))
    assert found["loss"].item() == pytest.approx(-math.log(0.8))


def test_every_pixel_is_classified():
    """Logits (2, 3, 2, 2): of eight pixels five right, and a batch of 2 counts as two."""
    labels = torch.tensor([[[0, 1], [2, 0]], [[1, 1], [2, 2]]])
    guess = torch.tensor([[[0, 1], [2, 1]], [[1, 0], [2, 0]]])
    logits = 3.0 * nn.functional.one_hot(guess, 3).permute(0, 3, 1, 2)
    task = Classification(Constant(logits))
    batch = torch.zeros(2, 1, 2, 2), labels
    loss, found = task.loss("network", batch)
    right, wrong = -math.log(math.e**3 / (math.e**3 + 2)), -math.log(1 / (math.e**3 + 2))
    assert found["accuracy"].item() == 5 / 8
    assert loss.item() == pytest.approx((5 * right + 3 * wrong) / 8)
    sums = task.validate(batch)
    assert [sums["count"].item(), sums["accuracy"].item()] == [2, 2 * 5 / 8]
    assert sums["loss"].item() == pytest.approx(2 * loss.item())


@pytest.mark.parametrize(("kind", "undecided"), [("logistic", 0.0), ("least-squares", 0.5)])
def test_losses_of_a_gan_by_hand(kind, undecided):
    """Scores 2 and -1 on real pairs; the generator makes images of first pixel 0.4 everywhere, 0.4 = the fake score."""
    task = PairGan(Constant(torch.full((2, 1, 1, 1), 0.4)), ByBrightness(), adversarial_loss=kind, pixel_weight=10.0)
    real = torch.tensor([2.0, -1.0]).reshape(2, 1, 1, 1)
    loss, found = task.loss("discriminator", (torch.zeros(2, 1, 1, 1), real))

    def against(score: float, truth: float) -> float:
        if kind == "least-squares":
            return (score - truth) ** 2
        return math.log(1 + math.exp(-score if truth else score))

    on_real = (against(2, 1) + against(-1, 1)) / 2
    assert loss.item() == pytest.approx((on_real + against(0.4, 0)) / 2)
    assert found["accuracy_real"].item() == 0.5
    assert found["accuracy_fake"].item() == (1.0 if undecided > 0.4 else 0.0)
    held_out = task.validate((torch.zeros(2, 1, 1, 1), real))
    assert {name: value.item() for name, value in held_out.items()} == pytest.approx(
        {"count": 2, "l1": 3.0, "accuracy_real": 1.0, "accuracy_fake": 2 * found["accuracy_fake"].item()}
    )
    loss, found = task.loss("generator", (torch.zeros(2, 1, 1, 1), real))
    assert found["l1"].item() == pytest.approx((1.6 + 1.4) / 2)
    assert found["fooled"].item() == pytest.approx(against(0.4, 1))
    assert loss.item() == pytest.approx(against(0.4, 1) + 10 * 1.5)


@pytest.mark.parametrize("turn", ["discriminator", "generator"])
def test_only_the_network_whose_turn_it_is_learns(tmp_path, turn):
    """With the other's turn left out, the other has neither a gradient nor a step, and the first has both."""
    task = gan()
    other = ({"discriminator", "generator"} - {turn}).pop()
    graph = {}
    loss = task.loss

    def spied(whose, batch):
        graph[whose] = {
            name: {p.requires_grad for p in network.parameters()} for name, network in task.networks.items()
        }
        return loss(whose, batch)

    task.loss = spied
    before = {name: nn.utils.parameters_to_vector(net.parameters()).detach() for name, net in task.networks.items()}
    still = {"kind": "sgd", "learning_rate": 1e-30}
    settings = TrainingSettings(
        epochs=1, batch_size=8, optimizer={"kind": "adam", "learning_rate": 0.01}, optimizers={other: still}
    )
    train(task, pairs(16, 1), pairs(8, 2), settings, tmp_path)
    after = {name: nn.utils.parameters_to_vector(net.parameters()).detach() for name, net in task.networks.items()}
    assert graph == {name: {name: {True}, rival: {False}} for name, rival in ((turn, other), (other, turn))}
    assert torch.equal(before[other], after[other])
    assert not torch.isclose(before[turn], after[turn], atol=1e-5).any()


def test_a_generators_step_leaves_no_gradient_on_the_discriminator():
    """The gradient reaches the generator through the discriminator, and does not stay there."""
    task = gan()
    for parameter in task.networks["discriminator"].parameters():
        parameter.requires_grad = False
    task.loss("generator", (images(4, 1)[0], images(4, 2)[0]))[0].backward()
    assert all(parameter.grad is None for parameter in task.networks["discriminator"].parameters())
    assert all(parameter.grad.any() for parameter in task.networks["generator"].parameters())


@pytest.mark.parametrize("kind", ["logistic", "least-squares"])
def test_the_discriminator_tells_early_fakes(tmp_path, kind):
    """In the second epoch it says fake more often than not, and real of the real ones."""
    adam = {"kind": "adam", "learning_rate": 1e-2, "beta1": 0.5}
    settings = TrainingSettings(epochs=6, batch_size=16, optimizer=adam)
    history = train(gan(kind, 10.0), pairs(256, 1), pairs(32, 2), settings, tmp_path).history
    assert history[1]["train_accuracy_fake"] > 0.5
    assert history[1]["train_accuracy_real"] > 0.5
    assert history[-1]["validation_l1"] < 0.8 * history[0]["validation_l1"]
    assert {"train_generator_loss", "train_discriminator_loss"} <= set(history[0])
