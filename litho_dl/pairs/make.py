"""One shard, start to end: clips read, masks optimised as one batch, scored, checked, written."""

import platform
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.device import resolve_device
from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid
from litho_dl.core.workers import require_shared
from litho_dl.ilt.method import Method
from litho_dl.layout.clips import Clip, on_pixel, place
from litho_dl.pairs.manifest import CLIPS, MANIFEST, OPTICS, ShardEntry, read_manifest, shard_path
from litho_dl.pairs.plan import read_clips
from litho_dl.pairs.recipe import DatasetRecipe, Quality
from litho_dl.pairs.shard import SPLITS, PairBlock, write_shard
from litho_dl.process.files import load_kernels
from litho_dl.runs.optimize import solve
from litho_dl.scoring.evaluate import Evaluation, evaluate_mask
from litho_dl.scoring.protocol import Protocol, default_protocol
from litho_dl.simulation.simulator import Simulator

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


@lru_cache(maxsize=1)
def _setting(folder: str, digest: str, device: str) -> _Setting:
    """Read once a process."""
    manifest = read_manifest(require_shared(Path(folder), MANIFEST))
    if manifest.digest != digest:
        raise DatasetError(f"{folder}: {platform.node()} sees another data set by this path.")
    process = load_kernels(Path(folder) / OPTICS)
    return _Setting(
        recipe=DatasetRecipe.model_validate(manifest.settings["recipe"]),
        method=Method.model_validate(manifest.settings["resolved"]["method"]),
        simulator=Simulator(process).to(resolve_device(device)),
        settings=manifest.settings,
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
    planned = read_clips(folder / CLIPS, task.digest, first, first + recipe.shard_clips)
    clips = [place(clip.layout, process, clip.name) for clip in planned]
    missed = [None if _visible(setting, clip) else "empty_target" for clip in clips]
    drawn = [index for index, limit in enumerate(missed) if limit is None]
    lap("read")
    masks, mask_nm = _solved(setting, [clips[index] for index in drawn])
    lap("solve")
    scores = {}
    for index, mask in zip(drawn, masks, strict=True):
        scores[index] = _score(setting, clips[index], mask, mask_nm)
        written = _bytes(on_pixel(mask, mask_nm, recipe.pixel_nm)).any()
        missed[index] = missed_limit(scores[index], recipe.quality) if written else "empty_mask"
    lap("score")
    kept = [index for index, limit in enumerate(missed) if limit is None]
    rows = [row for row, index in enumerate(drawn) if missed[index] is None]
    images = _images(setting, [clips[index] for index in kept], masks[rows], mask_nm)
    block = PairBlock(
        images=images,
        name=[planned[index].name for index in kept],
        seed=np.array([planned[index].seed for index in kept], dtype=np.uint64),
        pattern=[planned[index].pattern for index in kept],
        split=np.array([SPLITS.index(planned[index].split) for index in kept], dtype=np.uint8),
        score={name: np.array([scores[index][name] for index in kept]) for name in scores[kept[0]]} if kept else {},
    )
    lap("images")
    rejected = dict(sorted(Counter(limit for limit in missed if limit is not None).items()))
    settings = {
        **setting.settings,
        "shard": task.index,
        "clips": len(clips),
        "rejected": rejected,
        "device": setting.simulator.device.type,
    }
    sha256 = write_shard(shard_path(folder, task.index), block, settings)
    lap("write")
    return ShardReport(task.index, ShardEntry(sha256, len(clips), len(kept), rejected), seconds)


def _visible(setting: _Setting, clip: Clip) -> bool:
    """True if the clip covers a pixel of those that are scored and of those that are stored."""
    stored, scored_nm = clip.coverage(setting.recipe.pixel_nm), _protocol(setting).pixel_nm
    if stored.max() == 1 and setting.recipe.pixel_nm >= 2 * scored_nm:  # a whole scored pixel lies within
        return True
    return bool(_bytes(stored).any()) and bool((clip.coverage(scored_nm) >= 0.5).any())


def _solved(setting: _Setting, clips: list[Clip]) -> tuple[Tensor, float]:
    """The clips' masks, bool (n, h, w), and their pixel; there may be no clip."""
    simulator = setting.simulator
    if not clips:
        return torch.zeros(0, 1, 1, dtype=torch.bool), setting.recipe.pixel_nm
    solution = solve(simulator, clips, setting.method)
    solution.require_finished()
    return solution.mask, solution.pixel_nm


def _score(setting: _Setting, clip: Clip, mask: Tensor, pixel_nm: float) -> dict[str, float]:
    """Scores of one mask, from float32 images: float64, as in `runs.optimize`, would take twice as long."""
    return figures(evaluate_mask(mask, pixel_nm, clip.placed, setting.simulator, _protocol(setting)))


def _protocol(setting: _Setting) -> Protocol:
    """The process's own, without what no limit asks for."""
    protocol = default_protocol(setting.simulator.process)
    rules = None if setting.recipe.quality.mrc_violations is None else protocol.rules
    return replace(protocol, edges=False, rules=rules)


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


def _images(setting: _Setting, clips: list[Clip], masks: Tensor, mask_nm: float) -> dict[str, np.ndarray]:
    """The pairs' images on the recipe's pixel, (n, H, W) each; there may be no pair."""
    pixel_nm = setting.recipe.pixel_nm
    shape = Grid.of_field(setting.simulator.process.field_nm, pixel_nm).shape
    images = {
        name: np.zeros((len(clips), *shape), np.float16 if name == "aerial" else np.uint8)
        for name in ("target", "mask", *setting.recipe.images)
    }
    for row, (clip, mask) in enumerate(zip(clips, masks, strict=True)):
        images["target"][row] = _bytes(clip.coverage(pixel_nm))
        images["mask"][row] = _bytes(on_pixel(mask, mask_nm, pixel_nm))
        if setting.recipe.images:
            with torch.no_grad():
                exposure = setting.simulator(mask.to(setting.simulator.dtype), mask_nm, out_pixel_nm=pixel_nm)
            if "aerial" in images:
                images["aerial"][row] = exposure.aerial("nominal").cpu().numpy()
            if "print" in images:
                images["print"][row] = exposure.binary_print("nominal").cpu().numpy() * np.uint8(255)
    return images


def _bytes(coverage: Tensor) -> np.ndarray:
    """Coverage in [0, 1] as 0 to 255."""
    return (coverage * 255).round().to(torch.uint8).numpy()
