"""The network for any optics against ILT, on optics that it was not trained on: results/any_optics.csv, .md, .png."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, median

import click
import torch
from measure_models import run_of
from suites import RANDOM, RANDOM_NM, RANDOM_SEED, ROOT, random_clips
from tables import Row

from litho_dl.comparison.results import as_markdown
from litho_dl.comparison.suite import Suite
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.generators.model import Generator, load_generator
from litho_dl.generators.predict import predict, refine
from litho_dl.ilt.method import load_method
from litho_dl.layout.clips import Clip, place
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.files import read_layout
from litho_dl.layout.generate.families import generate
from litho_dl.layout.layout import Layout
from litho_dl.runs.masks import Masks
from litho_dl.runs.pictures import clip_images
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure

METHOD, STEPS = "fast", 20
OWN = ("metal_01", "metal_04", "metal_07", "metal_10", "metal_13", "via_01", "via_05", "via_09")
OPTICS = (
    "duv248-annular",
    "duv193-dry-annular",
    "duv193-immersion-annular",
    "duv193-immersion-quasar-te",
    str(ROOT / "scripts" / "held_out" / "duv193-dipole.toml"),
    "gate-45nm",
    "iccad13-like",
    "euv13-quasar",
)
PICTURED, LAYOUT = 6, "metal_07"
FAMILIES = {**RANDOM, "contact": (("via", "contact-45"),)}
SCORES = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_violations_3nm")
HEAD = """# One network for any optics

`{model}` looks through the simulator of the optics that it is given; its training had none of these optics and clips.
Scores are means over clips, 1 nm times the optics' scale: L2 and PVB in nm² over the scale squared, EPE violations, and
the same at 3 nm. {method}: the whole method. {steps} steps: the network's masks, refined. Seconds: a clip, all clips as
one batch, without the target's raster; of the network, the median of three times.

Made by `{command}`; {run}.

## Optics

Our own layouts ({own}), magnified by the optics' scale.

{optics}

![One layout under six optics](any_optics.png)

## Families of layouts

Random clips that no training drew, under `iccad13-like`: twelve of routed metal, cells and structures, twelve of vias
and contacts, six of contacts alone.

{families}

## Turns

Of `{model}` on the clips of the first table, all optics together.

{turns}
"""


def scaled(layout: Layout, scale: float) -> Layout:
    """A layout magnified."""
    return Layout(layout.name, tuple(polygon.mapped(lambda points: scale * points) for polygon in layout.polygons))


def own_suite(optics: str, names: Sequence[str] = OWN) -> Suite:
    """Our own layouts under some optics."""
    simulator = Simulator(optics)
    layouts = {name: read_layout(ROOT / "layouts" / f"{name}.glp") for name in names}
    clips = [place(scaled(layout, simulator.scale), simulator, name) for name, layout in layouts.items()]
    return Suite(Path(optics).stem, optics, simulator, clips, PROTOCOLS["default"].scaled(simulator.scale))


def family_suite(name: str) -> Suite:
    """Random clips of a family, under the contest-like optics."""
    simulator = Simulator("iccad13-like")
    clips = random_clips(name, simulator) if name in RANDOM else contacts(simulator)
    return Suite(name, "iccad13-like", simulator, clips, PROTOCOLS["default"])


def contacts(simulator: Simulator) -> list[Clip]:
    """Six random clips of contacts."""
    rules = load_rules("contact-45")
    layouts = (generate("via", rules, RANDOM_SEED + 100 + index, RANDOM_NM) for index in range(6))
    return [place(layout, simulator, f"contact_{index + 1:02d}") for index, layout in enumerate(layouts)]


def scores(suite: Suite, masks: Masks, mask: str, seconds: float) -> list[Row]:
    """Scores of every clip at scale 1, and the seconds of all."""
    rows = []
    for scored in suite.scored(masks):
        card = scored.evaluation.scorecard
        areas = {name: getattr(card, name) / suite.simulator.scale**2 for name in SCORES[:2]}
        counts = {name: getattr(card, name) for name in SCORES[2:]}
        each = {"suite": suite.name, "optics": Path(suite.optics).stem, "mask": mask, "clip": card.clip}
        rows.append({**each, **areas, **counts, "seconds": round(seconds / len(suite.clips), 4)})
    return rows


def timed(generator: Generator, suite: Suite) -> tuple[Masks, float]:
    """A network's masks, and the seconds that they took, the median of three times."""
    runs = [predict(generator, suite.clips) for _ in range(3)]
    return runs[0], median(run.seconds for run in runs)


def measured(suite: Suite, model: str) -> list[Row]:
    """The method, the network after each of its turns, and refined."""
    method = load_method(METHOD)
    whole = suite.solved(method, METHOD)
    rows = scores(suite, whole, METHOD, whole.seconds)
    most = load_generator(model, suite.simulator).turns
    for turns in range(1, most + 1):
        masks, seconds = timed(load_generator(model, suite.simulator, turns=turns), suite)
        rows += scores(suite, masks, f"{turns} turns", seconds)
    prediction = predict(load_generator(model, suite.simulator), suite.clips)
    found = refine(suite.simulator, prediction, suite.clips, method, STEPS).require_finished()
    return rows + scores(suite, found, f"{STEPS} steps", seconds + found.seconds)


def table(rows: list[Row], most: int) -> str:
    """Raw, refined and whole, a line for each suite."""
    lines = []
    for suite in dict.fromkeys(row["suite"] for row in rows):
        kinds = (METHOD, f"{most} turns", f"{STEPS} steps")
        whole, raw, refined = (mean(row for row in rows if (row["suite"], row["mask"]) == (suite, k)) for k in kinds)
        line = [suite]
        for found in (whole, raw, refined):
            line += [f"{found['l2_nm2']:,.0f}", f"{found['pvb_nm2']:,.0f}"]
            line += [f"{found['epe_violations']:.1f}", f"{found['epe_violations_3nm']:.1f}"]
            line += [] if found is whole else [f"{area(found) / area(whole) - 1:+.1%}"]
            line += [f"{found['seconds']:.2f}"]
        lines.append(line)
    heads = ("L2", "PVB", "EPE", "3 nm")
    titles = ["optics" if len(lines) > 5 else "clips"]
    titles += [*(f"{METHOD} {head}" for head in heads), "s"]
    titles += [*(f"network {head}" for head in heads), f"to {METHOD}", "s"]
    titles += [*(f"+ {STEPS} steps {head}" for head in heads), f"to {METHOD}", "s"]
    return as_markdown([titles, *lines])


def turn_table(rows: list[Row], most: int) -> str:
    """Means over all optics, after each turn."""
    lines = []
    for kind in (*(f"{turns} turns" for turns in range(1, most + 1)), f"{STEPS} steps", METHOD):
        found = mean(row for row in rows if row["mask"] == kind)
        counts = (f"{found['epe_violations']:.1f}", f"{found['epe_violations_3nm']:.1f}", f"{found['seconds']:.2f}")
        lines.append([kind, f"{found['l2_nm2']:,.0f}", f"{found['pvb_nm2']:,.0f}", *counts])
    return as_markdown([["masks", "L2", "PVB", "EPE", "EPE 3 nm", "s a clip"], *lines])


def mean(rows: Iterable[Row]) -> dict[str, float]:
    """Means of scores and seconds."""
    chosen = list(rows)
    return {name: fmean(row[name] for row in chosen) for name in (*SCORES, "seconds")}


def area(means: dict[str, float]) -> float:
    return means["l2_nm2"] + means["pvb_nm2"]


def draw(model: str, out: Path) -> None:
    """One layout under six optics."""
    chosen = [OPTICS[index * (len(OPTICS) - 1) // (PICTURED - 1)] for index in range(PICTURED)]
    clips = []
    for optics in chosen:
        suite = own_suite(optics, (LAYOUT,))
        (scored,) = suite.scored(predict(load_generator(model, suite.simulator), suite.clips))
        card, images = scored.evaluation.scorecard, clip_images(scored.evaluation, scored.mask)
        shown = {"L2": card.l2_nm2, "PVB": card.pvb_nm2, "EPE": card.epe_violations}
        clips.append(GalleryClip(suite.name, images, score=shown))
    title = f"{LAYOUT} under six optics that {Path(model).stem} was not trained on: target, mask, print"
    save_figure(gallery_figure(clips, title=title), out / "any_optics.png")


@click.command()
@click.option("--model", default="any", show_default=True, help="A packaged network's name, or a file.")
@click.option("--optics", multiple=True, help="Optics instead of the usual ones; may be given several times.")
@click.option("--families/--no-families", default=True, show_default=True)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), help="Folder of the contest's kernels, for one optics more."
)
@click.option("--out", default=str(ROOT / "results"), show_default=True, type=click.Path(path_type=Path))
def main(model: str, optics: tuple[str, ...], families: bool, data: Path | None, out: Path) -> None:
    """Measure a network for any optics on optics and layouts that it never saw."""
    keep_memory()
    require_writable_folder(out)
    by_optics, by_family = [], []
    most = 0
    for each in (*(optics or OPTICS), *([str(data)] if data else [])):
        suite = own_suite(each)
        most = load_generator(model, suite.simulator).turns
        started = time.perf_counter()
        by_optics += measured(suite, model)
        click.echo(f"{suite.name}: {time.perf_counter() - started:.0f} s")
        click.echo(table(by_optics, most).splitlines()[-1])
    for name in FAMILIES if families else ():
        by_family += measured(family_suite(name), model)
        click.echo(table(by_family, most).splitlines()[-1])
    write_csv(out / "any_optics.csv", by_optics + by_family)
    command = "python scripts/any_optics.py" + f" --model {Path(model).name}" * (model != "any")
    command += "".join(f" --optics {Path(each).name}" for each in optics) + " --no-families" * (not families)
    command += " --data FOLDER" * (data is not None)
    text = HEAD.format(
        model=Path(model).stem,
        method=METHOD,
        steps=STEPS,
        command=command,
        run=run_of(torch.device("cpu")),
        own=", ".join(OWN),
        optics=table(by_optics, most),
        families=table(by_family, most) if by_family else "",
        turns=turn_table(by_optics, most),
    )
    write_text(out / "any_optics.md", text)
    draw(model, out)


if __name__ == "__main__":
    main()
