"""One source for a layer, optimised with its masks, against the fixed sources: results/smo.csv, .md and .png."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import torch
from suites import ROOT

from litho_dl.comparison.suite import Suite
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.core.progress import progress_bar
from litho_dl.ilt.method import load_method
from litho_dl.layout.clips import Clip, load_clip
from litho_dl.optics.source import Source, sample_source
from litho_dl.process.files import load_process
from litho_dl.process.freeform import save_freeform
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.runs.optimize import solve
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator
from litho_dl.simulation.source_simulator import SourceSimulator
from litho_dl.viz.figure import BLUE, VERMILION, new_figure, save_figure, style_chart
from litho_dl.viz.optics import source_panel

SCORES = {
    "l2_nm2": "L2",
    "pvb_nm2": "PVB",
    "weighted_nm2": "weighted",
    "epe_violations": "EPE",
    "epe_3sigma_nm": "EPE 3σ (nm)",
    "nils": "NILS",
}


@dataclass(frozen=True)
class Layer:
    """The clips of one mask layer, the optics to start from, and other optics whose source is the obvious rival."""

    name: str
    optics: str
    rival: str
    clips: tuple[str, ...]
    held_out: tuple[str, ...]


LAYERS = (
    Layer(
        "metal",
        "duv193-immersion-annular",
        "duv193-immersion-quasar",
        ("metal_01", "metal_07", "metal_11", "metal_14"),
        ("metal_03", "metal_12"),
    ),
    Layer(
        "via",
        "duv193-immersion-quasar",
        "duv193-immersion-annular",
        ("via_02", "via_05", "via_07"),
        ("via_10",),
    ),
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was measured on a layer."""

    layer: Layer
    rows: list[dict[str, Any]]
    sources: dict[str, Source]
    fill: float
    seconds: float


def measure(layer: Layer, method: str, mask_method: str, out: Path) -> Outcome:
    """Optimises the source on the layer's clips, then solves and scores all clips with each source."""
    process = load_process(layer.optics)
    clips = [load_clip(ROOT / "layouts" / f"{name}.glp", process) for name in (*layer.clips, *layer.held_out)]
    simulator = SourceSimulator(process)
    with progress_bar(f"{layer.name}: source") as advance:
        chosen = clips[: len(layer.clips)]
        joint = solve(simulator, chosen, method, advance).require_finished()
    assert process.recipe is not None
    rival = process.recipe.model_copy(update={"source": load_recipe(layer.rival).source})
    folder = out / f"smo_{layer.name}"
    path = save_freeform(folder, process.recipe, simulator.source_map(), field_nm=process.field_nm[0])
    processes = {"recipe": process, "rival": build_process(rival), "SMO": load_process(path)}
    rows = [row for name, one in processes.items() for row in solved(layer, name, one, clips, mask_method)]
    before = sample_source(process.recipe.source, process.recipe.source_samples(process.field_nm))
    return Outcome(layer, rows, {"recipe": before, "SMO": simulator.source()}, simulator.fill(), joint.seconds)


def solved(
    layer: Layer, source: str, process: ProcessModel, clips: list[Clip], mask_method: str
) -> list[dict[str, Any]]:
    """One row a clip: masks from the target, with the source fixed."""
    suite = Suite(layer.name, layer.optics, Simulator(process), clips, PROTOCOLS["default"])
    method = load_method(mask_method)
    solution = suite.solved(method, f"masks, {source},")
    rows = []
    for scored in suite.scored(solution):
        card = scored.evaluation.scorecard
        scores = {**card.as_dict(), **(card.as_dict()["edges"] or {})}
        scores["weighted_nm2"] = sum(
            (method.objective.get(term, 0) + method.objective.get(f"{term}_area", 0)) * scores[f"{term}_nm2"]
            for term in ("l2", "pvb")
        )
        rows.append(
            {
                "layer": layer.name,
                "source": source,
                "clip": card.clip,
                "held_out": card.clip in layer.held_out,
                **{key: scores[key] for key in SCORES},
                "seconds": solution.seconds / len(clips),
            }
        )
    return rows


def markdown(outcomes: list[Outcome], command: str) -> str:
    """A table a layer, with the means and their ratios to the recipe's source."""
    lines = [
        "# Source-mask optimisation",
        "",
        f"`{command}` made this on {os.cpu_count()} CPU cores ({platform.machine()}), torch {torch.__version__}. The "
        f"source is optimised with the masks of some clips of a layer; then the masks of these and of held-out clips "
        f"are solved anew by the ordinary loop, with every source alike. Protocol `default`; areas in nm²; "
        f"weighted: L2 and PVB by their weights in the objective of the masks. The rival is the source of the other "
        f"optics, everything else unchanged. `smo_LAYER/recipe.toml` beside this file is the optics with the optimised "
        f"source. The machine was shared: seconds are good for ratios only.",
    ]
    for outcome in outcomes:
        layer = outcome.layer
        lines += ["", f"## {layer.name}, `{layer.optics}`", ""]
        lines += [
            f"Rival source: `{layer.rival}`. Optimised on {', '.join(layer.clips)} in {outcome.seconds:.0f} s; pupil "
            f"fill {outcome.fill:.0%}.",
            "",
            "| clip | source | " + " | ".join(SCORES.values()) + " | s a clip |",
            "|---|---|" + "---:|" * (len(SCORES) + 1),
        ]
        names = list(dict.fromkeys(row["source"] for row in outcome.rows))
        for clip in (*layer.clips, *layer.held_out):
            for row in (row for row in outcome.rows if row["clip"] == clip):
                label = f"{clip} (held out)" if row["held_out"] else clip
                lines.append(f"| {label} | {row['source']} | {cells(row)} |")
        for held_out, label in ((False, "mean"), (True, "mean, held out")):
            means = {name: mean(outcome.rows, name, held_out) for name in names}
            lines += [f"| **{label}** | {name} | {cells(values)} |" for name, values in means.items()]
            for name in names[1:]:
                ratios = (ratio(means[name][key], means["recipe"][key]) for key in (*SCORES, "seconds"))
                lines.append(f"| **{label}** | {name} : recipe | " + " | ".join(ratios) + " |")
    return "\n".join(lines) + "\n"


def mean(rows: list[dict[str, Any]], source: str, held_out: bool) -> dict[str, float]:
    """Means over the clips of one kind."""
    chosen = [row for row in rows if row["source"] == source and row["held_out"] == held_out]
    return {key: fmean(row[key] for row in chosen) for key in (*SCORES, "seconds")}


def cells(row: dict[str, Any]) -> str:
    """The scores of one row."""
    formats = {"l2_nm2": ",.0f", "pvb_nm2": ",.0f", "weighted_nm2": ",.0f", "epe_violations": ".1f"}
    return " | ".join(format(row[key], formats.get(key, ".2f")) for key in (*SCORES, "seconds"))


def ratio(value: float, reference: float) -> str:
    """A quotient, or a dash."""
    return f"{value / reference:.2f}" if reference else "-"


def draw(path: Path, outcomes: list[Outcome]) -> None:
    """A row a layer: the recipe's source, the optimised one, and each clip's ratios."""
    figure = new_figure(13, 4.2 * len(outcomes), "Source-mask optimisation")
    places = figure.subplots(len(outcomes), 3, squeeze=False, width_ratios=(1, 1, 1.5))
    for (before, after, chart), outcome in zip(places, outcomes, strict=True):
        for axes, (name, source) in zip((before, after), outcome.sources.items(), strict=True):
            source_panel(axes, source.points, source.weights)
            axes.set_title(f"{outcome.layer.name}: {name}", fontsize=10)
        clips = (*outcome.layer.clips, *outcome.layer.held_out)
        by = {(row["source"], row["clip"]): row for row in outcome.rows}
        for shift, (key, colour) in zip((-0.2, 0.2), (("l2_nm2", BLUE), ("pvb_nm2", VERMILION)), strict=True):
            heights = [by["SMO", clip][key] / by["recipe", clip][key] for clip in clips]
            chart.bar([i + shift for i in range(len(clips))], heights, 0.38, color=colour, label=SCORES[key])
            rivals = [by["rival", clip][key] / by["recipe", clip][key] for clip in clips]
            chart.scatter([i + shift for i in range(len(clips))], rivals, color="black", s=14, zorder=3)
        chart.axhline(1, color="black", linewidth=0.8)
        labels = [f"{clip}\nheld out" if clip in outcome.layer.held_out else clip for clip in clips]
        chart.set_xticks(range(len(clips)), labels)
        style_chart(chart, "SMO : recipe (dots: rival : recipe)", "", "ratio, less is better")
        chart.legend(fontsize=8, loc="lower right")
    save_figure(figure, path)


@click.command()
@click.option("--method", default="smo", show_default=True, help="Of the joint run.")
@click.option("--mask-method", default="multilevel", show_default=True, help="Of the masks with each fixed source.")
@click.option("--layers", default="metal,via", show_default=True, help="Comma-separated.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(method: str, mask_method: str, layers: str, out: Path) -> None:
    """Measure source-mask optimisation on the layouts of the repository."""
    keep_memory()
    require_writable_folder(out)
    chosen = [layer for layer in LAYERS if layer.name in layers.split(",")]
    outcomes = [measure(layer, method, mask_method, out) for layer in chosen]
    rows = [row for outcome in outcomes for row in outcome.rows]
    write_csv(out / "smo.csv", rows)
    command = f"python scripts/smo.py --method {method} --mask-method {mask_method} --layers {layers}"
    write_text(out / "smo.md", markdown(outcomes, command))
    draw(out / "smo.png", outcomes)


if __name__ == "__main__":
    main()
