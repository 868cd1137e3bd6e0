"""litho-dl smo: layouts in, a source and its masks out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.optimize import require_distinct, write_clip
from litho_dl.cli.options import (
    built,
    device_option,
    json_option,
    layout_options,
    optics_option,
    out_option,
    report_option,
    shipped,
    stacked,
    write_summary,
)
from litho_dl.core.errors import RecipeError
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.ilt.method import Method
    from litho_dl.ilt.solve import Solution
    from litho_dl.layout.clips import Clip
    from litho_dl.process.model import ProcessModel
    from litho_dl.scoring.evaluate import Scorecard
    from litho_dl.simulation.source_simulator import SourceSimulator

source_options = stacked(
    click.option("--samples", type=click.IntRange(5, 101), default=21, show_default=True, help="Source pixels a side."),
    click.option(
        "--symmetry",
        type=click.Choice(["xy", "none"]),
        default="xy",
        show_default=True,
        help="xy: the source mirrored in both axes.",
    ),
    click.option(
        "--fill",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.15,
        show_default=True,
        help="Least share of the pupil that is lit.",
    ),
)


@click.command()
@click.argument("layouts", nargs=-1, required=True, metavar="LAYOUT...", type=click.Path(path_type=Path))
@optics_option
@click.option(
    "--method",
    required=True,
    metavar="NAME",
    shell_complete=shipped("ilt"),
    help="An ILT method with a source_learning_rate: smo, or .toml.",
)
@click.option(
    "--mask-method",
    metavar="NAME",
    shell_complete=shipped("ilt"),
    help="The ILT method of the final masks. Default: --method.",
)
@source_options
@out_option
@layout_options
@device_option
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw the sources and every clip.")
@report_option
@json_option
def smo(
    layouts: tuple[Path, ...],
    optics: str,
    field_nm: float | None,
    method: str,
    mask_method: str | None,
    out: Path,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    device: str,
    figures: bool,
    as_json: bool,
    **source: Any,
) -> None:
    """Optimise one source for LAYOUT... together with their masks, starting from the source of the recipe.

    Then solves the masks anew, with the source fixed: once the optimised one, once the recipe's, and scores both.

    Writes OUT/source.npy (the source's pixel map), OUT/recipe.toml (the whole recipe with it, for --optics),
    OUT/source.png (before and after), OUT/convergence.png, OUT/smo.json, and for each layout the mask of the optimised
    source as litho-dl optimize does. Ctrl-C stops early and writes the source, or the masks, found so far.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.io import require_writable_folder
    from litho_dl.layout.clips import MASK_FILE_PIXEL_NM, load_clip, whole_factor
    from litho_dl.process.files import read_optics
    from litho_dl.process.freeform import save_freeform
    from litho_dl.runs.optimize import solve_clips

    resolved, joint, fixed = resolve_device(device), *load_methods(method, mask_method)
    whole_factor(fixed.mask_nm, MASK_FILE_PIXEL_NM)
    read = read_optics(optics, field_nm=field_nm)
    clips = [load_clip(path, read.field_nm, layer=layer, cell=cell, window_nm=window_nm) for path in layouts]
    require_distinct([clip.name for clip in clips])
    simulator = start(process := built(read), **source)
    require_writable_folder(out)
    with progress_bar("Optimising the source") as advance:
        solution = solve_clips(clips, process, joint, resolved, advance, simulator=simulator)
    assert process.recipe is not None
    recipe = save_freeform(out, process.recipe, simulator.source_map(), field_nm=process.field_nm[0])
    if figures:
        draw(out, process, simulator, solution, method)
    run = {
        **{"optics": optics, "method": method, "mask_method": mask_method or method, **source, "recipe": str(recipe)},
        **{"pupil_fill": simulator.fill(), "source_seconds": solution.seconds, "status": solution.status, "clips": []},
    }
    if solution.status == "finished":
        both = {"optimised": built(read_optics(recipe)), "recipe": process}
        run |= compare(clips, both, fixed, resolved, out, (mask_method or method) if figures else None)
    finish(run, out, as_json)


def load_methods(method: str, mask_method: str | None) -> "tuple[Method, Method]":
    """The methods of the joint run and of the final masks; RecipeError if the first leaves the source alone."""
    from litho_dl.ilt.method import load_method

    joint = load_method(method)
    if joint.source_learning_rate == 0:
        raise RecipeError(
            f"Expected a method with source_learning_rate > 0, got {method} with 0, which leaves the source as it is; "
            f"take smo, or set it in a .toml file."
        )
    return joint, joint if mask_method is None else load_method(mask_method)


def start(process: "ProcessModel", *, samples: int, symmetry: str, fill: float) -> "SourceSimulator":
    """The recipe's own source, made trainable."""
    from litho_dl.simulation.source_simulator import SourceSimulator

    return SourceSimulator(process, samples=samples, symmetry=symmetry, minimum_fill=fill)  # type: ignore[arg-type]


def compare(
    clips: "Sequence[Clip]",
    processes: "dict[str, ProcessModel]",
    method: "Method",
    device: Any,
    out: Path,
    title: str | None,
) -> dict[str, Any]:
    """Solves and scores the clips with each source by the ordinary loop; writes the masks of the first."""
    from litho_dl.runs.optimize import scored, solve_clips
    from litho_dl.scoring.evaluate import PROTOCOLS

    rows: list[dict[str, Any]] = []
    status = "finished"
    for index, (name, process) in enumerate(processes.items()):
        with progress_bar(f"Solving masks, {name} source") as advance:
            solution = solve_clips(clips, process, method, device, advance)
        for optimized in scored(clips, solution, process, PROTOCOLS["default"]):
            written = write_clip(optimized, process, out, title) if index == 0 else {}
            rows.append({"source": name, **written, **figures_of(optimized.evaluation.scorecard)})
            rows[-1]["solve_seconds_per_clip"] = solution.seconds / len(clips)
        if solution.status == "interrupted":
            status = "interrupted"
            break
    return {"clips": rows, "status": status}


def figures_of(card: "Scorecard") -> dict[str, Any]:
    """The score, with the image's contrast at the edges beside the areas."""
    return {**card.as_dict(), "nils": card.edges.nils if card.edges else None}


def draw(out: Path, process: "ProcessModel", simulator: "SourceSimulator", solution: "Solution", method: str) -> None:
    """Draws the sources before and after, and the joint run's convergence."""
    from litho_dl.optics.source import sample_source
    from litho_dl.runs.pictures import draw_convergence
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.optics import sources_figure

    assert process.recipe is not None
    before = sample_source(process.recipe.source, process.recipe.kernels.source_samples)
    after = simulator.source()
    panels = [("Recipe", before.points, before.weights), ("Optimised", after.points, after.weights)]
    save_figure(sources_figure(panels, title=f"Source, {method}"), out / "source.png")
    draw_convergence(out / "convergence.png", solution, f"Convergence, source and masks, {method}")


def finish(run: dict[str, Any], out: Path, as_json: bool) -> None:
    """Writes smo.json and prints the result; KeyboardInterrupt after an interrupted run."""
    write_summary(out / "smo.json", run)
    if as_json:
        click.echo(json.dumps(run, indent=2))
    elif run["clips"]:
        click.echo(source_table(run["clips"]))
        click.echo(f"Source: {run['recipe']} (pupil fill {run['pupil_fill']:.0%})")
    if run["status"] == "interrupted":
        raise KeyboardInterrupt


def source_table(rows: Sequence[dict[str, Any]]) -> str:
    """Scores as text: one line a clip and source, and each source's mean."""
    keys = {"l2_nm2": "L2 (nm²)", "pvb_nm2": "PVB (nm²)", "epe_violations": "EPE", "nils": "NILS"}
    names = list(dict.fromkeys(row["source"] for row in rows))
    clips = list(dict.fromkeys(row["clip"] for row in rows))
    width = max(len("mean"), *map(len, clips))
    lines = [f"{'clip':<{width}}  {'source':<9}" + "".join(f"{title:>12}" for title in keys.values())]

    def line(label: str, source: str, chosen: list[dict[str, Any]]) -> str:
        means = {key: sum(row[key] for row in chosen) / len(chosen) for key in keys}
        cells = "".join(f"{value:>12,.2f}" if key == "nils" else f"{value:>12,.0f}" for key, value in means.items())
        return f"{label:<{width}}  {source:<9}{cells}"

    for clip in clips:
        lines += [line(clip, row["source"], [row]) for row in rows if row["clip"] == clip]
    if len(clips) > 1:
        lines += [line("mean", name, [row for row in rows if row["source"] == name]) for name in names]
    return "\n".join(lines)
