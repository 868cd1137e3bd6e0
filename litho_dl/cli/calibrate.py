"""litho-dl calibrate: a recipe fitted to measured CDs and contours."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import command_line, complete_names, json_option, out_option, own, report_option
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.calibration.fit import Report
    from litho_dl.process.recipe import Recipe


class _Numbers(click.ParamType):
    """`KEY=NUMBER` or `KEY=NUMBER:NUMBER`."""

    def __init__(self, *parts: str) -> None:
        self.parts, self.name = parts, f"KEY={':'.join(parts)}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        key, _, text = value.partition("=")
        try:
            numbers = tuple(float(part) for part in text.split(":"))
        except ValueError:
            numbers = ()
        if not key or len(numbers) != len(self.parts):
            self.fail(f"expected {self.name}, got {value!r}", param, ctx)
        return key, numbers


@contextmanager
def _keeping_the_best(started: "Recipe", out: Path) -> "Iterator[Report]":
    """Shows the progress of a fit; of one that is interrupted, the best recipe so far is written."""
    from litho_dl.calibration.keys import with_values
    from litho_dl.calibration.report import write_recipe

    best: dict[str, float] = {}
    try:
        with progress_bar("Calibrating", time_left=False) as advance:

            def report(steps: int, rms: float, values: dict[str, float]) -> None:
                best.update(values)
                advance(steps, steps, f"r.m.s. {rms:.3f} sigmas")

            yield report
    except KeyboardInterrupt:
        if best:
            write_recipe(out / "interrupted.toml", with_values(started, best))
            click.echo(f"{out / 'interrupted.toml'} has the best recipe so far.", err=True)
        raise


@click.command()
@click.argument("gauges", type=click.Path(path_type=Path))
@click.option(
    "--optics",
    required=True,
    metavar="RECIPE",
    shell_complete=complete_names("optics"),
    help="The recipe to start from: a name (see litho-dl recipes) or a .toml file.",
)
@click.option(
    "--fit",
    "keys",
    required=True,
    metavar="KEY[,KEY...]",
    help="What is fitted: any number of the recipe, such as resist.threshold, resist.diffusion_nm, mask.bias_nm, "
    "pupil.zernike_waves.Z9; dose and focus_nm are those of the nominal corner, which the others follow.",
)
@out_option
@click.option("--start", "starts", multiple=True, type=_Numbers("VALUE"), help="Start here; repeatable.")
@click.option("--bounds", multiple=True, type=_Numbers("LOW", "HIGH"), help="Keep within these; repeatable.")
@click.option(
    "--prior", "priors", multiple=True, type=_Numbers("MEAN", "SIGMA"), help="What is known before; repeatable."
)
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Share of the gauges that is predicted only.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the held-out choice.")
@click.option("--keep-outliers", is_flag=True, help="Fit all measurements, however far off.")
@click.option("--field", "field_nm", type=float, metavar="NM", help="Side of the field.  [default: the recipe's]")
@click.option("--layer", metavar="LAYER[,LAYER...]", help="Layers of the drawn layouts. Default: the only one.")
@click.option("--cell", help="Cell of the drawn layouts. Default: the only top cell with shapes.")
@report_option
@json_option
def calibrate(
    gauges: Path,
    optics: str,
    keys: str,
    out: Path,
    starts: tuple,
    bounds: tuple,
    priors: tuple,
    hold_out: float,
    seed: int,
    keep_outliers: bool,
    field_nm: float | None,
    layer: str | None,
    cell: str | None,
    as_json: bool,
) -> None:
    """Fit a recipe to measured CDs and contours.

    GAUGES is a CSV file with the columns name, layout, x0, y0, x1, y1, kind, cd_nm, sigma_nm, dose, defocus_nm; a row
    of kind contour names a file of measured polygons in a column contour. A small field (--field) is fast: it need
    hold a gauge and what is near.

    Writes OUT/recipe.toml, which is the calibrated recipe, OUT/report.md, OUT/summary.json, OUT/residuals.csv and
    pictures.

    Example: litho-dl calibrate gauges.csv --optics duv193-immersion-annular --fit
    resist.threshold,resist.diffusion_nm,mask.bias_nm --field 1024 --hold-out 0.2 --out runs/calibration
    """
    from litho_dl.calibration.images import Images
    from litho_dl.calibration.measurement import read_measurements
    from litho_dl.calibration.parameters import Prior, choose_parameters
    from litho_dl.calibration.report import calibration_text, write_calibration
    from litho_dl.calibration.run import calibrate as fit_recipe
    from litho_dl.calibration.scene import Scenes
    from litho_dl.core.grid import require_steps
    from litho_dl.process.recipe import load_recipe
    from litho_dl.runs.summary import write_summary

    recipe = load_recipe(optics)
    parameters, started = choose_parameters(
        recipe,
        [key.strip() for key in keys.split(",") if key.strip()],
        starts={key: value for key, (value,) in starts},
        bounds=dict(bounds),
        priors={key: Prior(*numbers) for key, numbers in priors},
    )
    side = recipe.kernels.field_nm if field_nm is None else field_nm
    pixel_nm = recipe.scale
    require_steps((side, side), pixel_nm, "a calibration")
    measurements = read_measurements(gauges, Scenes((side, side), pixel_nm, recipe.scale, layer, cell))
    own(out)
    start = time.perf_counter()
    with _keeping_the_best(started, out) as report:
        result = fit_recipe(
            started,
            measurements,
            parameters,
            hold_out=hold_out,
            seed=seed,
            outliers=not keep_outliers,
            images=Images((side, side)),
            report=report,
        )
    seconds = time.perf_counter() - start
    summary = write_calibration(result, out, f"{gauges.name}, {Path(optics).name}")
    told = {"gauges": str(gauges), "optics": optics, "field_nm": side, "seed": seed, "fit_seconds": seconds, **summary}
    write_summary(out / "summary.json", command_line(), told)
    click.echo(json.dumps(told, indent=2) if as_json else f"{calibration_text(summary)}\nWrote {out / 'recipe.toml'}")
