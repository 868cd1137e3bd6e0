"""A whole layout's mask: its time, memory and seams, and whether tiles change anything; writes results/fullchip.*.

`python scripts/fullchip.py --layout FILE --layer L/D`; parts that are not named keep what results/fullchip.json has of
them. Every part works in a folder of --folder.
"""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from benchmark import resident_peak_mb
from fullchip_tables import INTERIOR_NM, NEAR_NM, SCALING_NM, SECTIONS, TILE_NM, WHOLE_NM, markdown
from process_memory import PeakMemory

from litho_dl.core.io import require_writable_folder, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.chip_score import chip_score, chip_sites, seam_table
from litho_dl.fullchip.halo import TOLERANCE, halo_nm
from litho_dl.fullchip.job import Job
from litho_dl.fullchip.pictures import draw_chip
from litho_dl.fullchip.run import ChipRun, run_fullchip
from litho_dl.fullchip.tiling import STEP_NM, plan_tiling
from litho_dl.generators.model import Generator, load_generator
from litho_dl.ilt.method import load_method
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.raster import rasterize
from litho_dl.process.files import load_process
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator

LARGE_TILE_NM = 4608.0  # that a block of 30 um gets
LOOSE = 3e-4  # a larger tolerance than the command's own
PASSES = (1, 2, 3)
SCALES = (1, 2, 4, 8)
NETWORK, NETWORK_OPTICS, REFINED = "unet", "iccad13-like", (10, 20, 40)
DASK_WORKERS, DASK_ROUNDS = 4, 3
MB_PER_KB = 1 / 1024


class Bench:
    """One layout, optics and method, in a folder."""

    def __init__(self, layout: Path, layer: str | None, optics: str, method: str, folder: Path, workers: int) -> None:
        self.layout, self.layer, self.optics, self.method = layout, layer, optics, method
        self.folder, self.workers = folder, workers
        self.chip = Chip.read(layout, layer=layer)
        self.process: ProcessModel = load_process(optics)

    def run(
        self,
        name: str,
        *,
        window_nm: Box | None = None,
        core_nm: float | None = None,
        passes: int = 1,
        tolerance: float = TOLERANCE,
        network: Generator | None = None,
        steps: int | None = None,
        batch: int = 1,
        **how: Any,
    ) -> ChipRun:
        """A run from the start in a folder of its own; with a network, the method only refines its masks, by steps."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        method = load_method(self.method) if network is None or steps else None
        labels = {"layout": self.layout.name, "optics": self.optics, "method": self.method}
        job = Job(self.chip, self.process, method, network, steps, passes, batch, window_nm, core_nm, tolerance, labels)
        how.setdefault("workers", self.workers)
        return run_fullchip(job, place, self.folder / f"{name}.oas", **how)

    @cached_property
    def piece(self) -> Layout:
        """The mask of a window of `WHOLE_NM` in one tile."""
        halo = plan_tiling(self.chip.bbox_nm, halo_nm(self.process, TOLERANCE)).halo_nm
        whole = float(STEP_NM * np.ceil((WHOLE_NM + 2 * halo) / STEP_NM))
        window = self.window(WHOLE_NM, WHOLE_NM)
        return self.run("piece", window_nm=window, core_nm=whole, workers=1).mask

    def window(self, width_nm: float, height_nm: float) -> Box:
        """A window around the layout's middle."""
        x0, y0, x1, y1 = self.chip.bbox_nm
        left, bottom = round((x0 + x1 - width_nm) / 2), round((y0 + y1 - height_nm) / 2)
        return left, bottom, left + width_nm, bottom + height_nm


def chip(bench: Bench, out: Path) -> dict[str, Any]:
    """The whole layer: score, seconds, memory, and its picture."""
    with PeakMemory() as memory:
        run = bench.run("chip")
    tiling, scores = run.plan.tiling, list(run.scores.values())
    sites = chip_sites(scores, tiling)
    rows = seam_table(sites)
    draw_chip(out / "fullchip.png", tiling, sites, f"{bench.layout.stem}, {bench.method}")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * MB_PER_KB
    return {
        "tiles": run.tiles,
        "rows": tiling.shape[0],
        "columns": tiling.shape[1],
        "core_nm": tiling.core_nm,
        "halo_nm": tiling.halo_nm,
        "seconds": run.seconds,
        "workers": bench.workers,
        "tile_seconds": sorted(run.tile_seconds.values()),
        "score_seconds": sorted(run.score_seconds.values()),
        "together_mb": memory.peak_mb,
        "main_mb": resident_peak_mb(),
        "worker_mb": largest,
        "score": chip_score(scores, tiling).as_dict(),
        "seams": [vars(row) for row in rows],
    }


def tiled(bench: Bench, out: Path) -> dict[str, Any]:
    """One window in tiles and in one piece: how far their prints are apart, by the tiles' size and halo."""
    window = bench.window(WHOLE_NM, WHOLE_NM)
    rows = []
    for core, tolerance in ((TILE_NM, LOOSE), (TILE_NM, TOLERANCE), (LARGE_TILE_NM, TOLERANCE)):
        run = bench.run("tiles", window_nm=window, core_nm=core, tolerance=tolerance)
        distance = contour_distance(bench.process, bench.piece, run.mask, window)
        shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
        values = {name: float(np.quantile(distance, share)) for name, share in shares}
        rows.append(
            {
                "core_nm": core,
                "tolerance": tolerance,
                "halo_nm": run.plan.tiling.halo_nm,
                "points": len(distance),
                "mean": float(distance.mean()),
                **values,
                "max": float(distance.max()),
                "near": float((distance <= NEAR_NM).mean()),
            }
        )
    return {"rows": rows}


def passes(bench: Bench, out: Path) -> dict[str, Any]:
    """One window in one pass over its tiles and in more: what they cost, and what they bring."""
    window, rows = bench.window(WHOLE_NM, WHOLE_NM), []
    for number in PASSES:
        run = bench.run(f"passes_{number}", window_nm=window, core_nm=TILE_NM, passes=number)
        score = chip_score(list(run.scores.values()), run.plan.tiling).as_dict()
        names = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_mean_abs_nm", "seam_epe_nm", "interior_epe_nm")
        distance = contour_distance(bench.process, bench.piece, run.mask, window)
        rows.append(
            {
                "passes": number,
                "work": sum(run.tile_seconds.values()),
                "from_piece_nm": float(distance.mean()),
                **{name: score[name] for name in names},
            }
        )
    return {"rows": rows}


def contour_distance(process: ProcessModel, one: Layout, other: Layout, window: Box) -> np.ndarray:
    """How far the nominal contour of one mask's print is from another's, in nm, along it in the window's interior.

    By the difference of the images over the slope of the first, at the pixels of 1 nm beside its contour; 50 at most.
    """
    sides = (window[3] - window[1], window[2] - window[0])
    simulator = Simulator(process.on_field(sides))
    images = []
    for mask in (one, other):
        placed = mask.clipped(window).translated(-window[0], -window[1])
        coverage = rasterize(placed, simulator.grid(1.0))
        with torch.no_grad():
            images.append(simulator(torch.from_numpy(coverage), 1.0).aerial().numpy())
    first, second = images
    printed = first >= process.resist.threshold
    edge = np.zeros_like(printed)
    edge[:-1] |= printed[:-1] != printed[1:]
    edge[:, :-1] |= printed[:, :-1] != printed[:, 1:]
    margin = round(INTERIOR_NM)
    inner = np.zeros_like(edge)
    inner[margin:-margin, margin:-margin] = True
    rows, columns = np.nonzero(edge & inner)
    slope = np.hypot(
        (first[rows + 1, columns] - first[rows - 1, columns]) / 2,
        (first[rows, columns + 1] - first[rows, columns - 1]) / 2,
    )
    return np.minimum(np.abs(second[rows, columns] - first[rows, columns]) / slope, 50.0)


def network(bench: Bench, out: Path) -> dict[str, Any]:
    """One window by the method, by a network, and by the network and some steps of the method; all in one process."""
    other = Bench(bench.layout, bench.layer, NETWORK_OPTICS, bench.method, bench.folder, 1)
    drawn = load_generator(NETWORK, other.process)
    window = bench.window(WHOLE_NM / 2, WHOLE_NM / 2)
    ways: list[tuple[Generator | None, int | None]] = [(None, None), (drawn, None), *((drawn, n) for n in REFINED)]
    rows = []
    for generator, steps in ways:
        run = other.run("network", window_nm=window, core_nm=TILE_NM, network=generator, steps=steps)
        score = chip_score(list(run.scores.values()), run.plan.tiling).as_dict()
        names = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_mean_abs_nm", "seam_epe_nm", "interior_epe_nm")
        work = sum(run.tile_seconds.values())
        rows.append({"network": generator is not None, "steps": steps, "work": work, **{n: score[n] for n in names}})
    return {"network": NETWORK, "optics": NETWORK_OPTICS, "method": bench.method, "rows": rows}


def resume(bench: Bench, out: Path) -> dict[str, Any]:
    """The command killed when half its tiles are done, run again: are the mask's bytes those of a run in one go?"""
    window = bench.window(WHOLE_NM / 2, WHOLE_NM / 2)
    place = bench.folder / "resume"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    masks, killed_at, total = [], 0, 0
    for name, kill in (("whole", False), ("killed", True)):
        mask = place / f"{name}.oas"
        command = [
            sys.executable, "-m", "litho_dl.cli.main", "fullchip", str(bench.layout), "--optics", bench.optics,
            "--method", bench.method, "--window", ",".join(f"{edge:g}" for edge in window), "--tile", f"{TILE_NM:g}",
            "--out", str(mask), "--no-figures", "--workers", str(bench.workers),
            *(["--layer", bench.layer] if bench.layer else []),
        ]  # fmt: skip
        if kill:
            killed_at = _killed_half_way(command, place / f"{name}.fullchip" / "tiles", total)
        subprocess.run(command, check=True, capture_output=True)
        total = len(list((place / f"{name}.fullchip" / "tiles").glob("mask_*")))
        masks.append(hashlib.sha256(mask.read_bytes()).hexdigest())
    return {"tiles": total, "killed_at": killed_at, "same": masks[0] == masks[1]}


def _killed_half_way(command: list[str], tiles: Path, total: int) -> int:
    """Starts a command and kills its whole process group when half the tiles are there; returns how many."""
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = 0
    while process.poll() is None and (done := len(list(tiles.glob("mask_*")))) < total // 2:
        time.sleep(0.2)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return done


def scaling(bench: Bench, out: Path) -> dict[str, Any]:
    """Seconds of 1, 2, 4 and 8 tiles, one after the other in this process."""
    rows = []
    halo = plan_tiling(bench.chip.bbox_nm, halo_nm(bench.process, TOLERANCE)).halo_nm
    for count in SCALES:
        columns = 2 ** ((count.bit_length()) // 2)
        across = (columns * SCALING_NM, count // columns * SCALING_NM)
        window = bench.window(across[0] - 2 * halo, across[1] - 2 * halo)
        started = time.perf_counter()
        run = bench.run(f"scale_{count}", window_nm=window, core_nm=SCALING_NM, workers=1)
        rows.append({"tiles": sum(run.tiles[name] for name in ("solved", "repeated")), "solve": run.seconds["solve"],
                     "score": run.seconds["score"], "all": time.perf_counter() - started})  # fmt: skip
    return {"rows": rows}


def dask(bench: Bench, out: Path) -> dict[str, Any]:
    """The same tiles by local workers and by as many workers of a Dask cluster on this machine, in turn; medians."""
    window = bench.window(WHOLE_NM / 2, WHOLE_NM / 2)
    ways: dict[str, dict[str, Any]] = {"local": {}, "dask": {"scheduler": "local"}}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    digests, tiles = set(), 0
    for _ in range(DASK_ROUNDS):
        for name, how in ways.items():
            run = bench.run(f"by_{name}", window_nm=window, core_nm=TILE_NM, workers=DASK_WORKERS, **how)
            seconds[name].append(run.seconds["solve"])
            digests.add(hashlib.sha256((bench.folder / f"by_{name}.oas").read_bytes()).hexdigest())
            tiles = len(run.tile_seconds)
    return {"workers": DASK_WORKERS, "tiles": tiles, "seconds": seconds, "same": len(digests) == 1}


@click.command()
@click.option("--layout", required=True, type=click.Path(path_type=Path), help="A layout of some 30 um.")
@click.option("--layer", help="Its layer.")
@click.option("--optics", default="duv193-immersion-annular", show_default=True)
@click.option("--method", default="fast", show_default=True)
@click.option(
    "--parts", default="all", show_default=True, help=f"all, or of {', '.join(SECTIONS)}, with commas between."
)
@click.option("--workers", default=2, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("runs/fullchip"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(
    layout: Path, layer: str | None, optics: str, method: str, parts: str, workers: int, folder: Path, out: Path
) -> None:
    """Measure full-chip runs."""
    keep_memory()
    require_writable_folder(out)
    bench = Bench(layout, layer, optics, method, folder, workers)
    stored = out / "fullchip.json"
    found = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    parts_of = (chip, tiled, passes, network, resume, scaling, dask)
    measures = {part.__name__: part for part in parts_of}
    for name in SECTIONS if parts == "all" else parts.split(","):
        click.echo(name, err=True)
        found[name] = measures[name](bench, out)
        write_text(stored, json.dumps(found, indent=1) + "\n")
    command = f"python scripts/fullchip.py --layout {layout.name}" + (f" --layer {layer}" if layer else "")
    command += f" --optics {optics} --method {method} --workers {workers}"
    text = markdown(found, command)
    write_text(out / "fullchip.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
