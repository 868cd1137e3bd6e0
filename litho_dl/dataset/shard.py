"""One shard, start to end: clips read, masks optimised as one batch, scored, checked, written."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.clips import Clip, magnified, place, whole_factor
from litho_dl.core.device import resolve_device
from litho_dl.data.pairs import SPLITS, PairBlock, write_shard
from litho_dl.dataset.manifest import CLIPS, OPTICS, ShardEntry, read_manifest, shard_path
from litho_dl.dataset.plan import PlannedClip, read_clips
from litho_dl.dataset.recipe import DatasetRecipe, Quality
from litho_dl.evaluate import Evaluation, evaluate
from litho_dl.ilt.method import Method
from litho_dl.optimize import default_protocol, solve_clips
from litho_dl.process.files import load_kernels
from litho_dl.simulator import Simulator

SCORES = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_violations_neuralilt", "epe_sites", "shots")


@dataclass(frozen=True)
class ShardTask:
    """A shard to make: the data set's folder and digest, which shard, and where to compute."""

    folder: str
    digest: str
    index: int
    device: str


@dataclass(frozen=True)
class ShardReport:
    """A shard that was made, and the seconds that its parts took."""

    index: int
    entry: ShardEntry
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class _Setting:
    """What all shards of a data set share."""

    recipe: DatasetRecipe
    method: Method
    simulator: Simulator
    settings: dict[str, Any]
    digest: str


@lru_cache(maxsize=1)
def _setting(folder: str, digest: str, device: str) -> _Setting:
    """Read once a process."""
    manifest = read_manifest(Path(folder))
    process = load_kernels(Path(folder) / OPTICS)
    return _Setting(
        recipe=DatasetRecipe.model_validate(manifest.settings["recipe"]),
        method=Method.model_validate(manifest.settings["resolved"]["method"]),
        simulator=Simulator(process).to(resolve_device(device)),
        settings=manifest.settings,
        digest=digest,
    )


def make_shard(task: ShardTask) -> ShardReport:
    """Makes one shard of the data set in a folder that `build` has prepared.

    Raises:
        LithoError: The folder's files are damaged, or the shard cannot be written.
    """
    folder, seconds, started = Path(task.folder), {}, time.perf_counter()
    setting = _setting(task.folder, task.digest, task.device)

    def lap(part: str) -> None:
        nonlocal started
        now = time.perf_counter()
        seconds[part], started = now - started, now

    lap("start")
    recipe, process = setting.recipe, setting.simulator.process
    first = task.index * recipe.shard_clips
    planned = read_clips(folder / CLIPS, setting.digest, first, first + recipe.shard_clips)
    clips = [place(clip.layout, process.field_nm, clip.name) for clip in planned]
    lap("read")
    device = setting.simulator.device
    solution = solve_clips(clips, process, setting.method, device, simulator=setting.simulator)
    lap("solve")
    scored = [_scored(setting, clip, mask, solution.pixel_nm) for clip, mask in zip(clips, solution.mask, strict=True)]
    lap("score")
    missed = [missed_limit(score, recipe.quality) for score in scored]
    kept = [index for index, limit in enumerate(missed) if limit is None]
    block = _block(
        setting, [planned[i] for i in kept], [clips[i] for i in kept], solution.mask[kept], solution.pixel_nm
    )
    block = replace(block, score={name: np.array([scored[i][name] for i in kept]) for name in scored[0]})
    rejected = dict(sorted(Counter(limit for limit in missed if limit is not None).items()))
    lap("images")
    sha256 = write_shard(
        shard_path(folder, task.index),
        block,
        {**setting.settings, "shard": task.index, "clips": len(clips), "rejected": rejected},
    )
    lap("write")
    return ShardReport(task.index, ShardEntry(sha256, len(clips), len(kept), rejected), seconds)


def _scored(setting: _Setting, clip: Clip, mask: Tensor, pixel_nm: float) -> dict[str, float]:
    """Figures of one mask."""
    quality = setting.recipe.quality
    protocol = default_protocol(setting.simulator.process)
    rules = None if quality.mrc_violations is None else protocol.rules
    protocol = replace(protocol, edges=False, rules=rules)
    evaluation = evaluate(mask, pixel_nm, clip.placed, setting.simulator, protocol)
    return figures(evaluation)


def figures(evaluation: Evaluation) -> dict[str, float]:
    """The scorecard as plain numbers, with the target's area."""
    card = evaluation.scorecard
    found = {name: float(getattr(card, name)) for name in SCORES}
    found["target_nm2"] = float(evaluation.target.sum()) * evaluation.pixel_nm**2
    if card.mrc_violations is not None:
        found["mrc_violations"] = float(sum(card.mrc_violations.values()))
    return found


def missed_limit(score: dict[str, float], quality: Quality) -> str | None:
    """The first limit that a score misses, or None."""
    found = {
        "l2_share": score["l2_nm2"] / score["target_nm2"],
        "pvb_share": score["pvb_nm2"] / score["target_nm2"],
        "epe_violations": score["epe_violations"],
        "mrc_violations": score.get("mrc_violations", 0.0),
    }
    limits = quality.model_dump()
    return next((name for name, value in found.items() if limits[name] is not None and value > limits[name]), None)


def _block(
    setting: _Setting, planned: list[PlannedClip], clips: list[Clip], masks: Tensor, mask_nm: float
) -> PairBlock:
    """The pairs' images on the recipe's pixel, and what is known of their clips."""
    pixel_nm = setting.recipe.pixel_nm
    images: dict[str, list[np.ndarray]] = {name: [] for name in ("target", "mask", *setting.recipe.images)}
    for clip, mask in zip(clips, masks, strict=True):
        images["target"].append(_bytes(clip.coverage(pixel_nm)))
        images["mask"].append(_bytes(on_pixel(mask, mask_nm, pixel_nm)))
        if setting.recipe.images:
            with torch.no_grad():
                exposure = setting.simulator(mask.to(setting.simulator.dtype), mask_nm, out_pixel_nm=pixel_nm)
            if "aerial" in images:
                images["aerial"].append(exposure.aerial("nominal").cpu().numpy().astype(np.float16))
            if "print" in images:
                images["print"].append(exposure.binary_print("nominal").cpu().numpy().astype(np.uint8) * 255)
    height, width = (round(side / pixel_nm) for side in setting.simulator.process.field_nm)
    kinds = {"aerial": np.float16}
    return PairBlock(
        images={
            name: np.stack(own) if own else np.zeros((0, height, width), kinds.get(name, np.uint8))
            for name, own in images.items()
        },
        name=[clip.name for clip in planned],
        seed=np.array([clip.seed for clip in planned], dtype=np.uint64),
        pattern=[clip.pattern for clip in planned],
        split=np.array([SPLITS.index(clip.split) for clip in planned], dtype=np.uint8),
    )


def on_pixel(mask: Tensor, mask_nm: float, pixel_nm: float) -> Tensor:
    """Area coverage (H, W) of a mask on a pixel that divides its own or is a multiple of it."""
    if mask_nm > pixel_nm:
        return magnified(mask.float(), mask_nm, pixel_nm)
    return avg_pool2d(mask.float().cpu()[None, None], whole_factor(pixel_nm, mask_nm))[0, 0]


def _bytes(coverage: Tensor) -> np.ndarray:
    """Coverage in [0, 1] as 0 to 255."""
    return (coverage * 255).round().to(torch.uint8).numpy()
