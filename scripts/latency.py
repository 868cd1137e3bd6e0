"""What a user waits for: seconds by phase, and memory, of whole commands; writes results/latency.{csv,md,png}.

Each command is a process of its own, run once before it is measured: kernels of recipes are then kept from that run. To
compare with an earlier commit, measure a checkout of it first (`--tree CHECKOUT --out EARLIER`), then pass `--before
EARLIER/latency.csv`. Its commands told fewer phases; what they do not tell is in `rest`.
"""

import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click
from process_memory import PeakMemory
from suites import ROOT

from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.viz.figure import save_figure
from litho_dl.viz.phases import phases_figure

SAMPLE_S = 0.1  # between two looks at the memory
OPTIMIZE = ["optimize", "--method", "fast"]
BETTER = ("quality", "curvilinear")  # methods that are measured on all clips too
EVALUATE = ["evaluate", "--protocol", "iccad13", "--json"]
OWN = ["layouts/metal_01.glp", "--optics", "duv193-immersion-annular"]
Row = dict[str, Any]
# Seconds of each phase, from what a command writes or prints; zero where an earlier version does not tell them.
PHASES: dict[str, Callable[[Row], float]] = {
    "start": lambda told: told.get("start_seconds", 0.0),
    "solve or expose": lambda told: told.get("solve_seconds", told.get("exposure_seconds", 0.0)),
    "score": lambda told: told.get("scoring_seconds", sum(clip["scoring_seconds"] for clip in told.get("clips", ()))),
    "files": lambda told: told.get("file_seconds", 0.0),
}


def commands(data: Path, work: Path) -> dict[str, list[str]]:
    """The arguments of litho-dl by the name of what is measured; all write to a folder."""
    clips = sorted(map(str, (data / "layouts").glob("*.glp")))
    if not clips:
        raise click.ClickException(f"{data}: no contest data (layouts, kernels, scales) there; pass --data.")
    optics, out = ["--optics", str(data)], ["--out", str(work)]
    mask = str(work / f"{Path(clips[0]).stem}.mask.png")
    return {
        f"optimize, {len(clips)} clips": [*OPTIMIZE, *clips, *optics, *out],
        f"optimize, {len(clips)} clips, no pictures": [*OPTIMIZE, *clips, *optics, *out, "--no-figures"],
        **{
            f"optimize, {len(clips)} clips, {method}": ["optimize", "--method", method, *clips, *optics, *out]
            for method in BETTER
        },
        "optimize, one clip, optics of a recipe": [*OPTIMIZE, *OWN, *out],
        "simulate, one clip": ["simulate", clips[0], *optics, *out, "--json"],
        "evaluate, one mask": [*EVALUATE, "--target", clips[0], "--mask", mask, *optics],
    }


def run(arguments: list[str], tree: Path, work: Path) -> Row:
    """Runs a command of a checkout; its seconds, those of its processors, its memory in MB, and its phases."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    before, begun = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "litho_dl.cli.main", *arguments]
    with (work / "printed").open("w+") as printed:
        process = subprocess.Popen(command, env=environment, cwd=tree, stdout=printed, stderr=subprocess.DEVNULL)
        with PeakMemory(str(process.pid), SAMPLE_S) as memory:
            process.wait()
        seconds, after = time.perf_counter() - begun, os.times()
        if process.returncode:
            raise click.ClickException(f"{' '.join(command)} failed.")
        printed.seek(0)
        told = json.loads((work / "scores.json").read_text() if arguments[0] == "optimize" else printed.read())
    phases = {name: seconds_of(told) for name, seconds_of in PHASES.items()}
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": seconds, "cpu": used, "mb": memory.peak_mb, **phases, "rest": seconds - sum(phases.values())}


def measured(name: str, arguments: list[str], tree: Path, work: Path, repeats: int) -> Row:
    """The medians of a command's runs after a first one."""
    run(arguments, tree, work)
    rows = [run(arguments, tree, work) for _ in range(repeats)]
    return {"command": name} | {key: round(median(row[key] for row in rows), 3) for key in rows[0]}


def markdown(rows: list[Row], earlier: dict[str, Row], command: str, repeats: int) -> str:
    """The table; with the seconds and the memory of earlier rows beside them."""
    lines = [
        "# What a user waits for",
        "",
        f"`{command}` made this on {os.cpu_count()} CPU cores ({platform.machine()}); medians of {repeats}, each after "
        f"a run of the same command. Memory is the peak of all its processes together. `start` is the time until "
        f"solving, exposing or scoring begins, with Python and torch; `files` is what is waited for masks, layers and "
        f"pictures; `rest` is the end of the process, and in bars of an earlier commit (`--before`), which the table "
        f"calls before, all that its commands did not tell. Commands are by `fast` where no method is named; clips are "
        f"the contest's with its kernels, one clip of a recipe is layouts/metal_01.glp.",
        "",
        "![where the seconds go](latency.png)",
        "",
        f"| command | s | CPU s | MB | {' | '.join(PHASES)} | rest |" + (" s before | MB before |" if earlier else ""),
        "|---|" + "---:|" * (len(PHASES) + 4 + 2 * bool(earlier)),
    ]
    for row in rows:
        cells = [f"{row['seconds']:.2f}", f"{row['cpu']:.2f}", f"{row['mb']:,.0f}"]
        cells += [f"{row[phase]:.2f}" for phase in (*PHASES, "rest")]
        if earlier:
            old = earlier.get(row["command"])
            cells += ["-", "-"] if old is None else [f"{float(old['seconds']):.2f}", f"{float(old['mb']):,.0f}"]
        lines.append(f"| {row['command']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(path: Path, rows: list[Row], earlier: dict[str, Row]) -> None:
    """Draws the phases of each command, before and after."""
    drawn = {}
    for row in rows:
        runs = {"before": earlier.get(row["command"]), "after" if earlier else "": row}
        drawn[row["command"]] = {
            name: {phase: max(float(of[phase]), 0.0) for phase in (*PHASES, "rest")} for name, of in runs.items() if of
        }
    save_figure(phases_figure(drawn, title="Where the seconds go"), path)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=ROOT.parent / "shared" / "data" / "iccad13")
@click.option("--only", default="", help="Words that a command's name must hold, such as simulate.  [default: all]")
@click.option("--repeats", default=3, show_default=True)
@click.option(
    "--tree", type=click.Path(path_type=Path), default=ROOT, help="The checkout to measure.  [default: this one]"
)
@click.option("--before", type=click.Path(path_type=Path, exists=True), help="A latency.csv to compare with.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(data: Path, only: str, repeats: int, tree: Path, before: Path | None, out: Path) -> None:
    """Measure what a user waits for besides the solver."""
    require_writable_folder(out)
    earlier = {row["command"]: row for row in csv.DictReader(before.open())} if before else {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        every = commands(data.resolve(), work)
        run([*OPTIMIZE, *every["simulate, one clip"][1:4], "--out", folder], tree, work)  # the mask to evaluate
        rows = [measured(name, given, tree, work, repeats) for name, given in every.items() if only in name]
    write_csv(out / "latency.csv", rows)
    draw(out / "latency.png", rows, earlier)
    compared = " --before BEFORE.csv" if earlier else ""
    text = markdown(rows, earlier, f"python scripts/latency.py --repeats {repeats}{compared}", repeats)
    write_text(out / "latency.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
