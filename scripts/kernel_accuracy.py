"""How close the kernels of recipes come to the full sum over source points: results/kernels.json and kernels.md.

`python scripts/kernel_accuracy.py [--recipes NAMES|all] [--ladder NAME]`; parts that are not named keep what
results/kernels.json has of them.
"""

import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor
from torch.nn.functional import pad

import litho_dl as ld
from litho_dl.core.grid import Grid
from litho_dl.core.settings import packaged_names
from litho_dl.layout.clips import Clip, place
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.generate.families import generate
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.optics.extend import extended
from litho_dl.optics.socs import focus_columns
from litho_dl.optics.source import sample_source
from litho_dl.optics.tcc import Tcc, hopkins_tcc, tcc_intensity_spectrum
from litho_dl.process.accuracy import edge_error, examples
from litho_dl.process.ensemble import drawn_masks, ensemble_grid, gratings, optimised_masks
from litho_dl.process.model import ProcessModel, build_process, focus_kernels, kernel_name
from litho_dl.process.recipe import load_recipe
from litho_dl.runs.optimize import ClipSolution
from litho_dl.simulation.mask_spectrum import MaskSpectrum
from litho_dl.simulation.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
CLIPS = tuple(f"{kind}_{index:02}" for kind, last in (("metal", 13), ("via", 7)) for index in range(1, last + 1))
RULES = {
    "duv248-annular": ("m1-130", "via-130"),
    "uv365-conventional": ("m1-500",),
    "euv13-quasar": ("m1-5", "via-5"),
    "gate-45nm": ("gate-45",),
}
EXTENT = 0.62  # of the field that generated clips fill
COUNTS = (24, 48, 96, 192, 384)
SAMPLES = 217  # of the source of the full sum
PIXEL_NM = 4.0  # of masks, times the scale
RUNS = 15
WIDE_MASKS = 3
KINDS = ("drawn", "optimised", "lines")


class FullSum(Simulator):
    """A simulator of a process that images by Hopkins' sum over all source points, without kernels."""

    def __init__(self, process: ProcessModel, tccs: dict[str, Tcc]) -> None:
        super().__init__(process, dtype=torch.float64)
        self.tccs = tccs

    def intensity_spectrum(self, spectrum: MaskSpectrum, kernels: str) -> Tensor:
        """The half spectrum of the image in resist."""
        tcc, (*batch, rows, columns) = self.tccs[kernels], spectrum.amplitude.shape
        more_y, more_x = ((own - side) // 2 for own, side in zip(tcc.passed.shape, (rows, columns), strict=True))
        amplitude = pad(spectrum.amplitude.reshape(-1, rows, columns), (more_x, more_x, more_y, more_y))
        image = pad(tcc_intensity_spectrum(amplitude, tcc), (0, -2 * more_x, -2 * more_y, -2 * more_y))
        return image.reshape(*batch, *image.shape[1:]) * self.diffusion


def clips_of(name: str, simulator: Simulator) -> list[Clip]:
    """Twenty clips that suit a recipe: of layouts/, or made by its design rules."""
    rules = RULES.get(name)
    if rules is None:
        return [ld.load_clip(ROOT / "layouts" / f"{clip}.glp", simulator) for clip in CLIPS]
    extent_nm, clips = EXTENT * simulator.process.field_nm[0], []
    for index in range(len(CLIPS)):
        own = load_rules(rules[index % len(rules)])
        extent = round(extent_nm / own.grid_nm) * own.grid_nm
        clips.append(place(generate(own.layer, own, index, extent), simulator, f"{own.layer}_{index}"))
    return clips


def full_sum(process: ProcessModel, defocus_nm: float) -> Tcc:
    """The TCC of a recipe's source, more finely sampled than its kernels'."""
    recipe = process.recipe
    assert recipe is not None
    source = sample_source(recipe.source, SAMPLES)
    columns = focus_columns(source, recipe.pupil, process.field_nm, film=recipe.film, defocus_nm=defocus_nm)
    return hopkins_tcc(columns)


def mask_sets(name: str, process: ProcessModel) -> tuple[dict[str, Tensor], list[Clip], ClipSolution]:
    """Clips as drawn and as `fast` makes them, and lines through pitch; the clips and the solution."""
    simulator, recipe = Simulator(process), process.recipe
    assert recipe is not None
    clips, pixel_nm = clips_of(name, simulator), PIXEL_NM * recipe.scale
    drawn = torch.stack([clip.coverage(pixel_nm) for clip in clips]).double()
    solution = ld.solve(simulator, clips, "fast")
    assert solution.pixel_nm == pixel_nm
    lines = gratings(recipe, Grid.of_field(process.field_nm, pixel_nm)).flatten(0, 1)
    sets = {"drawn": (drawn >= 0.5).double(), "optimised": solution.mask.double(), "lines": lines}
    return sets, clips, solution


@torch.no_grad()
def mean_areas(simulator: Simulator, solution: ClipSolution, clips: list[Clip]) -> tuple[float, float]:
    """L2 and PV band of masks, mean over the clips."""
    pixel_nm, areas = simulator.scale, []
    for clip, mask in zip(clips, solution.mask, strict=True):
        exposure = simulator(mask, solution.pixel_nm, out_pixel_nm=pixel_nm)
        prints = {name: exposure.binary_print(name).numpy() for name in exposure.corners}
        target = rasterize(clip.placed, Grid.of_field(simulator.process.field_nm, pixel_nm)) >= 0.5
        pvb = pvb_nm2(prints["outer"], prints["inner"], pixel_nm)
        areas.append((l2_nm2(prints["nominal"], target, pixel_nm), pvb))
    l2, pvb = (statistics.fmean(own) for own in zip(*areas, strict=True))
    return l2, pvb


def measured(name: str) -> dict[str, Any]:
    """One recipe: edges and scores against the full sum."""
    recipe = load_recipe(name)
    start = time.perf_counter()
    process = build_process(recipe)
    seconds = time.perf_counter() - start
    sets, clips, solution = mask_sets(name, process)
    pixel_nm, grid = solution.pixel_nm, Grid.of_field(process.field_nm, solution.pixel_nm)
    errors: dict[str, list[float]] = {f"{kind} {share}": [] for kind in sets for share in ("99%", "max")}
    tccs = {}
    for defocus_nm in dict.fromkeys(corner.defocus_nm for corner in recipe.corners.values()):
        focus = kernel_name(defocus_nm)
        tccs[focus] = full_sum(process, defocus_nm)
        for kind, masks in sets.items():
            truth = examples(masks, recipe, grid, process.half, tccs[focus])
            for share, part in (("99%", 0.99), ("max", 1.0)):
                errors[f"{kind} {share}"].append(edge_error(truth, process.kernels[focus], recipe, grid, share=part))
    simulators = (Simulator(process, dtype=torch.float64), FullSum(process, tccs))
    areas = zip(*(mean_areas(simulator, solution, clips) for simulator in simulators), strict=True)
    l2, pvb = (own / full - 1 for own, full in areas)
    lowest = min(float(image.min()) for image in Simulator(process).expose(solution.mask, pixel_nm).intensity.values())
    return {
        "kernels": [len(kernels.weights) for kernels in process.kernels.values()],
        "tolerance_nm": recipe.kernels.edge_error_nm,
        "unit_nm": recipe.pupil.wavelength_nm / recipe.pupil.na,
        "build_s": seconds,
        **{key: max(values) for key, values in errors.items()},
        "l2": l2,
        "pvb": pvb,
        "lowest": lowest,
        "step_ms": 1e3 * step_seconds({name: Simulator(process)}, pixel_nm)[name],
    }


def carried(name: str) -> dict[str, Any]:
    """A recipe's kernels carried to a field of twice the side, with random masks that fill it, out of focus."""
    recipe = load_recipe(name)
    kernels = focus_kernels(recipe, (recipe.kernels.field_nm,) * 2, recipe.corners["inner"].defocus_nm)
    wide = (2 * kernels.field_nm[0], 2 * kernels.field_nm[1])
    found, grid = extended(kernels, wide), ensemble_grid(recipe, wide)
    source = sample_source(recipe.source, SAMPLES)
    columns = focus_columns(source, recipe.pupil, wide, film=recipe.film, defocus_nm=recipe.corners["inner"].defocus_nm)
    tcc = hopkins_tcc(columns)
    drawn = drawn_masks(recipe, grid, WIDE_MASKS, 1)
    sets = {"drawn": drawn, "optimised": optimised_masks(drawn, grid, found, recipe)}
    sets["lines"] = gratings(recipe, grid).flatten(0, 1)
    errors = {}
    for kind, masks in sets.items():
        truth = examples(masks, recipe, grid, found.half, tcc)
        errors[kind] = [edge_error(truth, found, recipe, grid, share=share) for share in (0.99, 1.0)]
    return {"recipe": name, "field_nm": wide[0], "kernels": len(found.weights), **errors}


def ladder(name: str) -> list[list[Any]]:
    """A recipe's kernels beside plain ones of growing number: edges, and the time of a step."""
    recipe = load_recipe(name)
    processes = {"with a tail": build_process(recipe)}
    processes |= {f"plain, {count}": build_process(recipe, count=count) for count in COUNTS}
    first = processes["with a tail"]
    sets, _, solution = mask_sets(name, first)
    grid = Grid.of_field(first.field_nm, solution.pixel_nm)
    rows: dict[str, list[Any]] = {
        name: [name, " / ".join(str(len(kernels.weights)) for kernels in process.kernels.values())]
        for name, process in processes.items()
    }
    for defocus_nm in dict.fromkeys(corner.defocus_nm for corner in recipe.corners.values()):
        tcc = full_sum(first, defocus_nm)
        for masks in sets.values():
            truth = examples(masks, recipe, grid, first.half, tcc)
            for name, process in processes.items():
                kernels = process.kernels[kernel_name(defocus_nm)]
                part, most = (edge_error(truth, kernels, recipe, grid, share=share) for share in (0.99, 1.0))
                rows[name].append(f"{part:.3f} / {most:.3f}")
    times = step_seconds({name: Simulator(process) for name, process in processes.items()}, solution.pixel_nm)
    for name, seconds in times.items():
        rows[name].append(f"{1e3 * seconds:.1f} ms, {seconds / times['with a tail']:.2f}")
    return list(rows.values())


def step_seconds(simulators: dict[str, Simulator], pixel_nm: float) -> dict[str, float]:
    """Medians of images of all foci and their gradient, one mask that fills the field, the simulators by turns."""
    side = round(next(iter(simulators.values())).process.field_nm[0] / pixel_nm)
    mask = (torch.rand(1, side // 8, side // 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    mask = mask.repeat_interleave(8, 1).repeat_interleave(8, 2)
    times: dict[str, list[float]] = {name: [] for name in simulators}
    for _ in range(RUNS):
        for name, simulator in simulators.items():
            own, start = mask.clone().requires_grad_(), time.perf_counter()
            images = simulator.expose(own, pixel_nm).intensity.values()
            torch.stack([image.square().mean() for image in images]).sum().backward()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(own) for name, own in times.items()}


def table(head: list[str], rows: list[list[Any]]) -> str:
    """Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def recipe_table(recipes: dict[str, dict[str, Any]]) -> str:
    """A row for each recipe."""

    def pair(row: dict[str, Any], kind: str) -> str:
        return f"{row[f'{kind} 99%']:.3f} / {row[f'{kind} max']:.3f}"

    rows = [
        [
            f"`{name}`",
            " / ".join(map(str, row["kernels"])),
            f"{row['tolerance_nm']:g}",
            pair(row, "drawn"),
            pair(row, "optimised"),
            f"{2 * row['lines max']:.3f}",
            f"{1e3 * row['optimised 99%'] / row['unit_nm']:.2f}",
            f"{row['l2']:+.2%}",
            f"{row['pvb']:+.2%}",
            f"{row['lowest']:+.4f}",
            f"{row['step_ms']:.1f}",
            f"{row['build_s']:.0f}",
        ]
        for name, row in sorted(recipes.items())
    ]
    head = ["recipe", "kernels (foci)", "asked", "drawn", "optimised", "lines: CD", "10⁻³ λ/NA", "L2", "PV band"]
    head += ["lowest image", "step (ms)", "built in (s)"]
    return table(head, rows)


def markdown(found: dict[str, Any]) -> str:
    """The page."""
    name, steps = found["ladder"]["recipe"], found["ladder"]["rows"]
    foci = [kernel_name(corner.defocus_nm) for corner in load_recipe(name).corners.values()]
    kinds = [f"{kind}, {focus}" for focus in dict.fromkeys(foci) for kind in KINDS]
    wide = found["ladder"]["carried"]
    edges = ", ".join("{} {:.3f} / {:.3f} nm".format(kind, *wide[kind]) for kind in KINDS)
    measured_names = ",".join(sorted(found["recipes"]))
    command = f"python scripts/kernel_accuracy.py --recipes {measured_names} --ladder {name}"
    return f"""# Kernels against the full sum over source points

`{command}` ({platform.machine()} CPU, {torch.get_num_threads()} threads, on a machine that did other work
too: compare seconds with one another only)

## The recipes that ship

How far edges lie from those of the sum over {SAMPLES} x {SAMPLES} source cells, in nm, the worse of both foci:
99 % / all edges of NILS >= 1, of {len(CLIPS)} clips as drawn and as `fast` makes them with these kernels; the largest
error of CDs of lines, 1:1 and 1:3, through pitch, from 0.65 wavelength / NA to the field; the 99 % of optimised masks
in thousandths of wavelength / NA; by how much the L2 and the PV band of the optimised masks differ from those by the
full sum; the lowest intensity of an optimised mask; and a step, images in all foci and gradient of one mask of
512 x 512. The clips are those of `layouts/`, or made by the design rules that go with a recipe.

{recipe_table(found["recipes"])}

Recipes that ship and are not in the table have not been measured by this version of the script. `iccad13-like`
keeps its number of kernels: they stand for the contest's own, which are truncated.

## With a tail and without

`{name}`: its kernels, and plain ones of growing number, which are rescaled so that a clear mask images to 1; otherwise
as above.

{table(["kernels", "count (foci)", *kinds, "step"], steps)}

## On a larger field

The {wide["kernels"]} kernels out of focus carried to {wide["field_nm"]:g} nm, as full chips use them: there they end at
half the field that they were made for. Against the full sum on the larger field, which random masks of the builder's
kind fill: {edges}.
"""


@click.command()
@click.option("--recipes", default="", help="Names with commas, or all.")
@click.option("--ladder", "laddered", default="", help="A recipe to compare with plain kernels, and on a larger field.")
@click.option("--out", default=ROOT / "results", type=click.Path(path_type=Path), show_default="results")
def main(recipes: str, laddered: str, out: Path) -> None:
    """Measures recipes."""
    path = out / "kernels.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"recipes": {}, "ladder": None}
    every = [name for name in packaged_names("optics") if load_recipe(name).kernels.edge_error_nm is not None]
    for name in every if recipes == "all" else filter(None, recipes.split(",")):
        found["recipes"][name] = measured(name)
        click.echo(f"{name}: {found['recipes'][name]}")
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if laddered:
        found["ladder"] = {"recipe": laddered, "rows": ladder(laddered), "carried": carried(laddered)}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if found["ladder"] and found["recipes"]:
        (out / "kernels.md").write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
