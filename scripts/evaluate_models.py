"""Trained mask generators on a suite: rows, tables and pictures, written after each network."""

from collections.abc import Sequence
from pathlib import Path

import click
import measure_models
from draw_models import draw_front, draw_masks
from measure_models import BATCHES, EQUAL, RAW, SCORES, WHOLE, Bench, described, mean, measure_baseline, measure_model
from report_models import area, label_of, markdown, rank, section_of
from tables import Row, read_rows

from litho_dl.comparison.suite import Suite
from litho_dl.core.io import write_csv, write_text
from litho_dl.ilt.method import load_method

METHOD = "fast"
COSTS = ("parameters", "megabytes", *BATCHES, "training_minutes", "pairs", "drawn_clips")


def evaluate_models(
    suite: Suite,
    names: str,
    steps: tuple[int, ...],
    trained_on: tuple[Path, ...],
    out: Path,
    command: str,
) -> None:
    """Measures networks; those of the suite that are not named keep the rows that the results have of them.

    Args:
        suite: Clips, and the simulator of the process that the networks are for.
        names: `all`, or names and files with commas between.
        steps: Of refinement, one run each.
        trained_on: Data sets in which to look for the suite's clips.
        out: Folder of the results.
        command: What the results say made them.
    """
    models = measure_models.chosen_models(names, suite)
    known = measure_models.known_clips(suite, trained_on)
    bench = Bench(suite, load_method(METHOD), steps, measure_models.run_of(suite.simulator.device))
    rows = earlier_rows(out / "generators.csv", ("steps", *SCORES))
    networks = earlier_rows(out / "generators.networks.csv", COSTS)
    baseline = measure_baseline(bench, METHOD)
    section = section_of(baseline[0])
    done = list(dict.fromkeys(row["start"] for row in baseline))
    rows = baseline + [row for row in rows if section_of(row) != section or row["start"] not in done]
    budget_s = mean(baseline, METHOD, WHOLE)["seconds"] * bench.count
    for label, model in models.items():
        found = measure_model(bench, label, model, budget_s)
        rows = [row for row in rows if (*section_of(row), row["start"]) != (*section, label)] + found
        networks = [row for row in networks if (*section_of(row), row["model"]) != (*section, label)]
        networks.append(described(bench, label, model, known))
        networks.sort(key=lambda row: (section_of(row), rank(row["model"])))
        order = [*done, *sorted({row["start"] for row in rows}.difference(done), key=rank)]
        rows.sort(key=lambda row: (section_of(row), order.index(row["start"])))
        write_results(bench, section, rows, networks, command, out)
        click.echo(summary(found, baseline, label))


def earlier_rows(path: Path, numbers: Sequence[str]) -> list[Row]:
    """The rows of a file of results; those of an earlier version, which lack a number, are left out."""
    rows = read_rows(path, dict.fromkeys(numbers, float))
    return [row for row in rows if all(row.get(name, "") != "" for name in numbers)]


def write_results(
    bench: Bench, section: tuple[str, str], rows: list[Row], networks: list[Row], command: str, out: Path
) -> None:
    """Everything that is measured so far, so that a run that is stopped leaves it."""
    write_csv(out / "generators.csv", rows)
    write_csv(out / "generators.networks.csv", networks)
    write_text(out / "generators.md", markdown(rows, networks, METHOD, command))
    own = [row for row in rows if section_of(row) == section]
    draw_front(out / f"generators.{label_of(section)}.png", own, METHOD)
    draw_masks(out / f"generators.{label_of(section)}.masks.png", bench, METHOD)


def summary(rows: list[Row], baseline: list[Row], label: str) -> str:
    """A network in one line."""
    raw, equal = mean(rows, label, RAW), mean(rows, label, EQUAL)
    return (
        f"{label:<16} raw L2 {raw['l2_nm2']:>7,.0f}  PVB {raw['pvb_nm2']:>7,.0f}  EPE {raw['epe_violations']:>4.1f}  "
        f"EPE 3 nm {raw['epe_violations_3nm']:>5.1f}  {1000 * raw['seconds']:.1f} ms a clip; refined for as long as "
        f"{METHOD} ({equal['steps']:.0f} steps) L2 + PVB "
        f"{area(equal) / area(mean(baseline, METHOD, WHOLE)) - 1:+.1%}"
    )
