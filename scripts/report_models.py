"""What results/generators.md says, and its pictures, from the rows of `measure_models`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from measure_models import DRAWN, EQUAL, RAW, REPEATS, SCRATCH, WHOLE, Bench, mean
from tables import Row

from litho_dl.core.settings import packaged_names
from litho_dl.report.published import NETWORKS
from litho_dl.runs.pictures import clip_images
from litho_dl.viz.comparison import comparison_figure
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip
from litho_dl.viz.refinement import Refinement, refinement_figure

SHOWN = 3  # clips in the comparison
HEAD = """# Mask generators

Networks draw masks; a few steps of an ILT method, from the middle of its first level on, refine them. Scores are means
over the clips of a suite, 1 nm, exact raster: area by which the nominal print is wrong (L2) and area of the PV band
(PVB), both in nm², EPE violations (`openilt` rule), shots (rectangles of klayout's trapezoid decomposition) and places
that break the mask rules (width 20 nm, space 20 nm, area 1000 nm²). All clips of a suite are one batch, for networks
and for the optimisation; seconds are that batch's, per clip, refined ones with the network's. The target's raster is
not counted. `scratch` is the method in so few steps, from the drawn target; `drawn` is the target as a mask. "To
{method}" is the difference in L2 + PVB to the whole method, more is worse.

Made by `python scripts/evaluate.py --suite SUITE --models NAMES`; the last time by `{command}`.
"""
SECTION = """
## {title}

Measured {run}; the seconds of the whole method are the median of {repeats} runs, those of networks too.{earlier}

| start | steps | L2 | PVB | L2 + PVB | to {method} | EPE | shots | MRC | s a clip | |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|
{rows}

Refined for as many steps as fit, with the network, in the seconds of {method}; differences to it.

| start | steps | s a clip | L2 | PVB | L2 + PVB | EPE |
|---|---:|---:|---:|---:|---:|---:|
{equal}

The networks, and how they were trained. Known: clips of the suite that are in the training data or nearly (by pattern
hash and by likeness of coarse rasters, up to moves, turns and mirrors); empty if nobody looked.

| name | network | parameters | ms a clip | known | data | pairs | command | on | epochs | s |
|---|---|---:|---:|---:|---|---:|---|---|---|---:|
{networks}

![L2 + PVB against steps and seconds](generators.{label}.png)

![Target, optimised masks and networks' masks, with their prints](generators.{label}.masks.png)
"""


def section_of(row: Row) -> tuple[str, str]:
    """Suite and optics."""
    return row["suite"], row["optics"]


def title_of(section: tuple[str, str]) -> str:
    """How a section is headed; the contest's kernels are called as its clips are."""
    return " under ".join(dict.fromkeys(section))


def label_of(section: tuple[str, str]) -> str:
    """How a section's pictures are called."""
    return "-".join(dict.fromkeys(section))


def markdown(rows: list[Row], networks: list[Row], method: str, command: str) -> str:
    """All sections."""
    text = HEAD.format(method=method, command=command)
    for section in dict.fromkeys(map(section_of, rows)):
        own = [row for row in rows if section_of(row) == section]
        nets = [row for row in networks if section_of(row) == section]
        latest = max(row["run"] for row in own)
        earlier = " † of an earlier run, on whatever the machine was then." if len({r["run"] for r in own}) > 1 else ""
        text += SECTION.format(
            title=title_of(section),
            run=latest,
            repeats=REPEATS,
            earlier=earlier,
            method=method,
            rows="\n".join([*main_lines(own, method, latest), *published_lines(section, own, method)]),
            equal="\n".join(equal_lines(own, method)),
            networks="\n".join(network_lines(nets)),
            label=label_of(section),
        )
    return text


def main_lines(rows: list[Row], method: str, latest: str) -> list[str]:
    """One line for each start, kind and number of steps, in the order in which they were measured."""
    whole = area(mean(rows, method, WHOLE))
    lines = []
    notes = {EQUAL: f"as long as {method}", WHOLE: "the whole method", RAW: "not refined"}
    for start, kind, steps in dict.fromkeys((row["start"], row["kind"], row["steps"]) for row in rows):
        m = mean(rows, start, kind, steps)
        run = next(row["run"] for row in rows if (row["start"], row["kind"]) == (start, kind))
        mark = "" if run == latest else " †"
        lines.append(
            f"| {start}{mark} | {steps:.0f} | {m['l2_nm2']:,.0f} | {m['pvb_nm2']:,.0f} | {area(m):,.0f} "
            f"| {area(m) / whole - 1:+.1%} | {m['epe_violations']:.1f} | {m['shots']:,.0f} | {m['mrc_violations']:.1f} "
            f"| {m['seconds']:.3f} | {notes.get(kind, '')} |"
        )
    return lines


def published_lines(section: tuple[str, str], rows: list[Row], method: str) -> list[str]:
    """What others report of the contest's clips and kernels."""
    if not is_contest(section):
        return []
    whole = area(mean(rows, method, WHOLE))
    return [
        f"| {p.model}, published {kind} | - | {l2:,.0f} | {pvb:,.0f} | {l2 + pvb:,.0f} | {(l2 + pvb) / whole - 1:+.1%} "
        f"| {epe:.1f} | - | - | - | {p.conditions} |"
        for p in NETWORKS
        for kind, (l2, pvb, epe) in (("raw", p.raw), ("fine-tuned", p.tuned))
    ]


def equal_lines(rows: list[Row], method: str) -> list[str]:
    """Each network's refinement in the method's time."""
    whole, lines = mean(rows, method, WHOLE), []
    for start in dict.fromkeys(row["start"] for row in rows if row["kind"] == EQUAL):
        m = mean(rows, start, EQUAL)
        lines.append(
            f"| {start} | {m['steps']:.0f} | {m['seconds']:.3f} of {whole['seconds']:.3f} "
            f"| {m['l2_nm2'] / whole['l2_nm2'] - 1:+.1%} | {m['pvb_nm2'] / whole['pvb_nm2'] - 1:+.1%} "
            f"| {area(m) / area(whole) - 1:+.1%} | {m['epe_violations'] - whole['epe_violations']:+.1f} |"
        )
    return lines


def network_lines(networks: Iterable[Row]) -> list[str]:
    """How each network came about."""
    return [
        f"| {row['model']} | {row['network']} | {row['parameters']:,.0f} | {row['milliseconds']:.1f} "
        f"| {row['known_clips']} | {row['data']} | {row['pairs']} | `{row['command']}` | {row['device']} "
        f"| {row['epochs']} | {row['training_seconds']} |"
        for row in networks
    ]


def area(m: Mapping[str, float]) -> float:
    """L2 + PVB."""
    return m["l2_nm2"] + m["pvb_nm2"]


def is_contest(section: tuple[str, str]) -> bool:
    """True of the contest's clips under imported kernels."""
    suite, optics = section
    return suite == "iccad13" and optics not in packaged_names("optics")


def curve(rows: list[Row], *starts: str) -> Refinement:
    """Means of the starts' rows by rising steps."""
    kinds = dict.fromkeys((row["start"], row["kind"], row["steps"]) for row in rows if row["start"] in starts)
    means = sorted((mean(rows, *kind) for kind in kinds), key=lambda m: m["steps"])
    return Refinement([m["steps"] for m in means], [m["seconds"] for m in means], [area(m) for m in means])


def draw_front(path: Path, rows: list[Row], method: str) -> None:
    """L2 + PVB against steps and seconds, of one section."""
    networks = dict.fromkeys(row["start"] for row in rows if row["kind"] == RAW and row["start"] != DRAWN)
    starts = {SCRATCH: curve(rows, DRAWN, SCRATCH), **{name: curve(rows, name) for name in networks}}
    section = section_of(rows[0])
    figure = refinement_figure(
        starts,
        {method: curve(rows, method)},
        {p.model: p.raw[0] + p.raw[1] for p in NETWORKS} if is_contest(section) else None,
        quality="L2 + PVB (nm²)",
        title=f"{title_of(section)}, refined from each start",
    )
    save_figure(figure, path, dpi=120)


def draw_masks(path: Path, bench: Bench) -> None:
    """Some clips, evenly spread, with the masks of this run."""
    names = list(bench.evaluations)
    count = min(SHOWN, len(names))
    clips = {
        name: {
            start: GalleryClip(
                start,
                clip_images(evaluation, mask),
                {"L2": evaluation.scorecard.l2_nm2, "PVB": evaluation.scorecard.pvb_nm2},
                evaluation.violations_nm,
            )
            for start, (mask, evaluation) in bench.evaluations[name].items()
        }
        for name in (names[index * len(names) // count] for index in range(count))
    }
    save_figure(comparison_figure(clips, title="Masks, not refined, and their prints"), path, dpi=110)
