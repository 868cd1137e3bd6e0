"""litho-dl process-window: a mask through focus and dose."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import (
    Sweep,
    Window,
    built,
    device_option,
    json_option,
    layout_options,
    optics_option,
    out_option,
    report_option,
    write_summary,
)
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.layout.clips import Clip
    from litho_dl.metrics.process_window import Latitude
    from litho_dl.process.model import ProcessModel
    from litho_dl.simulation.focus_exposure import FocusExposure

FOCUS_STEPS = 5  # to each side, unless the user says otherwise
Sweeps = tuple[float, ...]


@click.command()
@click.option("--target", required=True, type=click.Path(path_type=Path), help="The drawn layout.")
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="The mask: an image of the field (.png, .npy, .csv) or polygons in the layout's own coordinates. "
    "Default: the layout as drawn.",
)
@optics_option
@out_option
@click.option(
    "--gauge",
    "cutlines",
    multiple=True,
    type=Window(),
    help="A cutline in the layout's own coordinates, in nm, across one line or space; repeatable. Default: the "
    "narrowest lines and spaces.",
)
@click.option("--focus", type=Sweep(), help="Foci in nm. Default: one Rayleigh unit to both sides, in ten steps.")
@click.option("--dose", type=Sweep(), default="0.85,1.15,0.05", show_default=True, help="Factors on intensity.")
@click.option(
    "--tolerance",
    "tolerance_percent",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=10.0,
    show_default=True,
    help="Percent of its target that a CD may be off.",
)
@layout_options
@click.option("--mask-layer", help="Layer of a mask polygon file. Default: the only one.")
@device_option
@report_option
@json_option
def process_window(
    target: Path,
    mask: Path | None,
    optics: str,
    field_nm: float | None,
    out: Path,
    cutlines: tuple[tuple[float, float, float, float], ...],
    focus: Sweeps | None,
    dose: Sweeps,
    tolerance_percent: float,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    mask_layer: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Sweep dose and focus of a mask: CDs, exposure latitude against depth of focus, NILS and MEEF at gauges.

    Writes OUT/process_window.csv (the CD of every gauge, focus and dose), OUT/summary.json and the picture
    OUT/process_window.png. Limits of dose are found on the images, between the doses and beyond them.
    """
    import numpy as np

    from litho_dl.core.device import resolve_device
    from litho_dl.core.io import require_writable_folder
    from litho_dl.layout.clips import load_clip, load_mask_polygons
    from litho_dl.process.files import read_optics
    from litho_dl.simulation.focus_exposure import choose_gauges, expose_through_focus

    if min(dose) <= 0:
        raise click.BadParameter("expected positive doses", param_hint="'--dose'")
    resolved = resolve_device(device)
    read = read_optics(optics, field_nm=field_nm)
    clip = load_clip(target, read.field_nm, layer=layer, cell=cell, window_nm=window_nm)
    polygons = clip.placed if mask is None else load_mask_polygons(mask, clip, layer=mask_layer)
    gauges = choose_gauges(clip, cutlines, window_nm=window_nm)
    process = built(read)
    foci = default_foci(process) if focus is None else focus
    require_writable_folder(out)
    with progress_bar("Exposing through focus") as advance:
        result = expose_through_focus(
            polygons,
            gauges,
            process,
            foci_nm=np.array(foci),
            doses=np.array(dose),
            nominal=process.nominal,
            tolerance=tolerance_percent / 100,
            device=resolved,
            advance=advance,
        )
    settings = {"mask": None if mask is None else str(mask), "optics": optics, "tolerance_percent": tolerance_percent}
    title = f"{clip.name} ({'as drawn' if mask is None else mask.name}), {Path(optics).name}"
    summary = write_results(result, clip, out, settings, title)
    click.echo(json.dumps(summary, indent=2) if as_json else as_table(summary))


def default_foci(process: "ProcessModel") -> Sweeps:
    """One Rayleigh unit to both sides of focus; of imported kernels, the foci that their names tell."""
    from litho_dl.process.model import named_focus

    if process.recipe is None:
        return tuple(sorted(f for name in process.kernels if (f := named_focus(name)) is not None))
    step = max(1.0, 2 * round(process.recipe.pupil.rayleigh_unit_nm / FOCUS_STEPS / 2))
    return tuple(step * index for index in range(-FOCUS_STEPS, FOCUS_STEPS + 1))


def write_results(
    result: "FocusExposure", clip: "Clip", out: Path, settings: dict[str, Any], title: str
) -> dict[str, Any]:
    """Writes the table, the picture and the summary; returns the summary."""
    from litho_dl.core.io import write_csv

    csv, figure = out / "process_window.csv", out / "process_window.png"
    write_csv(csv, cd_rows(result))
    draw(result, clip, figure, settings["tolerance_percent"], title)
    figures = summarised(result, clip)
    summary = {"clip": clip.name, **settings, **figures, "csv": str(csv), "figure": str(figure)}
    write_summary(out / "summary.json", summary)
    return summary


def cd_rows(result: "FocusExposure") -> list[dict[str, str]]:
    """Every gauge, focus and dose; the CD is empty where the feature is lost or runs into a neighbour."""
    return [
        {
            "gauge": measured.gauge.name,
            "focus_nm": f"{focus:g}",
            "dose": f"{dose:g}",
            "cd_nm": f"{cd:.3f}" if _measured(cd) else "",
        }
        for measured in result.gauges
        for focus, row in zip(result.foci_nm, measured.cd_nm, strict=True)
        for dose, cd in zip(result.doses, row, strict=True)
    ]


def _measured(cd_nm: float) -> float | None:
    """A CD, or None where there is none."""
    return float(cd_nm) if 0 < cd_nm < math.inf else None


def summarised(result: "FocusExposure", clip: "Clip") -> dict[str, Any]:
    """The figures of every gauge and of the common window."""
    dx, dy = clip.shift_nm
    gauges = []
    for measured in result.gauges:
        gauge = measured.gauge
        (x0, y0), (x1, y1) = gauge.start_nm, gauge.end_nm
        gauges.append(
            {
                "gauge": gauge.name,
                "kind": gauge.kind,
                "edges_nm": [round(value, 3) for value in (x0 - dx, y0 - dy, x1 - dx, y1 - dy)],
                "target_cd_nm": gauge.target_nm,
                "cd_nominal_nm": _measured(measured.cd_nominal_nm),
                "nils": measured.nils,
                "meef": measured.meef,
                **latitude_figures(measured.latitude),
            }
        )
    return {
        "foci_nm": result.foci_nm.tolist(),
        "doses": result.doses.tolist(),
        "nominal": {"focus_nm": result.nominal[0], "dose": result.nominal[1]},
        "gauges": gauges,
        "common": latitude_figures(result.latitude),
    }


def latitude_figures(latitude: "Latitude") -> dict[str, Any]:
    """The numbers of an EL-DOF curve that a reader wants to know."""
    return {
        "max_el_percent": latitude.max_el_percent,
        f"dof_at_{latitude.least_el_percent:g}_percent_el_nm": latitude.dof_at_least_el_nm,
        "dof_limited_by_sweep": latitude.dof_limited,
        "best_focus_nm": latitude.best_focus_nm,
        "best_dose": latitude.best_dose,
    }


def as_table(summary: dict[str, Any]) -> str:
    """The summary as text, one line a gauge and one for the common window."""
    dof = next(key for key in summary["common"] if key.startswith("dof_at"))
    el = dof.removeprefix("dof_at_").partition("_")[0]
    columns = {
        "target_cd_nm": ("target", ".1f"),
        "cd_nominal_nm": ("CD", ".1f"),
        "nils": ("NILS", ".2f"),
        "meef": ("MEEF", ".2f"),
        "max_el_percent": ("max EL %", ".1f"),
        dof: (f"DOF at {el} % EL", ".0f"),
        "best_focus_nm": ("best focus", ".0f"),
        "best_dose": ("best dose", ".3f"),
    }
    widths = {key: max(9, len(title) + 3) for key, (title, _) in columns.items()}
    lines = [f"{'gauge':<10}" + "".join(f"{title:>{widths[key]}}" for key, (title, _) in columns.items())]
    for row in [*summary["gauges"], {"gauge": "common", "kind": "", **summary["common"]}]:
        cells = ""
        for key, (_, form) in columns.items():
            shown = "-" if row.get(key) is None else format(round(row[key], int(form[1])) + 0.0, form)
            shown = f">={shown}" if key == dof and row["dof_limited_by_sweep"] else shown
            cells += f"{shown:>{widths[key]}}"
        lines.append(f"{row['gauge']} {row['kind']}".ljust(10) + cells)
    if not summary["common"]["max_el_percent"]:
        lines.append("No dose and focus prints every gauge in tolerance.")
    return "\n".join([*lines, f"Lengths in nm; see {summary['figure']}"])


def draw(result: "FocusExposure", clip: "Clip", path: Path, tolerance_percent: float, title: str) -> None:
    """Draws Bossung curves, windows, EL against DOF and where the gauges are."""
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.process_window import GaugeCurves, WindowCurves, process_window_figure

    def curves(measured: Any) -> WindowCurves:
        window, latitude = measured.window, measured.latitude
        return WindowCurves(
            window.foci_nm,
            window.low,
            window.high,
            latitude.dof_nm,
            latitude.el_percent,
            latitude.best_focus_nm,
            latitude.best_dose,
            latitude.dof_at_least_el_nm,
        )

    gauges = [
        GaugeCurves(
            f"{m.gauge.name}: {m.gauge.kind} {m.gauge.target_nm:.4g} nm",
            m.gauge.target_nm,
            m.gauge.start_nm,
            m.gauge.end_nm,
            m.cd_nm,
            curves(m),
        )
        for m in result.gauges
    ]
    figure = process_window_figure(
        gauges,
        curves(result),
        foci_nm=result.foci_nm,
        doses=result.doses,
        tolerance=tolerance_percent / 100,
        least_el_percent=result.latitude.least_el_percent,
        outlines_nm=[loop for polygon in clip.placed.merged().polygons for loop in polygon.loops],
        nominal=result.nominal,
        title=title,
    )
    save_figure(figure, path)
