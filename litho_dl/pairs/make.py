"""Making a shard: read its clips, optimise their masks as one batch, score, apply the quality limits, write."""

import platform
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
from litho_dl.core.settings import validated
from litho_dl.core.timing import PhaseTimer
from litho_dl.core.workers import require_shared
from litho_dl.ilt.method import Method
from litho_dl.layout.clips import Clip, on_pixel, place
from litho_dl.pairs.manifest import CLIPS, MANIFEST, OPTICS, ShardEntry, read_manifest, shard_path
from litho_dl.pairs.plan import read_clips
from litho_dl.pairs.recipe import DatasetRecipe, Quality
from litho_dl.pairs.shard import SPLITS, PairBlock, write_shard
from litho_dl.process.kernel_file import load_kernels
from litho_dl.runs.optimize import solve
from litho_dl.scoring.evaluate import Evaluation, evaluate_mask
from litho_dl.scoring.protocol import Protocol, default_protocol
from litho_dl.simulation.simulator import Simulator

SCORES = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_violations_neuralilt", "epe_sites", "shots")


@dataclass(frozen=True)
class ShardTask:
    """A shard to make.

    Attributes:
        folder: Folder of the data set.
        digest: Digest of its resolved recipe.
        index: Index of the shard, from 0.
        device: Device to compute on, as `--device`.
    """

    folder: str
    digest: str
    index: int
    device: str


@dataclass(frozen=True)
class ShardReport:
    """A finished shard, and the seconds of each phase of making it."""

    index: int
    entry: ShardEntry
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class _WorkerContext:
    """What a worker keeps in memory for all shards of a data set."""

    recipe: DatasetRecipe
    method: Method
    simulator: Simulator
    settings: dict[str, Any]


@lru_cache(maxsize=1)
def _worker_context(folder: str, digest: str, device: str) -> _WorkerContext:
    """Reads the context of a data set once per process."""
    manifest = read_manifest(require_shared(Path(folder), MANIFEST))
    if manifest.digest != digest:
        raise DatasetError(f"{folder}: {platform.node()} has another data set under this path.")
    process, origin = load_kernels(Path(folder) / OPTICS), str(Path(folder) / MANIFEST)
    return _WorkerContext(
        recipe=validated(DatasetRecipe, manifest.settings["recipe"], origin),
        method=validated(Method, manifest.settings["resolved"].get("method"), origin),
        simulator=Simulator(process).to(resolve_device(device)),
        settings=manifest.settings,
    )


def make_shard(task: ShardTask) -> ShardReport:
    """Makes one shard of a data set whose folder `build` has prepared.

    Raises:
        LithoError: The folder's files are damaged, or the shard cannot be written.
    """
    timer, folder = PhaseTimer(), Path(task.folder)
    context = _worker_context(task.folder, task.digest, task.device)
    recipe, process = context.recipe, context.simulator.process
    timer.finish("start")
    first = task.index * recipe.shard_clips
    planned = read_clips(folder / CLIPS, task.digest, first, first + recipe.shard_clips)
    clips = [place(clip.layout, process, clip.name) for clip in planned]
    violated = [None if _has_coverage(context, clip) else "empty_target" for clip in clips]
    solved = [index for index, limit in enumerate(violated) if limit is None]
    timer.finish("read")
    masks, mask_nm, diverged = _solve(context, [clips[index] for index in solved])
    timer.finish("solve")
    scores = {}
    for index, mask, failed in zip(solved, masks, diverged, strict=True):
        scores[index] = _score(context, clips[index], mask, mask_nm)
        has_shapes = _bytes(on_pixel(mask, mask_nm, recipe.pixel_nm)).any()
        limit = "diverged" if failed else violated_limit(scores[index], recipe.quality)
        violated[index] = limit if has_shapes else "empty_mask"
    timer.finish("score")
    kept = [index for index, limit in enumerate(violated) if limit is None]
    rows = [row for row, index in enumerate(solved) if violated[index] is None]
    images = _images(context, [clips[index] for index in kept], masks[rows], mask_nm)
    block = PairBlock(
        images=images,
        name=[planned[index].name for index in kept],
        seed=np.array([planned[index].seed for index in kept], dtype=np.uint64),
        pattern=[planned[index].pattern for index in kept],
        split=np.array([SPLITS.index(planned[index].split) for index in kept], dtype=np.uint8),
        score={name: np.array([scores[index][name] for index in kept]) for name in scores[kept[0]]} if kept else {},
    )
    timer.finish("images")
    rejected = dict(sorted(Counter(limit for limit in violated if limit is not None).items()))
    settings = {
        **context.settings,
        "shard": task.index,
        "clips": len(clips),
        "rejected": rejected,
        "device": context.simulator.device.type,
    }
    sha256 = write_shard(shard_path(folder, task.index), block, settings)
    timer.finish("write")
    return ShardReport(task.index, ShardEntry(sha256, len(clips), len(kept), rejected), timer.seconds)


def _has_coverage(context: _WorkerContext, clip: Clip) -> bool:
    """True if the clip covers a pixel of the stored target and one of the target that is scored."""
    stored, scored_nm = clip.coverage(context.recipe.pixel_nm), _protocol(context).pixel_nm
    if stored.max() == 1 and context.recipe.pixel_nm >= 2 * scored_nm:  # it contains a whole scored pixel
        return True
    return bool(_bytes(stored).any()) and bool((clip.coverage(scored_nm) >= 0.5).any())


def _solve(context: _WorkerContext, clips: list[Clip]) -> tuple[Tensor, float, list[bool]]:
    """The masks of any number of clips, bool (n, h, w), their pixel in nm, and whether each diverged."""
    if not clips:
        return torch.zeros(0, 1, 1, dtype=torch.bool), context.recipe.pixel_nm, []
    solution = solve(context.simulator, clips, context.method).require_finished()
    return solution.mask, solution.pixel_nm, solution.diverged.tolist()


def _score(context: _WorkerContext, clip: Clip, mask: Tensor, pixel_nm: float) -> dict[str, float]:
    """Scores of one mask, from float32 images: float64, as in `runs.optimize`, would take twice as long."""
    return pair_scores(evaluate_mask(mask, pixel_nm, clip.placed, context.simulator, _protocol(context)))


def _protocol(context: _WorkerContext) -> Protocol:
    """The default protocol of the process, without mask rules unless they have a limit."""
    protocol = default_protocol(context.simulator.process)
    rules = None if context.recipe.quality.mrc_violations is None else protocol.rules
    return replace(protocol, rules=rules)


def pair_scores(evaluation: Evaluation) -> dict[str, float]:
    """The scores of a pair that a data set stores, and the target's area."""
    card = evaluation.scorecard
    scores = {name: float(getattr(card, name)) for name in SCORES}
    scores["target_nm2"] = float(evaluation.target.sum()) * evaluation.pixel_nm**2
    if card.mrc_violations is not None:
        scores["mrc_violations"] = float(sum(card.mrc_violations.values()))
    return scores


def violated_limit(score: dict[str, float], quality: Quality) -> str | None:
    """The first quality limit that a pair exceeds.

    Args:
        score: Scores of `pair_scores`.
        quality: The limits.

    Returns:
        The limit's name; None if the pair meets all limits.
    """
    values = {
        "l2_share": score["l2_nm2"] / score["target_nm2"],
        "pvb_share": score["pvb_nm2"] / score["target_nm2"],
        "epe_violations": score["epe_violations"],
        "mrc_violations": score.get("mrc_violations", 0.0),
    }
    limits = quality.model_dump()
    return next((name for name, value in values.items() if limits[name] is not None and value > limits[name]), None)


def _images(context: _WorkerContext, clips: list[Clip], masks: Tensor, mask_nm: float) -> dict[str, np.ndarray]:
    """The images of any number of pairs on the recipe's pixel, (n, H, W) each."""
    pixel_nm, simulator = context.recipe.pixel_nm, context.simulator
    shape = Grid.of_field(simulator.process.field_nm, pixel_nm).shape
    images = {
        name: np.zeros((len(clips), *shape), np.float16 if name == "aerial" else np.uint8)
        for name in ("target", "mask", *context.recipe.images)
    }
    for row, (clip, mask) in enumerate(zip(clips, masks, strict=True)):
        images["target"][row] = _bytes(clip.coverage(pixel_nm))
        images["mask"][row] = _bytes(on_pixel(mask, mask_nm, pixel_nm))
        if context.recipe.images:
            with torch.no_grad():
                exposure = simulator(mask.to(simulator.dtype), mask_nm, out_pixel_nm=pixel_nm)
            if "aerial" in images:
                images["aerial"][row] = exposure.aerial("nominal").cpu().numpy()
            if "print" in images:
                images["print"][row] = exposure.binary_print("nominal").cpu().numpy() * np.uint8(255)
    return images


def _bytes(coverage: Tensor) -> np.ndarray:
    """Coverage in [0, 1] as uint8 from 0 to 255."""
    return (coverage * 255).round().to(torch.uint8).numpy()
