"""Draws layouts and a CSV file of gauges that a hidden recipe would have measured, with noise.

    python scripts/draw_gauges.py --optics duv193-immersion-annular --set resist.threshold=0.235 --set mask.bias_nm=3
        --field 600 --count 60 --sigma 0.5 --seed 1 --out gauges

CDs come from the focus-exposure sweep of `litho_dl.simulation`, not from what calibrations predict with.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from litho_dl.calibration.keys import full_key, with_values
from litho_dl.calibration.report import write_recipe
from litho_dl.core.io import require_writable_folder, write_csv
from litho_dl.core.progress import progress_bar
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.gauge import Gauge, gauge_along
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe
from litho_dl.simulation.focus_exposure import expose_through_focus

WIDTH, ENERGY = 0.42, 0.999999  # in wavelength / NA; of the kernels
SPAN = (0.6, 1.5)  # CDs, over the drawn ones, of features that a metrologist would measure
DOSES, FOCI = (0.94, 1.0, 1.06), (-40.0, 0.0, 40.0)  # foci of water immersion in nm


@dataclass(frozen=True)
class Pattern:
    """A layout on the field, and where it is measured.

    Attributes:
        layout: The polygons, whose bounding box is centred on the field.
        gauges: The gauges.
    """

    layout: Layout
    gauges: tuple[Gauge, ...]


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """A rectangle."""
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float))


def draw_patterns(field_nm: float, width_nm: float) -> list[Pattern]:
    """Lines through pitch in both directions, with their spaces, an isolated space, line ends, holes, slanted lines.

    Args:
        field_nm: Side of the field.
        width_nm: Of most lines, in whole nm.
    """
    side, w, middle = field_nm, width_nm, field_nm / 2
    found = []
    most = math.floor(side / (2 * w))
    for count in sorted({most, max(3, round(most * 0.8)), max(2, round(most * 0.6)), 2, 1}, reverse=True):
        pitch = side / count
        places = [(index + 0.5) * pitch for index in range(count)]
        here = places[count // 2]
        name = "iso" if count == 1 else "dense" if count == most else "semi"
        for turn, axis in ((False, "x"), (True, "y")):
            cuts = [(here - 0.8 * w, middle, here + 0.8 * w, middle)]
            if count > 2:
                cuts.append((here - pitch + w / 4, middle, here - w / 4, middle))
            boxes = [(place - w / 2, 0.0, place + w / 2, side) for place in places]
            found.append(_pattern(f"{name}_{pitch:.0f}{axis}", boxes, cuts, turn))
    trench = [(0.0, 0.0, middle - 0.75 * w, side), (middle + 0.75 * w, 0.0, side, side)]
    found.append(_pattern("space_iso", trench, [(middle - w, middle, middle + w, middle)], False))
    tips = [
        (middle - w / 2, 0.0, middle + w / 2, middle - 0.7 * w),
        (middle - w / 2, middle + 0.7 * w, middle + w / 2, side),
    ]
    found.append(_pattern("tips", tips, [(middle, middle - w, middle, middle + w)], False))
    holes = [
        (x - 0.7 * w, y - 0.7 * w, x + 0.7 * w, y + 0.7 * w)
        for x in (side / 6, middle, 5 * side / 6)
        for y in (side / 6, middle, 5 * side / 6)
    ]
    found.append(_pattern("holes", holes, [(middle - w, middle, middle + w, middle)], False))
    return [*found, _slanted(side, w)]


def _pattern(name: str, boxes: Sequence[Box], cuts: Sequence[Box], turn: bool) -> Pattern:
    if turn:
        boxes = [(y0, x0, y1, x1) for x0, y0, x1, y1 in boxes]
        cuts = [(y0, x0, y1, x1) for x0, y0, x1, y1 in cuts]
    layout = Layout(name, tuple(box(*corners) for corners in boxes))
    return Pattern(layout, tuple(gauge_along(layout, cut, f"{name}_{index}") for index, cut in enumerate(cuts)))


def _slanted(side: float, w: float) -> Pattern:
    """A short line at 30 degrees, measured across."""
    along, across = np.array([math.cos(math.pi / 6), 0.5]), np.array([-0.5, math.cos(math.pi / 6)])
    middle, long, wide = np.full(2, side / 2), 0.35 * side * along, 0.6 * w * across
    line = Polygon(np.array([middle - long - wide, middle + long - wide, middle + long + wide, middle - long + wide]))
    layout = Layout("slanted", (line,))
    start, end = middle - 2 * wide, middle + 2 * wide
    return Pattern(layout, (gauge_along(layout, (*start.tolist(), *end.tolist()), "slanted_0"),))


def measured_rows(
    process: ProcessModel,
    patterns: Sequence[Pattern],
    foci_nm: Sequence[float],
    doses: Sequence[float],
    advance: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> list[dict[str, Any]]:
    """Rows of a gauge file without noise: every gauge, focus and dose at which the feature prints well.

    Args:
        process: The hidden process, with its recipe.
        patterns: What is measured.
        foci_nm: The tool's foci, rising, from the recipe's nominal one.
        doses: The tool's doses, as factors on the recipe's nominal one.
        advance: Called after each pattern.
    """
    focus_nm, dose = process.nominal
    shifts, rows = np.array(foci_nm), []
    for done, pattern in enumerate(patterns, start=1):
        dx, dy = pattern.layout.centring_shift(process.field_nm)
        placed = pattern.layout.translated(dx, dy)
        gauges = [gauge_along(placed, _lengthened(gauge, dx, dy), gauge.name) for gauge in pattern.gauges]
        result = expose_through_focus(
            placed, gauges, process, foci_nm=focus_nm + shifts, doses=dose * np.array(doses), nominal=(focus_nm, dose)
        )
        for own in result.gauges:
            x0, y0, x1, y1 = _lengthened(own.gauge, -dx, -dy)
            for shift, cds in zip(shifts, own.cd_nm, strict=True):
                for factor, cd in zip(doses, cds, strict=True):
                    if SPAN[0] <= cd / own.gauge.target_nm <= SPAN[1]:
                        rows.append(
                            {
                                "name": own.gauge.name,
                                "layout": f"{pattern.layout.name}.gds",
                                **{"x0": round(x0, 3), "y0": round(y0, 3), "x1": round(x1, 3), "y1": round(y1, 3)},
                                "kind": own.gauge.kind,
                                "cd_nm": float(cd),
                                "sigma_nm": 0.0,
                                "dose": factor,
                                "defocus_nm": float(shift),
                            }
                        )
        advance(done, len(patterns), pattern.layout.name)
    return rows


def _lengthened(gauge: Gauge, dx: float, dy: float) -> Box:
    """A gauge's ends, moved by (dx, dy) and a little outwards, as a cutline."""
    start, end = np.array(gauge.start_nm), np.array(gauge.end_nm)
    over = (end - start) / gauge.target_nm * min(8.0, 0.4 * min(gauge.reach_nm))
    (x0, y0), (x1, y1) = start - over + (dx, dy), end + over + (dx, dy)
    return float(x0), float(y0), float(x1), float(y1)


def chosen_rows(rows: Sequence[dict[str, Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """Some rows at random, in their order; of every layout about as many."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(rows))
    by_layout: dict[str, list[int]] = {}
    for index in order:
        by_layout.setdefault(rows[index]["layout"], []).append(int(index))
    turns = [
        index
        for turn in range(max(map(len, by_layout.values())))
        for own in by_layout.values()
        for index in own[turn : turn + 1]
    ]
    return [rows[index] for index in sorted(turns[:count])]


def noisy(rows: Sequence[dict[str, Any]], sigma_nm: float, seed: int) -> list[dict[str, Any]]:
    """Rows with normal noise on their CDs."""
    noise = np.random.default_rng(seed).normal(0, sigma_nm, len(rows))
    return [
        {**row, "cd_nm": round(row["cd_nm"] + float(own), 4), "sigma_nm": sigma_nm}
        for row, own in zip(rows, noise, strict=True)
    ]


def hidden_process(recipe: Recipe, field_nm: float) -> ProcessModel:
    """The process of a recipe on a small field, with nearly all kernels."""
    samples = recipe.source_samples((field_nm, field_nm))
    settings = KernelSettings(field_nm=field_nm, source_samples=samples, energy=ENERGY)
    return build_process(recipe.model_copy(update={"kernels": settings}), field_nm=(field_nm, field_nm))


@click.command()
@click.option("--optics", required=True, help="A recipe's name or a .toml file.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="A hidden number of the recipe; repeatable.")
@click.option("--field", "field_nm", type=float, default=600.0, show_default=True, help="Side of the field in nm.")
@click.option("--count", type=click.IntRange(1), default=60, show_default=True, help="Gauges.")
@click.option("--sigma", "sigma_nm", type=float, default=0.5, show_default=True, help="Noise in nm.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the choice of gauges and of the noise.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
def main(
    optics: str, changes: tuple[str, ...], field_nm: float, count: int, sigma_nm: float, seed: int, out: Path
) -> None:
    """Draw layouts, gauges.csv, and hidden.toml, the recipe that measured them."""
    recipe = load_recipe(optics)
    values = {full_key(key, recipe): float(value) for key, _, value in (change.partition("=") for change in changes)}
    hidden = with_values(recipe, values)
    require_writable_folder(out)
    patterns = draw_patterns(field_nm, round(WIDTH * recipe.pupil.wavelength_nm / recipe.pupil.na))
    for pattern in patterns:
        write_layout(out / f"{pattern.layout.name}.gds", pattern.layout)
    with progress_bar("Measuring") as advance:
        rows = measured_rows(hidden_process(hidden, field_nm), patterns, FOCI, DOSES, advance)
    write_csv(out / "gauges.csv", noisy(chosen_rows(rows, count, seed), sigma_nm, seed))
    write_recipe(out / "hidden.toml", hidden)
    click.echo(f"{min(count, len(rows))} of {len(rows)} gauges in {out / 'gauges.csv'}")


if __name__ == "__main__":
    main()
