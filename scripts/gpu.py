"""ILT on a CUDA device: seconds, memory, agreement with the CPU, shares of the card's peak; results/gpu.csv and .md."""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import torch
from fullchip import Bench
from step_work import StepShape, Work, step_shape, step_work, total
from suites import ROOT, load_suite
from torch import Tensor

from litho_dl.comparison.suite import Suite
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.ilt.method import Method, load_method
from litho_dl.ilt.optimizer import make_optimizer
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Start
from litho_dl.ilt.problem import LevelProblem, geometric
from litho_dl.ilt.solve import Solution, solve_targets
from litho_dl.ilt.start import coarsened
from litho_dl.layout.clips import load_clip
from litho_dl.process.model import ProcessModel
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.simulator import Simulator

CLIPS = 10
LAYOUTS_OPTICS = "iccad13-like"
CHIP_OPTICS, CHIP_LAYER, TILES_AT_ONCE = "duv193-immersion-annular", "11/0", 8
WARM_UP_STEPS, TIMED_STEPS = 10, 50
PROGRESS = 0.5  # of the last level, where a step is timed
# Devices round differently, and hundreds of steps amplify it; float64 in place of float32, on the CPU, moves the means
# of `fast` by less than 0.001 % and of `quality` by 0.03 %.
RELATIVE_TOLERANCE = 0.005  # of mean L2 and PVB
EPE_TOLERANCE = 0.5  # violations a clip, in the mean
DEVICE = "cuda"

Row = dict[str, Any]
Imaging = Callable[[Tensor], tuple[Tensor, ...]]
Wrap = Callable[[Imaging, Tensor], Imaging]


@dataclass(frozen=True)
class Card:
    """Peak rates from the maker's data sheet: single precision without tensor cores, and memory."""

    flops_per_s: float
    bytes_per_s: float


CARDS = {
    "NVIDIA H200": Card(67e12, 4.8e12),
    "NVIDIA H100 80GB HBM3": Card(67e12, 3.35e12),
    "NVIDIA H100 PCIe": Card(51e12, 2.0e12),
    "NVIDIA A100-SXM4-80GB": Card(19.5e12, 2.039e12),
    "NVIDIA A100 80GB PCIe": Card(19.5e12, 1.935e12),
    "NVIDIA A100-SXM4-40GB": Card(19.5e12, 1.555e12),
    "NVIDIA A100-PCIE-40GB": Card(19.5e12, 1.555e12),
    "NVIDIA GeForce RTX 4090": Card(82.6e12, 1.008e12),
}


class WrappedSimulator(Simulator):
    """A simulator whose imaging of masks with gradient goes through what `wrap` makes of it, once a shape."""

    def __init__(self, process: ProcessModel, wrap: Wrap, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(process, dtype=dtype)
        self._wrap = wrap
        self._wrapped: dict[tuple[torch.Size, float], Imaging] = {}

    def shortened(self, count: int) -> Simulator:
        """As `Simulator.shortened`."""
        return WrappedSimulator(super().shortened(count).process, self._wrap, dtype=self.dtype).to(self.device)

    def image_spectra(self, mask: Tensor, pixel_nm: float) -> dict[str, Tensor]:
        """As `Simulator.image_spectra`."""
        plain = super().image_spectra
        if not mask.requires_grad:
            return plain(mask, pixel_nm)
        key = (mask.shape, pixel_nm)
        if key not in self._wrapped:
            with torch.no_grad():
                plain(mask, pixel_nm)  # makes the matrices, which a capture could not
            self._wrapped[key] = self._wrap(lambda values: tuple(plain(values, pixel_nm).values()), mask)
        return dict(zip(self.passband.kernels, self._wrapped[key](mask), strict=True))


def graphed(imaging: Imaging, mask: Tensor) -> Imaging:
    """A CUDA graph of the imaging, forward and backward: one launch in place of dozens."""
    return torch.cuda.make_graphed_callables(imaging, (torch.rand_like(mask).requires_grad_(),))  # type: ignore[return-value,arg-type]


def compiled(imaging: Imaging, mask: Tensor) -> Imaging:
    """What torch.compile makes of the imaging."""
    return torch.compile(imaging)


MODES: dict[str, Wrap | None] = {"eager": None, "CUDA graph": graphed, "torch.compile": compiled}


def gpu_suite(data: Path) -> Suite:
    """The ten contest clips, or in their absence ten of our own with the fitted contest optics."""
    if (data / "layouts").is_dir():
        return load_suite("iccad13", data)
    simulator = Simulator(LAYOUTS_OPTICS)
    paths = sorted((ROOT / "layouts").glob("*.glp"))[:CLIPS]
    clips = [load_clip(path, simulator) for path in paths]
    return Suite("layouts", LAYOUTS_OPTICS, simulator, clips, PROTOCOLS["iccad13"])


def replicated(targets: Tensor, batch: int) -> Tensor:
    """The first clips, or all of them over and over, (batch, H, W)."""
    return torch.stack(list(islice(cycle(targets), batch)))


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed_solves(simulator: Simulator, targets: Tensor, method: Method, repeats: int) -> tuple[list[float], Solution]:
    """Seconds of each solve, and the last one's solution."""
    seconds, solution = [], None
    for _ in range(repeats):
        wait(simulator.device)
        started = time.perf_counter()
        solution = solve_targets(simulator, targets, method.target_nm, method).require_finished()
        wait(simulator.device)
        seconds.append(time.perf_counter() - started)
    assert solution is not None
    return seconds, solution


def step_ms(simulator: Simulator, targets: Tensor, method: Method) -> tuple[float, StepShape]:
    """Milliseconds of one step of the last level, and its shape."""
    level = method.levels[-1]
    drawn = targets.to(simulator.device, simulator.dtype)
    mask, target = (coarsened(drawn, method.target_nm, pixel_nm) for pixel_nm in (level.pixel_nm, level.image_nm))
    parameterization = PARAMETERIZATIONS[level.parameterization or method.parameterization]()
    parameters = parameterization.start(Start(mask, level.pixel_nm, drawn, method.target_nm)).requires_grad_()
    optimizer = make_optimizer(level.optimizer or method.optimizer, method.momentum, parameters)
    stage = LevelProblem(simulator, method, level, parameterization, target)

    def steps(count: int) -> None:
        for step in range(count):
            stage.begin_step(PROGRESS)
            optimizer.step(parameters, stage, geometric(level.learning_rate, PROGRESS))
            with torch.no_grad():
                parameters.copy_(parameterization.project(parameters, step))
        wait(simulator.device)

    steps(WARM_UP_STEPS)
    started = time.perf_counter()
    steps(TIMED_STEPS)
    milliseconds = (time.perf_counter() - started) / TIMED_STEPS * 1e3
    seen, terms = stage.views(slice(0, len(targets))), len(level.objective or method.objective)
    pairs = stage.pairs(slice(0, len(targets)))
    points = 0 if pairs is None else 2 * pairs.counted.shape[1]
    return milliseconds, step_shape(simulator, level, seen, len(targets), parameters[0].numel(), terms, points)


def measure(suite: Suite, targets: Tensor, name: str, mode: str, batch: int, repeats: int) -> tuple[Row, Solution]:
    """One row of the speed table, and the solution."""
    method, wrap = load_method(name), MODES[mode]
    process = suite.simulator.process
    simulator = Simulator(process) if wrap is None else WrappedSimulator(process, wrap)
    simulator.to(DEVICE)
    chosen = replicated(targets, batch)
    gc.collect()  # an earlier mode's graphs hold memory
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    _, first = timed_solves(simulator, chosen, method, 1)
    seconds, solution = timed_solves(simulator, chosen, method, repeats)
    peak_mb = torch.cuda.max_memory_allocated() / 2**20
    milliseconds, shape = step_ms(simulator, chosen, method)
    row = {
        "method": name,
        "mode": mode,
        "batch": batch,
        "seconds_per_clip": statistics.median(seconds) / batch,
        "peak_mb": peak_mb,
        "mb_per_clip": peak_mb / batch,
        "pixels_differing_between_runs": int((first.mask != solution.mask).sum()),
        **step_row(milliseconds, step_work(shape), CARDS.get(torch.cuda.get_device_name())),
    }
    return row, solution


def step_row(milliseconds: float, work: dict[str, Work], card: Card | None) -> Row:
    """A step's time, work and rates, and the shares of a known card's peak."""
    together, seconds = total(work), milliseconds / 1e3
    row: Row = {"step_ms": milliseconds}
    for kind, part in work.items():
        row |= {f"{kind} (MFLOP)": part.flops / 1e6, f"{kind} (MB)": part.bytes / 1e6}
    row |= {"tflop_per_s": together.flops / seconds / 1e12, "gb_per_s": together.bytes / seconds / 1e9}
    if card is not None:
        row["flop_share"] = together.flops / seconds / card.flops_per_s
        row["bandwidth_share"] = together.bytes / seconds / card.bytes_per_s
    return row


def attempted(suite: Suite, targets: Tensor, name: str, mode: str, batch: int, repeats: int) -> Row:
    """`measure`'s row, or why there is none: out of memory, or a mode that does not take this code."""
    try:
        return measure(suite, targets, name, mode, batch, repeats)[0]
    except RuntimeError as error:
        torch.cuda.empty_cache()
        reason = "out of memory" if isinstance(error, torch.cuda.OutOfMemoryError) else type(error).__name__
        detail = (str(error).strip() or "no message").splitlines()[0]
        return {"method": name, "mode": mode, "batch": batch, "note": f"{reason}: {detail}"}


def cards_of(suite: Suite, solution: Solution) -> list[Scorecard]:
    """Scores of a solution of the suite, scored on the CPU."""
    return [scored.evaluation.scorecard for scored in suite.scored(replace(solution, mask=solution.mask.cpu()))]


def agreement(there: Sequence[Scorecard], here: Sequence[Scorecard]) -> Row:
    """Mean scores on both devices, the largest difference of a clip, and whether the means are within tolerance."""
    row: Row = {}
    within = True
    for key in ("l2_nm2", "pvb_nm2", "epe_violations"):
        pairs = [(float(getattr(a, key)), float(getattr(b, key))) for a, b in zip(there, here, strict=True)]
        cuda, cpu = (fmean(column) for column in zip(*pairs, strict=True))
        row |= {f"{key} (CUDA)": cuda, f"{key} (CPU)": cpu, f"{key} (largest)": max(abs(a - b) for a, b in pairs)}
        within &= abs(cuda - cpu) <= (EPE_TOLERANCE if key == "epe_violations" else RELATIVE_TOLERANCE * cpu)
    return {**row, "within_tolerance": within}


def run(suite: Suite, names: Sequence[str], batches: Sequence[int], repeats: int, modes: Sequence[str]) -> list[Row]:
    """Every row; the suite's own batch also carries the agreement with the CPU."""
    rows = []
    for name in names:
        method = load_method(name)
        targets = torch.stack([clip.coverage(method.target_nm) for clip in suite.clips])
        row, solution = measure(suite, targets, name, "eager", len(suite.clips), repeats)
        (seconds,), reference = timed_solves(suite.simulator, targets, method, 1)
        cpu = {"cpu_seconds_per_clip": seconds / len(suite.clips)}
        rows.append({**row, **cpu, **agreement(cards_of(suite, solution), cards_of(suite, reference))})
        del row, solution
        others = [(mode, batch) for mode in modes for batch in batches if (mode, batch) != ("eager", len(suite.clips))]
        rows += [attempted(suite, targets, name, mode, batch, repeats) for mode, batch in others]
    return rows


def chip_row(folder: Path, optics: str | Path = CHIP_OPTICS, device: str = DEVICE) -> Row:
    """Standard cells in tiles by `fast`, after a run to warm up: seconds, and hours for a square millimetre."""
    bench = Bench(ROOT / "layouts" / "standard_cells.gds", CHIP_LAYER, str(optics), "fast", folder, workers=1)
    for _ in range(2):
        run = bench.run("block", batch=TILES_AT_ONCE, device=device)
    x0, y0, x1, y1 = bench.chip.bbox_nm
    seconds, area_mm2 = sum(run.tile_seconds.values()), (x1 - x0) * (y1 - y0) * 1e-12
    tiles = len(run.tile_seconds)
    return {"tiles": tiles, "tile_s": seconds / tiles, "mm2": area_mm2, "hours_per_mm2": seconds / 3600 / area_mm2}


def chip_lines(row: Row) -> list[str]:
    """What a chip takes."""
    return [
        "## A chip",
        "",
        f"`layouts/standard_cells.gds`, {row['mm2'] * 1e6:.1f} µm², by `fast` and {CHIP_OPTICS}, {row['tiles']} tiles "
        f"in batches of {TILES_AT_ONCE}: {row['tile_s']:.2f} s a tile, **{row['hours_per_mm2']:.1f} GPU-hours a mm²**, "
        f"halos and the tiles' empty margins included; a larger block has less of both.",
    ]


def markdown(suite: Suite, rows: Sequence[Row], chip: Row, command: str, repeats: int, card: str) -> str:
    """Speed, agreement, the work of a step, and a chip."""
    own = "" if suite.name == "iccad13" else " **The contest's data were not there**: these are clips of layouts/."
    lines = [
        "# ILT on a GPU",
        "",
        f"`{command}` made this on {card}, torch {torch.__version__}, CUDA {torch.version.cuda}, float32 (matrix "
        f"products: precision `{torch.get_float32_matmul_precision()}`). Clips: {len(suite.clips)} of {suite.name}, "
        f"optics {suite.optics}.{own}",
        "",
        f"Seconds are the median of repeated solves ({repeats}) after one to warm up, each synchronised, from targets "
        "in host memory to masks; larger batches repeat the clips, smaller ones take the first. Memory is the peak of "
        "the tensors. The last column counts mask pixels, of all clips, that differ between two equal runs.",
        "",
        "| method | mode | batch | s a clip | peak (MB) | MB a clip | pixels unlike |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(speed_line(row) for row in rows),
        "",
        *agreement_lines(rows),
        "",
        *step_lines([row for row in rows if "step_ms" in row], card in CARDS),
        "",
        *chip_lines(chip),
    ]
    return "\n".join(lines) + "\n"


def speed_line(row: Row) -> str:
    """One line of the first table."""
    start = f"| {row['method']} | {row['mode']} | {row['batch']} "
    if "note" in row:
        return f"{start}| {row['note'].replace('|', '/')} | - | - | - |"
    return (
        f"{start}| {row['seconds_per_clip']:.4f} | {row['peak_mb']:,.0f} | {row['mb_per_clip']:,.1f} "
        f"| {row['pixels_differing_between_runs']:,} |"
    )


def agreement_lines(rows: Sequence[Row]) -> list[str]:
    """CUDA beside CPU, means over the clips; the largest difference of a single clip in brackets."""
    lines = [
        "## Agreement with the CPU",
        "",
        "Means over the clips, CUDA / CPU, and in brackets the largest difference of one clip. Tolerance on the means: "
        f"{RELATIVE_TOLERANCE:.1%} of L2 and PVB, {EPE_TOLERANCE:g} EPE violations. Rounding differs between devices, "
        "and hundreds of steps amplify it.",
        "",
        "| method | L2 | PVB | EPE | within | s a clip, CPU |",
        "|---|---:|---:|---:|---|---:|",
    ]
    for row in (row for row in rows if "within_tolerance" in row):
        cells = [
            f"{row[f'{key} (CUDA)']:,{form}} / {row[f'{key} (CPU)']:,{form}} ({row[f'{key} (largest)']:,.0f})"
            for key, form in (("l2_nm2", ".0f"), ("pvb_nm2", ".0f"), ("epe_violations", ".1f"))
        ]
        within = "yes" if row["within_tolerance"] else "**no**"
        lines.append(f"| {row['method']} | {' | '.join(cells)} | {within} | {row['cpu_seconds_per_clip']:.2f} |")
    return lines


def step_lines(rows: Sequence[Row], known: bool) -> list[str]:
    """What a step of the last level takes and does."""
    kinds = ("matrix products", "FFTs", "elementwise")
    titles = ["method", "mode", "batch", "ms a step", *(f"{kind} (MFLOP / MB)" for kind in kinds), "TFLOP/s", "GB/s"]
    lines = [
        "## A step of the last level",
        "",
        "Forward, backward and optimizer. FLOPs and bytes are counted from shapes (`scripts/step_work.py`); each stage "
        "reads and writes its tensors once, which is the least it can do; the parameterization is taken as multilevel.",
        "" if known else "\nThe card's peak rates are not in `scripts/gpu.py`, so no shares of them.\n",
        "| " + " | ".join(titles + ["of peak FLOP/s", "of peak bandwidth"] * known) + " |",
        "|---|---|" + "---:|" * (len(titles) - 2 + 2 * known),
    ]
    for row in rows:
        cells = [row["method"], row["mode"], str(row["batch"]), f"{row['step_ms']:.2f}"]
        cells += [f"{row[f'{kind} (MFLOP)']:,.0f} / {row[f'{kind} (MB)']:,.0f}" for kind in kinds]
        cells += [f"{row['tflop_per_s']:.2f}", f"{row['gb_per_s']:,.0f}"]
        cells += [f"{row['flop_share']:.1%}", f"{row['bandwidth_share']:.1%}"] if known else []
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def write_results(
    out: Path, suite: Suite, rows: Sequence[Row], chip: Row, command: str, repeats: int, card: str
) -> None:
    """CSV, where a row lacks what does not concern it, and Markdown."""
    write_csv(out / "gpu.csv", rows)
    write_text(out / "gpu.md", markdown(suite, rows, chip, command, repeats, card))


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=ROOT.parent / "shared" / "data" / "iccad13")
@click.option("--methods", default="fast,quality", show_default=True, help="Comma-separated names or .toml files.")
@click.option("--batch", "batches", type=click.IntRange(min=1), multiple=True, default=(1, 10, 100), show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--compile", "try_modes", is_flag=True, help="Also measure CUDA graphs and torch.compile of the imaging.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(data: Path, methods: str, batches: tuple[int, ...], repeats: int, try_modes: bool, out: Path) -> None:
    """Measure ILT on a CUDA device."""
    if not torch.cuda.is_available():
        raise click.ClickException("Expected a CUDA device, found none; run this on a machine with one.")
    require_writable_folder(out)
    suite, modes = gpu_suite(data), list(MODES) if try_modes else ["eager"]
    rows = run(suite, methods.split(","), batches, repeats, modes)
    options = "".join(f" --batch {batch}" for batch in batches) + " --compile" * try_modes
    command = f"python scripts/gpu.py --methods {methods}{options}"
    with tempfile.TemporaryDirectory() as folder:
        chip = chip_row(Path(folder))
    write_results(out, suite, rows, chip, command, repeats, torch.cuda.get_device_name())
    for row in rows:
        result = row.get("note") or f"{row['seconds_per_clip']:.4f} s a clip"
        click.echo(f"{row['method']:<12} {row['mode']:<14} {row['batch']:>4}  {result}")


if __name__ == "__main__":
    main()
