"""Small recipes, tasks and pairs for the tests of mask generators."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from litho_dl.generators.model import ANY_OPTICS, Card, Generator, make_generator, save_generator
from litho_dl.generators.recipe import GeneratorRecipe
from litho_dl.generators.run import CHECKED_CLIPS, checked_clips, checked_optics, score
from litho_dl.generators.task import MaskTask
from litho_dl.generators.unrolled_task import UnrolledTask
from litho_dl.layout.clips import magnified
from litho_dl.process.draw import drawn_process
from litho_dl.process.identity import process_digest
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator
from scenes.ilt import CLIPS, small_simulator

TRAINING = {"epochs": 1, "batch_size": 2, "optimizer": {"kind": "adam", "learning_rate": 0.001}}
TOML = """
description = "for tests"
network = "fcn_mask_small"
pixel_nm = 16.0
mask_pixel_nm = 8.0
[[stages]]
name = "supervised"
loss = { bce = 1.0 }
training = { epochs = 2, batch_size = 2, optimizer = { kind = "adam", learning_rate = 0.01 } }
[[stages]]
name = "litho"
loss = { litho_l2 = 1.0, litho_pvb = 1.0 }
training = { epochs = 1, batch_size = 2, optimizer = { kind = "adam", learning_rate = 0.001 } }
"""


def recipe(loss: dict[str, float], **changes: Any) -> GeneratorRecipe:
    """One stage, on the pixels of `pairs`; what the stage has besides its loss may be among the changes."""
    stage = {name: changes.pop(name) for name in ("mask_sharpness", "resist_steepness", "clips") if name in changes}
    table = {"network": "fcn_mask_small", "pixel_nm": 16.0, "mask_pixel_nm": 8.0, **changes}
    if "adversarial" in loss:
        table["discriminator"] = "damo_discriminator_small"
    return GeneratorRecipe(**table, stages=[{"name": "only", "loss": loss, "training": TRAINING, **stage}])


def seeing_recipe(**changes: Any) -> GeneratorRecipe:
    """A network for any optics, on random optics of 48 pixels of 16 nm at scale 1."""
    clips = [{"family": "metal", "rules": "m1-45", "count": 4, "extent_nm": 512.0}]
    loss = {"litho_l2": 1.0, "litho_pvb": 0.5}
    optics = {"count": 2, "held_out": 2, "clips": 2, "side": 48}
    return recipe(loss, network="any_small", optics=optics, clips=clips, **changes)


def pairs() -> tuple[Tensor, Tensor]:
    """Targets (2, 1, 32, 32) of a field of 512 nm, and as masks (2, 1, 64, 64) the targets moved by 8 nm; bytes."""
    targets = torch.stack([clip.coverage(16.0) for clip in CLIPS])[:, None]
    masks = magnified(targets >= 0.5, 16.0, 8.0).roll(1, -1)
    return (255 * targets).round().byte(), masks.byte() * 255


class Given(nn.Module):
    """A generator that always gives the same logits (B, 1, H, W)."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, target: Tensor) -> Tensor:
        return self.logits


class Openness(nn.Module):
    """A discriminator whose logit is `scale` times what the mask's mean is above one half."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, target: Tensor, mask: Tensor) -> Tensor:
        assert mask.shape == target.shape
        return self.scale * (mask.mean((1, 2, 3)) - 0.5)


def task(generator: nn.Module, loss: dict[str, float], judge: nn.Module | None = None, **changes: Any) -> MaskTask:
    networks = nn.ModuleDict({"generator": generator} | ({"discriminator": judge} if judge else {}))
    made = recipe(loss, **changes)
    return MaskTask(networks, made, made.stages[0], [small_simulator()], {})


def write_recipe(folder: Path, *changes: tuple[str, str]) -> Path:
    text = TOML
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


def write_model(
    folder: Path, process: ProcessModel, name: str = "drawn", scores: Mapping[str, float] = MappingProxyType({})
) -> Path:
    """A network of random weights for a process called `small`."""
    torch.manual_seed(0)
    network = make_generator("fcn_mask_small")
    nn.init.constant_(network[1].head.scores[0].conv.bias, -0.2)
    optics = {"name": "small", "digest": process_digest(process)}
    path = folder / f"{name}.safetensors"
    save_generator(path, network, Card(recipe=recipe({"bce": 1.0}), optics=optics, data={}, scores=dict(scores)))
    return path


def write_seeing_model(folder: Path, name: str = "any_small-for-any") -> Path:
    """A network of random weights for any optics."""
    torch.manual_seed(1)
    path = folder / f"{name}.safetensors"
    card = Card(recipe=seeing_recipe(), optics=ANY_OPTICS, data={}, scores={"l2_pvb_nm2": 1.0})
    save_generator(path, make_generator("any_small"), card)
    return path


def check_scores(generator: Generator, process: ProcessModel) -> dict[str, float]:
    """The scores that its card keeps as `check`, but for those of a discriminator, which has no file."""
    made = generator.card.recipe
    networks = nn.ModuleDict({"generator": generator.weights})
    if made.optics is not None:
        seen = checked_optics(made)
        drawn = {
            number: Simulator(drawn_process(made.optics.seed + number, made.optics.side, made.pixel_nm))
            for number in seen.tensors[1].tolist()
        }
        return score(UnrolledTask(networks, made, made.stages[-1], drawn, {}), seen, CHECKED_CLIPS)
    stage = made.stages[0].model_copy(update={"loss": {"bce": 1.0}, "clips": ()})
    task = MaskTask(networks, made, stage, [Simulator(process)], {})
    clips = checked_clips(made, process)
    assert clips is not None
    return score(task, clips, CHECKED_CLIPS)
