"""How close kernels place edges to Abbe's image, and what a step takes: plain ones, and fewer with a tail.

`python scripts/kernel_accuracy.py [--optics NAME] [--out results]` writes OUT/kernels.md.
"""

import platform
import statistics
import time
from pathlib import Path

import click
import torch

import litho_dl as ld
from litho_dl.core.dft import analyse, analysis, full_spectrum
from litho_dl.core.grid import Grid
from litho_dl.optics.abbe import columns_intensity_spectrum
from litho_dl.optics.socs import focus_columns
from litho_dl.optics.source import sample_source
from litho_dl.process.accuracy import Examples, edge_error
from litho_dl.process.ensemble import gratings
from litho_dl.process.model import ProcessModel, build_process, kernel_name
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe
from litho_dl.simulation.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
CLIPS = ("metal_01", "metal_04", "metal_09", "metal_13", "via_04", "via_07")
COUNTS = (24, 48, 96, 192, 384)
SAMPLES = 241  # of the source of Abbe's sum
PIXEL_NM = 4.0
RUNS = 15


def main_masks(process: ProcessModel) -> dict[str, torch.Tensor]:
    """Clips as drawn and as `fast` makes them, and gratings."""
    simulator = ld.Simulator(process)
    clips = [ld.load_clip(ROOT / "layouts" / f"{name}.glp", simulator) for name in CLIPS]
    drawn = torch.stack([clip.coverage(PIXEL_NM) for clip in clips]).double()
    optimised = ld.solve(simulator, clips, "fast")
    assert optimised.pixel_nm == PIXEL_NM
    assert process.recipe is not None
    lines = gratings(process.recipe, Grid.of_field(process.field_nm, PIXEL_NM))
    return {"drawn": (drawn >= 0.5).double(), "optimised": optimised.mask.double(), "lines": lines}


def examples(masks: torch.Tensor, recipe: Recipe, half: tuple[int, int], defocus_nm: float) -> Examples:
    """Masks with Abbe's images."""
    grid = Grid.of_field((recipe.kernels.field_nm,) * 2, PIXEL_NM)
    like = {"reference_nm": 0.0, "dtype": torch.float64, "device": masks.device}
    source = sample_source(recipe.source, SAMPLES)
    columns = focus_columns(source, recipe.pupil, grid.field_nm, film=recipe.film, defocus_nm=defocus_nm)
    assert columns.half == half
    amplitude = full_spectrum(analyse(recipe.mask.amplitude(masks), analysis(grid, half, **like)))
    wide = analysis(grid, (2 * half[0], 2 * half[1]), **like)
    with torch.no_grad():
        exact = columns_intensity_spectrum(amplitude.to(torch.complex64), columns).to(amplitude)
    return Examples(amplitude, analyse(recipe.mask.transmitted(masks), wide), exact)


def step_seconds(simulators: dict[str, Simulator]) -> dict[str, float]:
    """Medians of images of both foci and their gradient, one mask of 512 x 512, the simulators by turns."""
    mask = (torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    mask = mask.repeat_interleave(8, 1).repeat_interleave(8, 2)
    times: dict[str, list[float]] = {name: [] for name in simulators}
    for _ in range(RUNS):
        for name, simulator in simulators.items():
            own, start = mask.clone().requires_grad_(), time.perf_counter()
            images = simulator.expose(own, PIXEL_NM).intensity.values()
            torch.stack([image.square().mean() for image in images]).sum().backward()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(own) for name, own in times.items()}


@click.command()
@click.option("--optics", default="duv193-immersion-annular", show_default=True)
@click.option("--tolerance", default=0.25, show_default=True, help="edge_error_nm of the kernels with a tail.")
@click.option("--out", default=ROOT / "results", type=click.Path(path_type=Path), show_default="results")
def main(optics: str, tolerance: float, out: Path) -> None:
    """Measures kernels of one recipe."""
    plain = load_recipe(optics)
    recipe = plain.model_copy(
        update={"kernels": KernelSettings(field_nm=plain.kernels.field_nm, edge_error_nm=tolerance)}
    )
    start = time.perf_counter()
    processes = {f"tail, {tolerance:g} nm": build_process(recipe)}
    seconds = time.perf_counter() - start
    processes |= {f"plain, {count}": build_process(plain, count=count) for count in COUNTS}
    masks = main_masks(next(iter(processes.values())))
    grid = Grid.of_field(next(iter(processes.values())).field_nm, PIXEL_NM)
    rows = {name: [name] for name in processes}
    for name, process in processes.items():
        rows[name].append(" / ".join(str(len(kernels.weights)) for kernels in process.kernels.values()))
    foci = dict.fromkeys(corner.defocus_nm for corner in recipe.corners.values())
    for defocus_nm in foci:
        for own in masks.values():
            truth = examples(own, recipe, next(iter(processes.values())).half, defocus_nm)
            for name, process in processes.items():
                kernels = process.kernels[kernel_name(defocus_nm)]
                most = edge_error(truth, kernels, recipe, grid, share=1.0)
                rows[name].append(f"{edge_error(truth, kernels, recipe, grid):.3f} / {most:.3f}")
    times = step_seconds({name: Simulator(process) for name, process in processes.items()})
    first = next(iter(times.values()))
    for name, own in times.items():
        rows[name].append(f"{own * 1e3:.1f} ms, {own / first:.2f}")
    head = ["kernels", "count (foci)"]
    head += [f"{kind}, {focus:g} nm" for focus in foci for kind in masks]
    lines = [[*head, "step"], ["---"] * (len(head) + 1), *rows.values()]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    text = f"""# Kernels against Abbe's image

`python scripts/kernel_accuracy.py --optics {optics} --tolerance {tolerance:g}`
({platform.machine()} CPU, {torch.get_num_threads()} threads)

How far edges lie from those of Abbe's sum over {SAMPLES} x {SAMPLES} source cells, in nm: 99 % / all of them, for six
of our clips as drawn and as `fast` makes them with the first kernels, and for lines through pitch; edges of NILS >= 1.
Then the time of images and gradient of one mask of 512 x 512, and its ratio. The kernels with a tail took
{seconds:.0f} s to build; a cache keeps them.

{table}
"""
    (out / "kernels.md").write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
