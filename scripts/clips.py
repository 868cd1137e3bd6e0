"""Many clips of every family: time, rules, duplicates, and what they consist of beside real layouts; results/clips.*.

Real layouts are the contest's clips and windows of a placed and routed block, where --data has them.
"""

import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import klayout.db as kdb
import numpy as np
from suites import ROOT

from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.layout.design_rules import check_design, load_rules
from litho_dl.layout.files import read_layout
from litho_dl.layout.generate import FAMILIES, unique_clips
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash
from litho_dl.layout.statistics import LayoutStatistics, layout_statistics
from litho_dl.layout.windows import cut_windows
from litho_dl.runs.collection import clip_group
from litho_dl.viz.figure import save_figure
from litho_dl.viz.layouts import ClipGroup, clips_figure

BLOCK, BLOCK_LAYER, BLOCK_WIDTH_NM = "gcd_45nm.gds", "11/0", 65.0
SHOWN = 16


@dataclass
class Group:
    """Clips of one origin: the first ones, and the statistics of all."""

    name: str
    extent_nm: float
    shown: list[Layout] = field(default_factory=list)
    statistics: list[LayoutStatistics] = field(default_factory=list)

    def add(self, layout: Layout) -> LayoutStatistics:
        """Measures a clip."""
        if len(self.shown) < SHOWN:
            self.shown.append(Layout("", layout.polygons))
        self.statistics.append(layout_statistics(layout))
        return self.statistics[-1]

    @property
    def densities(self) -> list[float]:
        """Covered share of the extent, a clip."""
        return [entry.area_nm2 / self.extent_nm**2 for entry in self.statistics]

    def drawing(self) -> ClipGroup:
        """The group for the figure."""
        shown = [Layout(str(number), layout.polygons) for number, layout in enumerate(self.shown)]
        return clip_group(self.name, shown, self.statistics, self.densities, self.extent_nm)


def generated(family: str, rules_name: str, count: int, seed: int, extent_nm: float) -> tuple[dict[str, Any], Group]:
    """Draws the clips of one family, and checks every one of them again."""
    rules, group = load_rules(rules_name), Group(f"{family}, {rules_name}", extent_nm)
    seconds, tally, seen = 0.0, Counter[str](), set()
    least_width = least_space = float("inf")
    clips = unique_clips(family, rules, seed, count, extent_nm)
    for _ in range(count):
        start = perf_counter()
        clip = next(clips)
        seconds += perf_counter() - start
        tally["redrawn for a rule"] += clip.redraws
        tally["redrawn as known"] += clip.attempt
        tally["violations"] += sum(check_design(clip.layout, rules, extent_nm).values())
        tally["empty"] += not clip.layout.polygons
        pattern = pattern_hash(clip.layout)
        tally["duplicates"] += pattern in seen
        seen.add(pattern)
        numbers = group.add(clip.layout)
        least_width = min(least_width, numbers.widths.lengths_nm.min())
        least_space = min(least_space, numbers.spaces.lengths_nm.min(initial=float("inf")))
    row = {
        "family": family,
        "rules": rules_name,
        "clips": count,
        "ms_per_clip": round(1000 * seconds / count, 2),
        **{
            name: tally[name]
            for name in ("violations", "duplicates", "empty", "redrawn for a rule", "redrawn as known")
        },
        "least_width_nm": least_width,
        "least_space_nm": least_space,
        "mean_density": round(float(np.mean(group.densities)), 4),
        "polygons": float(np.median([entry.polygons for entry in group.statistics])),
    }
    return row, group


def real_groups(data: Path, extent_nm: float) -> list[Group]:
    """The contest's clips and windows of the block, as far as the folder has them."""
    groups = []
    paths = sorted((data / "iccad13" / "layouts").glob("*.glp"), key=lambda path: (len(path.name), path.name))
    if paths:
        contest = Group("ICCAD 2013 contest", extent_nm)
        for path in paths:
            contest.add(read_layout(path).centred((extent_nm, extent_nm)))
        groups.append(contest)
    if (data / BLOCK).is_file():
        block = Group("placed and routed block, 45 nm", extent_nm)
        windows = cut_windows(
            data / BLOCK,
            layer=BLOCK_LAYER,
            window_nm=extent_nm,
            stride_nm=extent_nm,
            least_coverage=0.05,
            min_width_nm=BLOCK_WIDTH_NM,
        )
        for window in windows:
            block.add(window.layout)
        groups.append(block)
    return groups


def markdown(rows: list[dict[str, Any]], command: str, extent_nm: float) -> str:
    """The table and what its columns mean."""
    lines = [
        "# Generated clips",
        "",
        f"`{command}` made this on {os.cpu_count()} CPU cores ({platform.machine()}), one of them at work, numpy "
        f"{np.__version__}, klayout {kdb.__version__}. Clips of {extent_nm:g} nm. Milliseconds are those of "
        f"`unique_clips`: drawing, the check of all rules and the pattern hash. Every clip was checked again after "
        f"that: violations, duplicates (up to rotation, mirroring and translation) and empty clips are their counts. "
        f"Drawings that broke a rule, or gave a known pattern, were drawn again. Least width and space are measured "
        f"without klayout, as run lengths.",
        "",
        "| family | rules | clips | ms a clip | violations | duplicates | empty | redrawn: rule | redrawn: known "
        "| least width (nm) | least space (nm) | mean density | polygons (median) |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['family']} | {row['rules']} | {row['clips']:,} | {row['ms_per_clip']:.1f} | {row['violations']} "
        f"| {row['duplicates']} | {row['empty']} | {row['redrawn for a rule']} | {row['redrawn as known']} "
        f"| {row['least_width_nm']:g} | {row['least_space_nm']:g} | {row['mean_density']:.1%} | {row['polygons']:g} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Clips of each family and rule set.")
@click.option("--classes", default="45,32,28", show_default=True, help="Comma-separated classes of rules.")
@click.option("--extent", "extent_nm", default=1280.0, show_default=True, help="Side of a clip in nm.")
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--data", type=click.Path(path_type=Path), default=ROOT.parent / "shared" / "data", help="Folder of real layouts."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(count: int, classes: str, extent_nm: float, seed: int, data: Path, out: Path) -> None:
    """Generate clips of every family and measure them."""
    require_writable_folder(out)
    rows, groups = [], []
    for number in classes.split(","):
        for family, settings in FAMILIES.items():
            rules_name = f"{'m1' if settings.layer == 'metal' else 'via'}-{number}"
            row, group = generated(family, rules_name, count, seed, extent_nm)
            click.echo(", ".join(f"{name} {value}" for name, value in row.items()))
            rows.append(row)
            if number == classes.split(",")[0]:
                groups.append(group)
    write_csv(out / "clips.csv", rows)
    command = f"python scripts/clips.py --count {count} --classes {classes} --extent {extent_nm:g} --seed {seed}"
    write_text(out / "clips.md", markdown(rows, command, extent_nm))
    drawings = [group.drawing() for group in [*groups, *real_groups(data, extent_nm)]]
    save_figure(clips_figure(drawings, title=f"Clips of {extent_nm:g} nm"), out / "clips.png", dpi=130)


if __name__ == "__main__":
    main()
