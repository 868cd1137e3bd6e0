"""What a calibration writes: the recipe, tables, pictures and a report."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.calibration.fit import AT_BOUND_NOTE, OUTLIER
from litho_dl.calibration.run import Calibration
from litho_dl.core.io import write_csv, write_text
from litho_dl.core.settings import toml_text
from litho_dl.process.recipe import Recipe
from litho_dl.viz.calibration import ResidualPoints, parameters_figure, residuals_figure
from litho_dl.viz.figure import save_figure

RECIPE, TABLE, REPORT = "recipe.toml", "residuals.csv", "report.md"
RESIDUALS_PNG, PARAMETERS_PNG = "residuals.png", "parameters.png"


def write_calibration(result: Calibration, out: Path, title: str) -> dict[str, Any]:
    """Writes recipe.toml, residuals.csv, report.md and two pictures.

    Args:
        result: The calibration.
        out: The folder.
        title: Heading of report and pictures.

    Returns:
        The summary, as plain values.

    Raises:
        OutputError: A file cannot be written.
    """
    summary = calibration_summary(result)
    write_recipe(out / RECIPE, result.recipe)
    write_csv(out / TABLE, residual_rows(result))
    save_figure(residuals_figure(residual_points(result), title=title), out / RESIDUALS_PNG)
    fit = result.fit
    keys = [own.key for own in fit.parameters]
    starts = np.array([own.start for own in fit.parameters])
    figure = parameters_figure(keys, starts, fit.values, fit.sigmas, fit.correlations, title=title)
    save_figure(figure, out / PARAMETERS_PNG)
    write_text(out / REPORT, report_text(result, summary, title))
    return summary


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Writes a recipe as TOML that `load_recipe` reads; files that it names are named from its folder.

    Raises:
        OutputError: The file cannot be written.
    """
    table = recipe.model_dump(mode="json")
    for part, key in (("source", "file"), ("pupil", "jones")):
        if table.get(part, {}).get(key) is not None:
            table[part][key] = Path(os.path.relpath(table[part][key], path.parent)).as_posix()
    waves = table["pupil"].get("zernike_waves")
    if waves:
        table["pupil"]["zernike_waves"] = {f"Z{index}": value for index, value in waves.items()}
    write_text(path, toml_text(table))


def kinds(result: Calibration) -> list[str]:
    """What became of each measurement: `fitted`, `held out`, `outlier`, or `not printed`."""
    return [
        "not printed" if not math.isfinite(off) else "held out" if out else "fitted" if used else "outlier"
        for off, out, used in zip(result.residuals_nm, result.held_out, result.fit.used, strict=True)
    ]


def residual_points(result: Calibration) -> ResidualPoints:
    """The residuals, as the picture takes them."""
    measured = np.array([own.value_nm for own in result.measurements])
    pitches = [math.nan if own.pitch_nm is None else own.pitch_nm for own in result.measurements]
    return ResidualPoints(
        result.start_nm - measured,
        result.residuals_nm,
        [own.pattern for own in result.measurements],
        np.array(pitches),
        np.array([own.defocus_nm for own in result.measurements]),
        kinds(result),
        float(np.sqrt(np.mean(result.sigmas_nm**2))),
    )


def residual_rows(result: Calibration) -> list[dict[str, Any]]:
    """One row for each measurement."""
    off, sigmas = result.residuals_nm, result.residuals_nm / result.sigmas_nm
    rows = []
    for index, (own, kind) in enumerate(zip(result.measurements, kinds(result), strict=True)):
        pitch = own.pitch_nm
        rows.append(
            {
                "name": own.name,
                "line": own.line,
                "class": own.pattern,
                "dose": f"{own.dose:g}",
                "defocus_nm": f"{own.defocus_nm:g}",
                "pitch_nm": "" if pitch is None else f"{pitch:.6g}",
                "measured_nm": f"{own.value_nm:.4f}",
                "predicted_nm": _text(off[index] + own.value_nm),
                "residual_nm": _text(off[index]),
                "residual_sigmas": _text(sigmas[index]),
                "use": kind,
            }
        )
    return rows


def _text(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else ""


def calibration_summary(result: Calibration) -> dict[str, Any]:
    """Parameters with their intervals and correlations, and residuals, as plain values."""
    fit = result.fit
    parameters = [
        {
            "key": own.key,
            "start": own.start,
            "value": float(value),
            "sigma": _number(sigma),
            "low_95": _number(low),
            "high_95": _number(high),
            "prior": None if own.prior is None else own.prior._asdict(),
            "bounds": [_number(own.low), _number(own.high)],
        }
        for own, value, sigma, (low, high) in zip(fit.parameters, fit.values, fit.sigmas, result.intervals, strict=True)
    ]
    outliers = [
        {"name": own.name, "line": own.line, "residual_nm": float(off), "residual_sigmas": float(off / own.sigma_nm)}
        for own, off, out in zip(result.measurements, result.residuals_nm, result.outliers, strict=True)
        if out
    ]
    lost = [
        f"{own.name} (line {own.line})"
        for own, kind in zip(result.measurements, kinds(result), strict=True)
        if kind == "not printed"
    ]
    return {
        "measurements": len(result.measurements),
        "fitted": int(fit.used.sum()),
        "rms_start_nm": _rms(result.start_nm - np.array([own.value_nm for own in result.measurements])),
        "rms_nm": _number(result.rms_nm(fit.used)),
        "rms_sigmas": _number(result.rms_sigmas(fit.used)),
        "held_out": int(result.held_out.sum()),
        "held_out_rms_nm": _number(result.rms_nm(result.held_out)),
        "held_out_rms_sigmas": _number(result.rms_sigmas(result.held_out)),
        "chi_square": fit.chi_square,
        "degrees_of_freedom": fit.freedom,
        "intervals_widened": fit.widened,
        "condition_number": fit.condition,
        "parameters": parameters,
        "correlations": [[_number(value) for value in row] for row in fit.correlations],
        "outliers": outliers,
        "not_printed": lost,
    }


def _rms(values: np.ndarray) -> float | None:
    found = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(found**2))) if len(found) else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def report_text(result: Calibration, summary: dict[str, Any], title: str) -> str:
    """The report, as Markdown."""
    parts = [
        f"# {title}",
        _verdict(summary),
        "## Parameters",
        _parameter_table(summary),
        f"![Parameters]({PARAMETERS_PNG})",
        "## Residuals",
        _group_table(result, "class", lambda index: result.measurements[index].pattern),
        _group_table(result, "pitch (nm)", lambda index: _label(result.measurements[index].pitch_nm)),
        _group_table(result, "defocus (nm)", lambda index: f"{result.measurements[index].defocus_nm:g}"),
        f"![Residuals]({RESIDUALS_PNG})",
    ]
    if summary["outliers"]:
        rows = [
            f"| {own['name']} | {own['line']} | {own['residual_nm']:.2f} | {own['residual_sigmas']:.1f} |"
            for own in summary["outliers"]
        ]
        head = ["| gauge | line | predicted - measured (nm) | in sigmas |", "|---|---:|---:|---:|"]
        told = f"Left out, as more than {OUTLIER:g} sigmas off a robust fit:"
        parts += ["## Outliers", told, "\n".join([*head, *rows])]
    if summary["not_printed"]:
        parts += [
            "## Not printed",
            "The calibrated recipe prints no such feature: " + ", ".join(summary["not_printed"]),
        ]
    return "\n\n".join(parts) + "\n"


def _verdict(summary: dict[str, Any]) -> str:
    held = ""
    if summary["held_out_rms_nm"] is not None:
        held = (
            f" {summary['held_out']} held-out ones: {summary['held_out_rms_nm']:.3f} nm, "
            f"{summary['held_out_rms_sigmas']:.2f} sigmas."
        )
    start = "" if summary["rms_start_nm"] is None else f" (at the start {summary['rms_start_nm']:.3f} nm)"
    text = (
        f"{summary['fitted']} of {summary['measurements']} measurements fitted; residuals {summary['rms_nm']:.3f} nm "
        f"r.m.s.{start}, {summary['rms_sigmas']:.2f} sigmas.{held} Chi-square {summary['chi_square']:.1f} at "
        f"{summary['degrees_of_freedom']} degrees of freedom; condition number {summary['condition_number']:.1f}."
    )
    if summary["intervals_widened"] > 1:
        text += (
            f" The recipe misses more than the measurements' sigmas explain, so the intervals are widened "
            f"{summary['intervals_widened']:.2f} times: free more parameters, or check the sigmas."
        )
    return text


def _parameter_table(summary: dict[str, Any]) -> str:
    rows = ["| key | start | value | 95 % interval | strongest correlation |", "|---|---:|---:|---|---|"]
    keys = [own["key"] for own in summary["parameters"]]
    for index, own in enumerate(summary["parameters"]):
        interval = AT_BOUND_NOTE if own["low_95"] is None else f"{own['low_95']:.6g} to {own['high_95']:.6g}"
        others = [
            (abs(value), other)
            for other, value in enumerate(summary["correlations"][index])
            if other != index and value
        ]
        strongest = "-"
        if others:
            _, other = max(others)
            strongest = f"{summary['correlations'][index][other]:+.2f} with {keys[other]}"
        rows.append(f"| `{own['key']}` | {own['start']:.6g} | {own['value']:.6g} | {interval} | {strongest} |")
    return "\n".join(rows)


def _group_table(result: Calibration, heading: str, label: Callable[[int], str]) -> str:
    """R.m.s. and mean residuals by a property of the measurements; fitted and held-out ones."""
    groups: dict[str, list[int]] = {}
    for index, kind in enumerate(kinds(result)):
        if kind in ("fitted", "held out"):
            groups.setdefault(label(index), []).append(index)
    rows = [f"| {heading} | measurements | mean (nm) | r.m.s. (nm) | r.m.s. (sigmas) |", "|---|---:|---:|---:|---:|"]
    for name in sorted(groups, key=lambda text: (_order(text), text)):
        off, sigmas = result.residuals_nm[groups[name]], result.sigmas_nm[groups[name]]
        rms, relative = np.sqrt(np.mean(off**2)), np.sqrt(np.mean((off / sigmas) ** 2))
        rows.append(f"| {name} | {len(off)} | {off.mean():+.3f} | {rms:.3f} | {relative:.2f} |")
    return "\n".join(rows)


def _label(pitch_nm: float | None) -> str:
    return "isolated" if pitch_nm is None else f"{pitch_nm:.4g}"


def _order(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf


def calibration_text(summary: dict[str, Any]) -> str:
    """The result on the terminal: one line a parameter, then the residuals."""
    width = max(len(own["key"]) for own in summary["parameters"])
    lines = []
    for own in summary["parameters"]:
        half = f"+- {1.96 * own['sigma']:.2g} (95 %)" if own["sigma"] is not None else AT_BOUND_NOTE
        lines.append(f"{own['key']:<{width}}  {own['value']:.6g} {half}, from {own['start']:.6g}")
    lines.append(_verdict(summary))
    lines += [
        f"Outlier: {own['name']} (line {own['line']}), {own['residual_nm']:+.2f} nm, "
        f"{own['residual_sigmas']:+.1f} sigmas"
        for own in summary["outliers"]
    ]
    return "\n".join(lines)
