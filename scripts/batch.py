"""What a batch costs: seconds and peak memory of one `solve` against the number of clips; writes results/batch.*.

Every batch runs in a process of its own, so its peak memory is its own. The clips are our own layouts, over and over,
under optics fitted to the contest's kernels: no outside data.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from benchmark import resident_peak_mb
from suites import ROOT

from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.layout.clips import load_clip
from litho_dl.runs.optimize import solve
from litho_dl.simulation.simulator import Simulator

OPTICS = "iccad13-like"


def measured(method: str, batch: int, repeats: int) -> dict[str, Any]:
    """Median seconds a clip of a batch in this process, and the process's peak memory in MB."""
    keep_memory()
    simulator = Simulator(OPTICS)
    paths = sorted((ROOT / "layouts").glob("metal_*.glp"))
    clips = [load_clip(paths[index % len(paths)], simulator) for index in range(batch)]
    seconds = [solve(simulator, clips, method).require_finished().seconds / batch for _ in range(repeats)]
    return {"method": method, "batch": batch, "seconds": median(seconds), "mb": resident_peak_mb()}


def in_own_process(method: str, batch: int, repeats: int) -> dict[str, Any]:
    """`measured`, by this script in a new process."""
    command = [sys.executable, __file__, "--one", json.dumps([method, batch, repeats])]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def markdown(rows: list[dict[str, Any]], command: str) -> str:
    """The table, and memory per clip from the smallest and the largest batch."""
    lines = [
        "# What a batch costs",
        "",
        f"`{command}` made this on {os.cpu_count()} CPU cores ({platform.machine()}), torch {torch.__version__}; "
        f"seconds are the solver's, medians; memory is the process's peak, with Python and torch in it.",
        "",
        "| method | clips | s a clip | against one clip alone | peak (MB) | MB for each further clip |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        for row, before in zip(own, [None, *own[:-1]], strict=True):
            further = "-" if before is None else f"{(row['mb'] - before['mb']) / (row['batch'] - before['batch']):.1f}"
            lines.append(
                f"| {method} | {row['batch']} | {row['seconds']:.2f} | {row['seconds'] / own[0]['seconds']:.2f} "
                f"| {row['mb']:,.0f} | {further} |"
            )
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--methods", default="fast", show_default=True, help="Comma-separated names.")
@click.option("--batches", default="1,2,5,10,20", show_default=True, help="Comma-separated, rising.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
@click.option("--one", hidden=True)
def main(methods: str, batches: str, repeats: int, out: Path, one: str | None) -> None:
    """Measure seconds and memory against the number of clips."""
    if one is not None:
        click.echo(json.dumps(measured(*json.loads(one))))
        return
    require_writable_folder(out)
    cases = [(method, int(batch)) for method in methods.split(",") for batch in batches.split(",")]
    rows = [in_own_process(method, batch, repeats) for method, batch in cases]
    write_csv(out / "batch.csv", rows)
    text = markdown(rows, f"python scripts/batch.py --methods {methods} --batches {batches}")
    write_text(out / "batch.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
