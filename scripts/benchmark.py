"""Speed and memory of the simulator against full-grid FFT SOCS and Abbe; writes results/speed.csv, .md and .png.

Every case runs in a process of its own, so its peak memory is its own. A case computes the images at best focus and
out of focus, with 24 + 24 kernels, of random Manhattan masks at 1 nm; forward+backward adds the gradient of the mask.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import torch
from full_grid import full_grid_images
from rich.progress import track
from torch import Tensor

from litho_dl.core.dft import analyse, analysis, full_spectrum, synthesis, synthesise
from litho_dl.core.grid import Grid
from litho_dl.core.io import write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.optics.abbe import abbe_intensity_spectrum
from litho_dl.optics.source import sample_source
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.simulation.simulator import Simulator
from litho_dl.viz.figure import save_figure
from litho_dl.viz.speed import speed_figure

RECIPE, COUNT, PIXEL_NM = "iccad13-like", 24, 1.0
SIZES_NM = (512, 1024, 2048, 4096, 8192)
ABBE_LIMIT_NM = 2048  # beyond it one case takes many minutes
GRADIENT_LIMIT_NM = 4096  # beyond it the full grid's autograd keeps 24 GB of fields
ENGINES = {"litho_dl": "litho_dl", "full_grid": "full-grid FFT", "abbe": "Abbe"}


@dataclass(frozen=True)
class Case:
    """One thing to measure."""

    engine: str
    mode: str
    field_nm: int
    batch: int
    device: str
    repeats: int
    kernels: str


def cases(kernels: dict[int, str], quick: bool) -> Iterator[Case]:
    """What is measured: every engine over clip sizes, then ours over batch sizes, on every device there is."""
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() and not quick else [])]:
        for mode in ("forward", "forward+backward"):
            for size, path in kernels.items():
                slow = 1 if size > 2048 else 3
                yield Case("litho_dl", mode, size, 1, device, 20 if size <= 2048 else 5, path)
                if mode == "forward" or size <= GRADIENT_LIMIT_NM:
                    yield Case("full_grid", mode, size, 1, device, slow, path)
                if not quick and size <= ABBE_LIMIT_NM:
                    yield Case("abbe", mode, size, 1, device, slow, path)
            for batch in () if quick else (2, 4, 8, 16):
                yield Case("litho_dl", mode, 2048, batch, device, 5, kernels[2048])


def measure(case: Case) -> dict[str, float]:
    """Seconds (median; after a warm-up unless there is one run only) and peak MB of a case, in this process."""
    mask = random_masks(case.batch, case.field_nm).to(case.device)
    images = ENGINE_BUILDERS[case.engine](case, mask)
    mask.requires_grad_(case.mode != "forward")
    gradient = torch.rand_like(mask)

    def once() -> None:
        made = images()
        if mask.requires_grad:
            mask.grad = None
            torch.autograd.backward(list(made.values()), [gradient] * len(made))
        if case.device == "cuda":
            torch.cuda.synchronize()

    if case.repeats > 1:
        once()
    seconds = []
    for _ in range(case.repeats):
        started = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() / 2**20 if case.device == "cuda" else resident_peak_mb()
    return {"seconds": statistics.median(seconds), "peak_mb": peak}


def resident_peak_mb() -> float:
    """Peak resident memory of this process; on Linux without what it inherited from its parent before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


Images = Callable[[], dict[str, Tensor]]


def build_simulator(case: Case, mask: Tensor) -> Images:
    """Ours."""
    simulator = Simulator(load_kernels(case.kernels)).to(case.device)
    return lambda: simulator.expose(mask, PIXEL_NM).intensity


def build_full_grid(case: Case, mask: Tensor) -> Images:
    """The usual way."""
    kernels = load_kernels(case.kernels).kernels
    return lambda: full_grid_images(mask, kernels)


def build_abbe(case: Case, mask: Tensor) -> Images:
    """Source points in place of kernels, on our band-limited grids: how much SOCS itself saves."""
    process = load_kernels(case.kernels)
    recipe = process.recipe
    assert recipe is not None
    source = sample_source(recipe.source, recipe.source_samples())
    grid, half = Grid(tuple(mask.shape[-2:]), PIXEL_NM), process.half
    settings: dict[str, Any] = {"dtype": torch.float32, "device": mask.device}
    into = analysis(grid, half, reference_nm=process.mask_pixel_nm, **settings)
    out = synthesis(grid, (2 * half[0], 2 * half[1]), **settings)
    foci = {corner.defocus_nm for corner in recipe.corners.values()}

    def images() -> dict[str, Tensor]:
        spectrum = full_spectrum(analyse(mask, into))
        spectra = {
            z: abbe_intensity_spectrum(spectrum, source, recipe.pupil, process.field_nm, defocus_nm=z) for z in foci
        }
        return {f"{z:g}": synthesise(image, out) for z, image in spectra.items()}

    return images


ENGINE_BUILDERS = {"litho_dl": build_simulator, "full_grid": build_full_grid, "abbe": build_abbe}


def random_masks(batch: int, size: int) -> Tensor:
    """Manhattan masks of 64 nm blocks, (B, N, N), seeded."""
    blocks = torch.rand(batch, size // 64, size // 64, generator=torch.Generator().manual_seed(0)) > 0.5
    return blocks.float().repeat_interleave(64, -2).repeat_interleave(64, -1)


def run_case(case: Case) -> dict[str, Any]:
    """Measures a case in a process of its own."""
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case))]
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # for all engines, as the command line does
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if finished.returncode != 0:
        raise click.ClickException(f"{case.engine}, {case.field_nm} nm, {case.mode} failed:\n{finished.stderr}")
    row = {**asdict(case), **json.loads(finished.stdout)}
    del row["kernels"]
    return row


def make_kernels(folder: Path, sizes: tuple[int, ...]) -> dict[int, str]:
    """Kernel files of every field; the mask pixel is 1 nm, so that ours and the full grid compute the same thing."""
    paths = {}
    for size in sizes:
        process = build_process(load_recipe(RECIPE), field_nm=(size, size), count=COUNT)
        kernels = {name: replace(k, mask_pixel_nm=PIXEL_NM) for name, k in process.kernels.items()}
        paths[size] = str(folder / f"{size}.safetensors")
        save_kernels(paths[size], replace(process, kernels=kernels))
    return paths


def seconds_of(rows: list[dict[str, Any]], engine: str, mode: str, field_nm: int, device: str) -> float | None:
    """Seconds of a single clip; None where it was not measured."""
    keys = {"engine": engine, "mode": mode, "field_nm": field_nm, "device": device, "batch": 1}
    return next((row["seconds"] for row in rows if all(row[key] == value for key, value in keys.items())), None)


def summarise(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The headline: ratios to the full grid for a 2048 nm clip on the CPU, and our peak memory."""
    ratios = {}
    for name, mode in (("forward", "forward"), ("backward", "forward+backward")):
        theirs, ours_ = (seconds_of(rows, engine, mode, 2048, "cpu") for engine in ("full_grid", "litho_dl"))
        assert theirs is not None
        assert ours_ is not None
        ratios[f"{name}_ratio"] = theirs / ours_
    ours = [row for row in rows if row["engine"] == "litho_dl" and row["field_nm"] == 2048 and row["batch"] == 1]
    return {**ratios, "peak_mb": max(row["peak_mb"] for row in ours if row["device"] == "cpu")}


def write_results(rows: list[dict[str, Any]], out: Path) -> None:
    """CSV, Markdown and figure."""
    write_csv(out / "speed.csv", rows)
    write_text(out / "speed.md", markdown(rows))
    series: dict[str, tuple[list[int], list[float]]] = {}
    for row in rows:
        if row["batch"] == 1:
            name = f"{ENGINES[row['engine']]}, {row['mode']}" + (", GPU" if row["device"] == "cuda" else "")
            sizes, seconds = series.setdefault(name, ([], []))
            sizes.append(row["field_nm"])
            seconds.append(row["seconds"])
    figure = speed_figure(
        series,
        x_label="clip side (nm)",
        y_label="seconds a clip",
        title="Two foci, 24 + 24 kernels",
    )
    save_figure(figure, out / "speed.png")


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table, with the command and the machine above it."""
    headline = summarise(rows)
    lines = [
        "# Speed",
        "",
        "`python scripts/benchmark.py` measured this: images in and out of focus (24 + 24 kernels) of clips at 1 nm.",
        "Those in focus have real fields; litho_dl makes the same images of 12 (docs/physics.md).",
        f"Machine: {os.cpu_count()} CPU cores ({platform.machine()}), torch {torch.__version__}"
        + (f", {torch.cuda.get_device_name()}." if torch.cuda.is_available() else ", no GPU."),
        "Peak memory is that of the whole process (on a GPU: of its tensors); each case runs in its own.",
        "",
        f"For a 2048 nm clip on the CPU: forward **{headline['forward_ratio']:.0f}x**, forward+backward "
        f"**{headline['backward_ratio']:.0f}x** faster than full-grid FFTs; peak {headline['peak_mb']:.0f} MB.",
        "",
        "| engine | device | clip (nm) | batch | mode | ms a clip | peak (MB) | times faster than full grid |",
        "|---|---|---:|---:|---|---:|---:|---:|",
    ]
    for row in rows:
        each = row["seconds"] / row["batch"]
        baseline = seconds_of(rows, "full_grid", row["mode"], row["field_nm"], row["device"])
        ratio = "-" if baseline is None else f"{baseline / each:,.1f}"
        lines.append(
            f"| {ENGINES[row['engine']]} | {row['device']} | {row['field_nm']} | {row['batch']} | {row['mode']} "
            f"| {each * 1000:,.1f} | {row['peak_mb']:,.0f} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--quick", is_flag=True, help="Only the 2048 nm clip on the CPU; under a minute; writes no files.")
@click.option("--json", "as_json", is_flag=True, help="Print the headline as JSON.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
@click.option("--case", "case_json", hidden=True, help="Measure one case and print it (used by this script itself).")
def main(quick: bool, as_json: bool, out: Path, case_json: str | None) -> None:
    """Measure the simulator against full-grid FFT SOCS and Abbe."""
    if case_json:
        keep_memory()  # for all engines, as the command line does
        click.echo(json.dumps(measure(Case(**json.loads(case_json)))))
        return
    with tempfile.TemporaryDirectory() as folder:
        kernels = make_kernels(Path(folder), (2048,) if quick else SIZES_NM)
        todo = list(cases(kernels, quick))
        rows = [run_case(case) for case in track(todo, "Measuring", disable=as_json)]
    if not quick:
        write_results(rows, out)
    headline = summarise(rows)
    click.echo(json.dumps(headline) if as_json else "\n".join(f"{key} {value:.1f}" for key, value in headline.items()))


if __name__ == "__main__":
    main()
