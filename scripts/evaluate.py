"""Every method on a suite of clips, one batch each, beside the published rows: OUT/SUITE.csv, .md and .png.

Methods that are not named keep the rows that OUT/SUITE.csv has of them. With `--models`, trained networks instead:
OUT/generators.*; see `evaluate_models`. The published tables are those of `--out results`.
"""

import os
import platform
import re
from pathlib import Path
from typing import Any

import click
import torch
from evaluate_models import evaluate_models
from suites import ROOT, SUITES, load_suite
from tables import read_rows

from litho_dl.comparison.candidates import MethodCandidate
from litho_dl.comparison.results import SCORES, as_markdown, mean_row, mean_rows, score_row, table_cells
from litho_dl.comparison.suite import Suite
from litho_dl.core.device import resolve_device
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.ilt.method import load_method
from litho_dl.report.published import PUBLISHED
from litho_dl.runs.pictures import clip_images, draw_gallery
from litho_dl.viz.figure import save_figure
from litho_dl.viz.tradeoff import tradeoff_figure

# In the order of the tables; smo also changes the source, and has its own script.
DEFAULT_OUT = Path("runs") / "evaluate"
METHODS = ("mosaic", "multilevel", "levelset", "curvilinear", "opc", "fast", "quality", "placement")


def run_method(suite: Suite, method: str, out: Path) -> list[dict[str, Any]]:
    """Solves the suite as one batch and scores every mask under both rasters; draws the gallery."""
    name = Path(method).stem
    made = MethodCandidate(name, load_method(method)).make(suite)
    rows, gallery = [], []
    for raster in suite.rasters:
        for clip in suite.clips:
            (scored,) = suite.scored(made.masks[clip.name], raster, [clip])
            rows.append({"method": name, **score_row(scored, made.seconds)})
            if raster == "exact":
                images, card = clip_images(scored.evaluation, scored.mask, aerial=False), scored.evaluation.scorecard
                gallery.append((card.clip, images, card, scored.evaluation.violations_nm))
    draw_gallery(out / f"{suite.name}.{name}.png", gallery, f"{name} on {suite.name}")
    return rows


def earlier_rows(path: Path) -> list[dict[str, Any]]:
    """What a file of results holds already."""
    numbers = dict.fromkeys((*SCORES, "seconds"), lambda text: float(text) if "." in text else int(text))
    rows = read_rows(path, {**numbers, "printed": lambda text: text == "True"})
    return [{name: value for name, value in row.items() if value != ""} for row in rows]


def markdown(suite: Suite, rows: list[dict[str, Any]], methods: list[str], command: str) -> str:
    """Means beside the published rows, then every clip."""
    device = suite.simulator.device
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"{os.cpu_count()} CPU cores"
    lines = [
        f"# {suite.name}",
        "",
        f"`{command}` made this on {where} ({platform.machine()}), torch {torch.__version__}: each method optimises "
        f"all {len(suite.clips)} clips as one batch; seconds are from drawn shapes to masks, per clip. Protocol "
        f"`{suite.protocol.name}`, "
        f"target raster as stated, 1 nm; shots are rectangles of klayout's trapezoid decomposition; MRC are "
        f"places that break width 20 nm, space 20 nm or area 1000 nm^2. Masks that print nothing: "
        f"{sum(not row['printed'] for row in rows if row['raster'] == 'exact')}. Methods that it does "
        f"not name are of an earlier run, on whatever the machine was then.",
        "",
        "## Mean",
        "",
        as_markdown(table_cells(suite, mean_rows(suite, rows, "method"))),
    ]
    return "\n".join([*lines, *clip_tables(rows, methods)]) + "\n"


def clip_tables(rows: list[dict[str, Any]], methods: list[str]) -> list[str]:
    """One table a method; L2 under every raster, the rest under the exact one."""
    lines = []
    for method in methods:
        chosen = [row for row in rows if row["method"] == method]
        l2 = {(row["clip"], row["raster"]): row["l2_nm2"] for row in chosen}
        rasters = list(dict.fromkeys(row["raster"] for row in chosen))
        titles = [
            "clip",
            *(f"L2 {raster}" for raster in rasters),
            "PVB",
            "EPE",
            "EPE 3 nm",
            "EPE (neuralilt rule)",
            "stray",
            "shots",
            "vertices",
            "MRC",
        ]
        lines += ["", f"## {method}", "", "| " + " | ".join(titles) + " |", "|---|" + "---:|" * (len(titles) - 1)]
        for row in (row for row in chosen if row["raster"] == "exact"):
            values = [*(l2[row["clip"], raster] for raster in rasters), *(row.get(key) for key in SCORES[1:])]
            cells = ("-" if value is None else f"{value:,.0f}" for value in values)  # of an earlier version's rows
            lines.append(f"| {row['clip']} | " + " | ".join(cells) + " |")
    return lines


def draw_front(path: Path, rows: list[dict[str, Any]], methods: list[str]) -> None:
    """L2 against PVB, ours and published."""
    ours = {method: mean_row(rows, method, "exact", "method") for method in methods}
    figure = tradeoff_figure(
        {method: (m["l2_nm2"], m["pvb_nm2"]) for method, m in ours.items()},
        {p.method: (p.l2_nm2, p.pvb_nm2) for p in PUBLISHED},
        title="ICCAD 2013, mean of ten clips",
    )
    save_figure(figure, path)


def write_results(suite: Suite, rows: list[dict[str, Any]], methods: list[str], command: str, out: Path) -> None:
    """Tables and front of the methods that are done; written after each, so that a run that is stopped leaves them."""
    write_csv(out / f"{suite.name}.csv", rows)
    write_text(out / f"{suite.name}.md", markdown(suite, rows, methods, command))
    if suite.name == "iccad13":
        draw_front(out / f"{suite.name}.png", rows, methods)


def method_names(given: str) -> list[str]:
    """The methods that an option names; `all` are those that any optics allow, so without `window`, which refocuses."""
    return list(METHODS) if given == "all" else given.split(",")


STEPS = "5,10,20,40"


def step_counts(given: str) -> tuple[int, ...]:
    """The rising numbers that an option names."""
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", given):
        raise click.BadParameter(f"expected numbers of steps such as 5,10,20, got {given!r}.", param_hint="--refine")
    return tuple(sorted({int(count) for count in given.split(",")}))


@click.command()
@click.option("--suite", "suite_name", type=click.Choice(SUITES), required=True)
@click.option("--data", type=click.Path(path_type=Path), default=ROOT.parent / "shared" / "data" / "iccad13")
@click.option("--optics", help="Of networks, as --optics of litho-dl infer, in place of the suite's.")
@click.option("--methods", help="all, or comma-separated names or .toml files.  [default: all]")
@click.option("--models", help="Networks instead: all that ship for the optics, or comma-separated names or files.")
@click.option("--refine", "steps", help="Steps of networks' refinement.  [default: 5,10,20,40]")
@click.option(
    "--trained-on", multiple=True, type=click.Path(path_type=Path), help="A data set to look for the suite's clips in."
)
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to.  [default: runs/evaluate]")
def main(
    suite_name: str,
    data: Path,
    optics: str | None,
    methods: str | None,
    models: str | None,
    steps: str | None,
    trained_on: tuple[Path, ...],
    device: str,
    out: Path | None,
) -> None:
    """Measure ILT methods, or networks (generators.*), on a suite of clips; --out results for the published tables."""
    if models is None and (optics or trained_on or steps):
        raise click.UsageError("--optics, --trained-on and --refine go with --models.")
    if models is not None and methods is not None:
        raise click.UsageError("Give --methods or --models; each has tables of its own.")
    counts = step_counts(steps or STEPS)
    keep_memory()
    out = require_writable_folder(DEFAULT_OUT if out is None else out)
    suite = load_suite(suite_name, data, optics)
    suite.simulator.to(resolve_device(device))
    if models is not None:
        named = ",".join(Path(name).name for name in models.split(","))
        rest = {
            "refine": steps,
            "optics": optics and Path(optics).name,
            "trained-on": ",".join(p.name for p in trained_on),
        }
        said = "".join(f" --{name} {value}" for name, value in rest.items() if value)
        command = f"python scripts/evaluate.py --suite {suite.name} --models {named}{said}"
        evaluate_models(suite, models, counts, trained_on, out, command)
    else:
        evaluate_methods(suite, methods or "all", out)


def evaluate_methods(suite: Suite, methods: str, out: Path) -> None:
    """Measures methods; those that are not named keep the rows that the results have of them."""
    names = method_names(methods)
    command = f"python scripts/evaluate.py --suite {suite.name} --methods {methods}"
    stems = [Path(name).stem for name in names]
    rows = earlier_rows(out / f"{suite.name}.csv")
    for name, stem in zip(names, stems, strict=True):
        rows = [row for row in rows if row["method"] != stem] + run_method(suite, name, out)
        found = {row["method"] for row in rows}
        done = [method for method in dict.fromkeys((*METHODS, *sorted(found))) if method in found]
        rows.sort(key=lambda row: done.index(row["method"]))
        write_results(suite, rows, done, command, out)
    for name in stems:
        m = mean_row(rows, name, "exact", "method")
        click.echo(
            f"{name:<14} L2 {m['l2_nm2']:>9,.0f}  PVB {m['pvb_nm2']:>9,.0f}  EPE {m['epe_violations']:>4.1f}  "
            f"shots {m['shots']:>7,.0f}  MRC {m['mrc_violations']:>5.1f}  {m['seconds']:.2f} s a clip"
        )


if __name__ == "__main__":
    main()
