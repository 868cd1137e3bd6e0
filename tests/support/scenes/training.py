"""Small tasks for the tests of training; run as a program, one that torchrun or a kill may hit."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from litho_dl.training.adversarial import PairGan
from litho_dl.training.batches import Order, TensorItems
from litho_dl.training.classification import Classification
from litho_dl.training.loop import TrainingResult, train
from litho_dl.training.processes import process_group, rank
from litho_dl.training.recipe import TrainingSettings
from litho_dl.training.task import Batch, Task
from scenes.places import SUPPORT

SGD = {"kind": "sgd", "learning_rate": 0.1}
EVERYTHING = TrainingSettings(
    epochs=5,
    batch_size=16,
    optimizer={"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-3},
    schedule={"kind": "cosine", "warmup_epochs": 1.5},
    clip_norm=0.5,
    average_decay=0.9,
    seed=3,
)


@dataclass(frozen=True, eq=False)
class Stopped(TensorItems):
    """Items of which the given epoch's second batch never comes: the process is killed, or Ctrl-C is pressed."""

    epoch: int = 0
    kill: bool = False

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        calls = self.__dict__["calls"] = self.__dict__.get("calls", 0) + 1
        for number, batch in enumerate(super().batches(order, seed)):
            if (calls, number) == (self.epoch, 1):
                if self.kill:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise KeyboardInterrupt
            yield batch


def images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images (n, 1, 6, 6) of noise, class 1 where the left half is the brighter."""
    pictures = torch.randn(count, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    return pictures, (pictures[..., :3].sum((1, 2, 3)) > pictures[..., 3:].sum((1, 2, 3))).long()


def noisy(batch: Batch, generator: torch.Generator) -> Batch:
    """An augmentation."""
    pictures, labels = batch
    return pictures + 0.1 * torch.randn(pictures.shape, generator=generator), labels


TRAINING = TensorItems(images(72, seed=1), transform=noisy)
PLAIN = TensorItems(images(72, seed=1))
VALIDATION = TensorItems(images(25, seed=2))


def classifier(*, random: bool = True, norm: bool = True) -> Classification:
    """A convolutional network, with normalisation and dropout unless told otherwise; the same weights every time."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3, bias=not norm), nn.BatchNorm2d(4) if norm else nn.Identity(), nn.ReLU(), nn.Flatten()]
    return Classification(
        nn.Sequential(*layers, nn.Dropout(0.3 if random else 0), nn.Linear(64, 2)), selected_by="loss"
    )


class Judge(nn.Module):
    """A discriminator of one logit a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(2, 8, 3), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3))

    def forward(self, condition: Tensor, image: Tensor) -> Tensor:
        return self.layers(torch.cat((condition, image), 1))


def gan(adversarial_loss: str = "logistic", pixel_weight: float = 1.0) -> PairGan:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
    return PairGan(generator, Judge(), adversarial_loss=adversarial_loss, pixel_weight=pixel_weight)


def pairs(count: int, seed: int) -> TensorItems:
    """Conditions of noise, and their squares as the true images."""
    condition = images(count, seed)[0]
    return TensorItems((condition, condition**2))


def weights(task: Task) -> Tensor:
    """All parameters and buffers in one vector."""
    return torch.cat([value.flatten().double() for value in task.networks.state_dict().values()])


def figures(result: TrainingResult) -> list[dict[str, float]]:
    """The history without the times."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in result.history]


def environment() -> dict[str, str]:
    """For a process that runs this module: python -m scenes.training."""
    return os.environ | {"PYTHONPATH": str(SUPPORT)}


def threads() -> list[str]:
    """Names of this process's threads, those that Python does not know too; none where there is no /proc."""
    return sorted(path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm"))


def shared_runs(folder: Path) -> None:
    """Trains a classifier, a GAN and a network with batch normalisation in as many processes as there are."""
    plain = EVERYTHING.model_copy(update={"epochs": 3})
    train(classifier(random=False, norm=False), PLAIN, VALIDATION, plain, folder / "classifier")
    train(gan(), pairs(48, 1), pairs(21, 2), plain, folder / "gan")
    task = classifier(random=False)
    torch.manual_seed(rank())
    task.networks["network"][0].weight.data += torch.randn(4, 1, 3, 3) * rank()  # the loop makes them the same
    result = train(task, PLAIN, VALIDATION, plain, folder / "norm")
    found = {"history": figures(result), "weights": weights(task).tolist()}
    (folder / f"norm-{rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    where = Path(sys.argv[2])
    match sys.argv[1]:
        case "kill":
            stopped = Stopped(TRAINING.tensors, TRAINING.transform, epoch=3, kill=True)
            train(classifier(), stopped, VALIDATION, EVERYTHING, where)
        case "share":
            with process_group("cpu"):
                shared_runs(where)
            (where / f"threads-{os.environ['RANK']}.json").write_text(json.dumps(threads()))
