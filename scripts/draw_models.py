"""The pictures of results/generators.md, from the rows and masks of `measure_models`."""

from pathlib import Path

from measure_models import DRAWN, RAW, SCRATCH, Bench, mean
from report_models import LITERATURE, area, rank, section_of, title_of
from tables import Row

from litho_dl.runs.pictures import clip_images
from litho_dl.viz.comparison import comparison_figure
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip
from litho_dl.viz.refinement import Refinement, refinement_figure

SHOWN = 3  # clips in the comparison


def curve(rows: list[Row], *starts: str) -> Refinement:
    """Means of the starts' rows by rising steps."""
    kinds = dict.fromkeys((row["start"], row["kind"], row["steps"]) for row in rows if row["start"] in starts)
    means = sorted((mean(rows, *kind) for kind in kinds), key=lambda m: m["steps"])
    scores = {
        "L2 + PVB (nm²)": [area(m) for m in means],
        "EPE violations at 3 nm": [m["epe_violations_3nm"] for m in means],
    }
    return Refinement([m["seconds"] for m in means], scores)


def draw_front(path: Path, rows: list[Row], method: str) -> None:
    """Scores against seconds, of one section."""
    networks = dict.fromkeys(row["start"] for row in rows if row["kind"] == RAW and row["start"] != DRAWN)
    curves = {LITERATURE.get(name, name): curve(rows, name) for name in networks}
    figure = refinement_figure(
        {SCRATCH: curve(rows, DRAWN, SCRATCH), **curves},
        {method: curve(rows, method)},
        title=f"{title_of(section_of(rows[0]))}, refined from each start",
    )
    save_figure(figure, path, dpi=120)


def draw_masks(path: Path, bench: Bench, method: str) -> None:
    """Some clips, evenly spread, with the method's masks and those of this run's networks."""
    names = list(bench.evaluations)
    count = min(SHOWN, len(names))
    titles = {**LITERATURE, method: f"ILT reference ({method})"}
    clips = {
        f"Target: {name}": {
            titles.get(start, start): GalleryClip(
                start,
                clip_images(evaluation, mask),
                {"L2": evaluation.scorecard.l2_nm2, "PVB": evaluation.scorecard.pvb_nm2},
                evaluation.violations_nm,
            )
            for start, (mask, evaluation) in sorted(
                bench.evaluations[name].items(), key=lambda drawn: (drawn[0] != method, rank(drawn[0]))
            )
        }
        for name in (names[index * len(names) // count] for index in range(count))
    }
    save_figure(comparison_figure(clips, title="Masks, not refined, and their prints"), path, dpi=110)
