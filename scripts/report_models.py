"""What results/generators.md says, from the rows of `measure_models`."""

from collections.abc import Iterable, Mapping, Sequence

from measure_models import BATCHES, DRAWN, EQUAL, PASSES, RAW, REPEATS, SCRATCH, WHOLE, mean
from tables import Row

from litho_dl.comparison.results import as_markdown
from litho_dl.core.settings import packaged_names
from litho_dl.report.published import NETWORKS

# The networks of the literature, in the order of tables and pictures, and how pictures call them.
LITERATURE = {"gan_opc": "GAN-OPC", "neural_ilt": "Neural-ILT", "damo": "DAMO", "cfno": "CFNO", "unet": "U-Net"}
HEAD = """# Mask generators

Networks draw masks; a few steps of an ILT method, of its levels after the first, refine them. Scores are means
over the clips of a suite, 1 nm, exact raster: area by which the nominal print is wrong (L2) and area of the PV band
(PVB), both in nm², EPE violations (`openilt` rule; EPE beyond 15 nm, EPE 3 nm the same sites beyond 3 nm), places that
break the mask rules (MRC: width 20 nm, space 20 nm, area 1000 nm²), and shots (rectangles of klayout's trapezoid
decomposition). `iccad13` is the contest's ten clips, `layouts` our own; `metal` and `via` are twelve random clips each,
which no data set holds.

Made by `python scripts/evaluate.py --suite SUITE --models NAMES`; the last time by `{command}`.
"""
SECTION = """
## {title}

Measured {run}.{earlier}

### Raw networks

Masks as the networks draw them. ms: the network alone, a clip, in batches of 1 and of 10, median of {passes} passes.
Minutes: all trainings and validations that led to the weights.

{raw}

### Refined

All clips of a suite are one batch, for networks and for the optimisation; seconds are that batch's, per clip, refined
ones with the network's, without the target's raster; those of the whole method and of networks are the median of
{repeats} runs. `{scratch}` is the method in so few steps, from the drawn target; `{drawn}` is the target as a mask. "To
{method}" is the difference in L2 + PVB to the whole method, more is worse.

{refined}

Refined for as many steps as fit, with the network, in the seconds of {method}; differences to it.

{equal}

![L2 + PVB, and EPE violations at 3 nm, against seconds](generators.{label}.png)

![Target, optimised masks and networks' masks, with their prints](generators.{label}.masks.png)

### How they were trained

Pairs and drawn clips: what the trainings saw, random clips over all epochs. Known: clips of the suite that are in the
training data or nearly (by pattern hash and by likeness of coarse rasters, up to moves, turns and mirrors); empty if
nobody looked.

{networks}
"""
SCORE_TITLES = ("L2", "PVB", "EPE", "EPE 3 nm", "MRC", "shots")
RAW_TITLES = ("network", *SCORE_TITLES, "ms at 1", "ms at 10", "parameters", "minutes", "")
REFINED_TITLES = ("start", "steps", "L2", "PVB", "L2 + PVB", "to {method}", *SCORE_TITLES[2:], "s a clip", "")
EQUAL_TITLES = ("start", "steps", "s a clip", "L2", "PVB", "L2 + PVB", "EPE", "EPE 3 nm")
NETWORK_TITLES = (
    *("name", "network", "parameters", "MB", "ms at 1", "ms at 10", "minutes", "pairs", "drawn clips", "known"),
    *("epochs", "data", "command", "on"),
)


def rank(name: str) -> tuple[int, str]:
    """Place of a network in tables and pictures: those of the literature, then others by name."""
    known = list(LITERATURE)
    return (known.index(name), "") if name in known else (len(known), name)


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
    text = HEAD.format(command=command)
    for section in dict.fromkeys(map(section_of, rows)):
        own = [row for row in rows if section_of(row) == section]
        nets = [row for row in networks if section_of(row) == section]
        runs = {row["run"] for row in own}
        latest = max(runs)
        published = is_contest(section)
        text += SECTION.format(
            title=title_of(section),
            run=latest,
            earlier=" † of an earlier run, on whatever the machine was then." if len(runs) > 1 else "",
            repeats=REPEATS,
            passes=PASSES,
            method=method,
            scratch=SCRATCH,
            drawn=DRAWN,
            raw=table(RAW_TITLES, [*raw_cells(own, nets, latest), *(published_raw() if published else [])]),
            refined=table(
                [title.format(method=method) for title in REFINED_TITLES],
                [*refined_cells(own, method, latest), *(published_tuned(own, method) if published else [])],
            ),
            equal=table(EQUAL_TITLES, equal_cells(own, method)),
            networks=table(NETWORK_TITLES, network_cells(nets)),
            label=label_of(section),
        )
    return text


def table(titles: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return as_markdown([titles, *cells])


def raw_cells(rows: list[Row], networks: Iterable[Row], latest: str) -> list[list[str]]:
    """One line for each network: its masks' scores, its speed and its cost."""
    return [
        [
            marked(net["model"], net["run"], latest),
            *score_cells(mean(rows, net["model"], RAW)),
            *cost_cells(net),
            f"{net['parameters']:,.0f}",
            f"{net['training_minutes']:.0f}",
            "",
        ]
        for net in networks
    ]


def score_cells(m: Mapping[str, float]) -> list[str]:
    """Mean scores in the order of `SCORE_TITLES`."""
    violations = (f"{m[name]:.1f}" for name in ("epe_violations", "epe_violations_3nm", "mrc_violations"))
    return [f"{m['l2_nm2']:,.0f}", f"{m['pvb_nm2']:,.0f}", *violations, f"{m['shots']:,.0f}"]


def cost_cells(network: Row) -> list[str]:
    """Milliseconds a clip, by the size of the batch."""
    return [f"{network[column]:.1f}" for column in BATCHES]


def marked(name: str, run: str, latest: str) -> str:
    """A name, with a mark if it was measured in an earlier run."""
    return name if run == latest else f"{name} †"


def published_raw() -> list[list[str]]:
    """What others report of their networks' masks, on the contest's clips and kernels."""
    return [
        [f"{p.model}, published", f"{l2:,.0f}", f"{pvb:,.0f}", f"{epe:.1f}", *["-"] * 7, p.conditions]
        for p in NETWORKS
        for l2, pvb, epe in (p.raw,)
    ]


def published_tuned(rows: list[Row], method: str) -> list[list[str]]:
    """The same after their refinement."""
    whole = area(mean(rows, method, WHOLE))
    return [
        [
            *(f"{p.model}, published", "-", f"{l2:,.0f}", f"{pvb:,.0f}", f"{l2 + pvb:,.0f}"),
            *(f"{(l2 + pvb) / whole - 1:+.1%}", f"{epe:.1f}", *["-"] * 4, p.conditions),
        ]
        for p in NETWORKS
        for l2, pvb, epe in (p.tuned,)
    ]


def refined_cells(rows: list[Row], method: str, latest: str) -> list[list[str]]:
    """One line for each start, kind and number of steps, in the order of the rows."""
    whole = area(mean(rows, method, WHOLE))
    notes = {EQUAL: f"as long as {method}", WHOLE: "the whole method", RAW: "not refined"}
    lines = []
    for start, kind, steps in dict.fromkeys((row["start"], row["kind"], row["steps"]) for row in rows):
        m = mean(rows, start, kind, steps)
        run = next(row["run"] for row in rows if (row["start"], row["kind"]) == (start, kind))
        l2, pvb, *rest = score_cells(m)
        both = (f"{area(m):,.0f}", f"{area(m) / whole - 1:+.1%}")
        name = marked(start, run, latest)
        lines.append([name, f"{steps:.0f}", l2, pvb, *both, *rest, f"{m['seconds']:.3f}", notes.get(kind, "")])
    return lines


def equal_cells(rows: list[Row], method: str) -> list[list[str]]:
    """Each network's refinement in the method's time."""
    whole, lines = mean(rows, method, WHOLE), []
    for start in dict.fromkeys(row["start"] for row in rows if row["kind"] == EQUAL):
        m = mean(rows, start, EQUAL)
        areas = [m[name] / whole[name] - 1 for name in ("l2_nm2", "pvb_nm2")] + [area(m) / area(whole) - 1]
        violations = [m[name] - whole[name] for name in ("epe_violations", "epe_violations_3nm")]
        seconds = f"{m['seconds']:.3f} of {whole['seconds']:.3f}"
        differences = (*(f"{value:+.1%}" for value in areas), *(f"{value:+.1f}" for value in violations))
        lines.append([start, f"{m['steps']:.0f}", seconds, *differences])
    return lines


def network_cells(networks: Iterable[Row]) -> list[list[str]]:
    """How each network came about."""
    return [
        [
            *(row["model"], row["network"], f"{row['parameters']:,.0f}", f"{row['megabytes']:.1f}", *cost_cells(row)),
            *(f"{row['training_minutes']:.0f}", f"{row['pairs']:,.0f}", f"{row['drawn_clips']:,.0f}"),
            *(str(row["known_clips"]), row["epochs"], row["data"], f"`{row['command']}`", row["device"]),
        ]
        for row in networks
    ]


def area(m: Mapping[str, float]) -> float:
    """L2 + PVB."""
    return m["l2_nm2"] + m["pvb_nm2"]


def is_contest(section: tuple[str, str]) -> bool:
    """True of the contest's clips under imported kernels."""
    suite, optics = section
    return suite == "iccad13" and optics not in packaged_names("optics")
