"""The reference data sets: builds them, checks them, measures rate and loader, writes a data card to results/.

`python scripts/make_dataset.py --recipe metal-2k` and `--recipe via-1k`; --scale makes them larger or smaller.
"""

import os
import platform
import time
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch
from torch.utils.data import DataLoader

from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.progress import progress_bar
from litho_dl.core.workers import default_workers
from litho_dl.pairs.build import build, read_timing
from litho_dl.pairs.dataset import PairDataset
from litho_dl.pairs.export import pair_table
from litho_dl.pairs.manifest import Manifest, shard_path
from litho_dl.pairs.pictures import draw_pairs, draw_scores
from litho_dl.pairs.progress import BuildReporter
from litho_dl.pairs.recipe import load_dataset_recipe
from litho_dl.pairs.summary import read_scores, split_counts
from litho_dl.pairs.verify import verify

BATCH, NETWORK_NM = 64, 8.0
PASSES = 3


def loader_rate(folder: Path, workers: int, dtype: torch.dtype) -> float:
    """Pairs a second that a `DataLoader` gives in shuffled batches, median of whole passes after a first one."""
    pairs = PairDataset(folder, None, pixel_nm=NETWORK_NM, dtype=dtype)
    loader = DataLoader(pairs, BATCH, shuffle=True, num_workers=workers, persistent_workers=True)
    rates = []
    for _ in range(PASSES + 1):
        started = time.perf_counter()
        count = sum(len(targets) for targets, _ in loader)
        rates.append(count / (time.perf_counter() - started))
    return median(rates[1:])


def shares(folder: Path, manifest: Manifest) -> tuple[dict[str, float], float]:
    """Each part's share of the work, and the work's seconds a clip."""
    rows = list(read_timing(folder).values())
    if not rows or not manifest.pairs:
        raise click.ClickException(f"{folder}: expected pairs and their times, got none; build in a new --folder.")
    parts = {name: sum(row[name] for row in rows) for name in rows[0] if name not in ("shard", "clips")}
    whole = sum(parts.values())
    return {name: seconds / whole for name, seconds in parts.items()}, whole / sum(row["clips"] for row in rows)


CARD = """# {name}

{description}. `{command}` made this on {cores} CPU cores ({machine}), torch {torch}. The same recipe gives the same
bytes, on any number of workers.

- **Pairs:** {pairs:,} of {clips:,} clips; left out: {rejected}; limits: {limits}.
- **Splits**, by pattern: {splits}.
- **Masks:** `{method}` under `{optics}`, seed {seed}, {pixel:g} nm pixels on a field of {field:g} nm.
- **Symmetries** of the optics, and so of the augmentation: {symmetries}.
- **Size:** {pair_kb:.1f} KB a pair, {data_mb:.0f} MB in {shards} shards.
- **Rate:** {work_s:.2f} s of a worker a clip, so {rate:.0f} clips a minute from {workers} workers of one thread
  each; the solver takes {solve:.1%} of that, scoring {score:.1%}, rasters, compression and writing {rest:.1%}.
- **Loader:** {one:,.0f} pairs a second from one worker process and {two:,.0f} from two as bytes, {one_float:,.0f} and
  {two_float:,.0f} as float32, in shuffled batches of {batch}, {network_px} x {network_px} pixels of {network:g} nm.

| family | rules | clips | extent (nm) |
|---|---|---:|---:|
{sources}

| score | mean | 5 % | median | 95 % |
|---|---:|---:|---:|---:|
{scores}

![ten pairs: target, mask, print]({name}.png)

![histograms of the scores]({name}.scores.png)
"""


def card(name: str, folder: Path, manifest: Manifest, workers: int, command: str) -> str:
    """The data card."""
    settings, pairs = manifest.settings, read_scores(folder, manifest)
    recipe, (part, work_s) = settings["recipe"], shares(folder, manifest)
    size = sum(shard_path(folder, index).stat().st_size for index in manifest.shards)
    limits = (f"{limit} at most {value:g}" for limit, value in recipe["quality"].items() if value is not None)
    return CARD.format(
        name=name,
        description=recipe["description"],
        command=command,
        cores=os.cpu_count(),
        machine=platform.machine(),
        torch=torch.__version__,
        pairs=manifest.pairs,
        clips=manifest.clips,
        rejected=", ".join(f"{count} by {limit}" for limit, count in manifest.rejected.items()) or "none",
        limits=", ".join(limits) or "none",
        splits=", ".join(f"{split} {count:,}" for split, count in split_counts(pairs).items()),
        method=recipe["method"],
        optics=recipe["optics"],
        seed=recipe["seed"],
        pixel=recipe["pixel_nm"],
        field=settings["field_nm"][0],
        symmetries=", ".join(settings["symmetries"]),
        pair_kb=size / manifest.pairs / 1024,
        data_mb=size / 2**20,
        shards=len(manifest.shards),
        rate=60 * workers / work_s,
        workers=workers,
        work_s=work_s,
        solve=part["solve"],
        score=part["score"],
        rest=1 - part["solve"] - part["score"],
        one=loader_rate(folder, 1, torch.uint8),
        two=loader_rate(folder, 2, torch.uint8),
        one_float=loader_rate(folder, 1, torch.float32),
        two_float=loader_rate(folder, 2, torch.float32),
        batch=BATCH,
        network_px=round(settings["field_nm"][0] / NETWORK_NM),
        network=NETWORK_NM,
        sources="\n".join(map(source_row, settings["resolved"]["clips"])),
        scores="\n".join(score_row(score, values) for score, values in pairs.score.items()),
    )


def source_row(source: dict[str, Any]) -> str:
    """Where clips come from."""
    if "family" in source:
        cells = (source["family"], source["rules"]["description"], f"{source['count']:,}", f"{source['extent_nm']:g}")
    else:
        cells = ("windows of a layout", "", f"{source['count'] or 'all'}", f"{source['window_nm']:g}")
    return "| " + " | ".join(cells) + " |"


def score_row(score: str, values: np.ndarray) -> str:
    """Mean, 5 %, median and 95 % of a score."""
    numbers = [values.mean(), *np.quantile(values, (0.05, 0.5, 0.95))]
    return f"| {score} | " + " | ".join(f"{number:,.1f}" for number in numbers) + " |"


@click.command()
@click.option("--recipe", required=True, help="A data set recipe: a name or a .toml file.")
@click.option("--scale", default=1.0, show_default=True, help="Multiplies every count of clips.")
@click.option(
    "--workers", type=click.IntRange(1), default=default_workers(torch.device("cpu")), show_default="CPU cores"
)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the data set goes.  [default: runs/RECIPE]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(recipe: str, scale: float, workers: int, folder: Path | None, out: Path) -> None:
    """Build a reference data set, and write its data card."""
    name = Path(recipe).stem
    folder = folder or Path("runs") / name
    require_writable_folder(out)
    wanted = load_dataset_recipe(recipe).scaled(scale)
    with progress_bar(f"Making {name}", time_left=False) as advance:
        manifest = build(wanted, folder, workers=workers, on_progress=BuildReporter(advance))
    faults = verify(folder)
    if faults:
        raise click.ClickException("; ".join(faults))
    command = f"python scripts/make_dataset.py --recipe {recipe}" + (f" --scale {scale:g}" if scale != 1 else "")
    write_text(out / f"{name}.md", card(name, folder, manifest, workers, command))
    rows: list[dict[str, Any]] = pair_table(read_scores(folder, manifest))
    write_csv(out / f"{name}.csv", rows)
    draw_pairs(out / f"{name}.png", folder, manifest)
    draw_scores(out / f"{name}.scores.png", folder, manifest)
    click.echo((out / f"{name}.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
