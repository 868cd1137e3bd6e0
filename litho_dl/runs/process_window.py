"""Process windows of masks through focus and dose, with their table and picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from litho_dl.core.arguments import require_numbers, require_sequences
from litho_dl.core.errors import LithoError
from litho_dl.core.io import write_csv
from litho_dl.core.progress import Advance
from litho_dl.layout.clips import Clip
from litho_dl.layout.layout import Layout
from litho_dl.metrics.process_window import Latitude
from litho_dl.process.model import ProcessModel, named_focus
from litho_dl.runs.masks import Masks, clips_on_field, mask_polygons
from litho_dl.runs.summary import write_summary
from litho_dl.simulation.focus_exposure import FocusExposure, choose_gauges, expose_through_focus
from litho_dl.simulation.simulator import Simulator

FOCUS_STEPS = 5  # default steps to each side of focus
DOSE_RANGE = (0.01, 100.0)
LARGEST_DEFOCUS_NM = 1e5
DOSES = (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15)


def process_window(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout,
    clip: Clip,
    *,
    foci_nm: Sequence[float] | None = None,
    doses: Sequence[float] = DOSES,
    cutlines_nm: Sequence[tuple[float, float, float, float]] = (),
    tolerance: float = 0.1,
    advance: Advance = lambda done, total, focus_nm: None,
) -> FocusExposure:
    """Measures a mask through focus and dose: CDs, process windows, NILS and MEEF at gauges.

    Args:
        simulator: The process, on the device to compute on.
        masks: The clip's mask: a solution of one clip, mask values (H, W) that fill the field, or polygons on it.
        clip: The drawn layout.
        foci_nm: Foci, rising; None: one Rayleigh unit to both sides, in ten steps.
        doses: Factors on intensity, > 0.
        cutlines_nm: Cutlines from (x0, y0) to (x1, y1) in the layout's own coordinates, each across one line or space;
            empty: the narrowest lines and spaces.
        tolerance: Share of the target CD by which a CD may deviate, in (0, 1).
        advance: Called after each focus with (foci done, foci in all, focus in nm).

    Returns:
        The results at all gauges, and their common process window.

    Raises:
        LayoutError: A cutline does not cross exactly one line or space.
        KernelError: The process has no nominal focus, or no kernels of a focus and no recipe to build them from.
        MaskError: There is more than one mask, or the mask technology is alternating.
        LithoError: The foci do not rise, or a dose or the tolerance is out of range.
    """
    require_numbers(tolerance=tolerance)
    require_sequences(cutlines_nm=cutlines_nm)
    factors = require_doses(doses)
    if not 0 < tolerance < 1:
        raise LithoError(f"Expected a tolerance in (0, 1), got {tolerance:g}.")
    clips_on_field(simulator, [clip])
    process = simulator.process
    default = default_foci(process)
    if foci_nm is None and not default:
        raise LithoError("Expected foci_nm for imported kernels whose names hold no focus, got none; give them.")
    foci = require_foci(default if foci_nm is None else foci_nm)
    return expose_through_focus(
        masks if isinstance(masks, Layout) else mask_polygons(simulator, masks, clip),
        choose_gauges(clip, cutlines_nm),
        process,
        foci_nm=foci,
        doses=factors,
        nominal=process.nominal,
        tolerance=tolerance,
        device=simulator.device,
        advance=advance,
    )


def require_doses(doses: Sequence[float]) -> np.ndarray:
    """Doses (D,) as an array.

    Raises:
        LithoError: There is none, or one is not within `DOSE_RANGE`.
    """
    factors = _numbers("doses", doses)
    if factors.ndim != 1 or not len(factors) or not ((factors >= DOSE_RANGE[0]) & (factors <= DOSE_RANGE[1])).all():
        raise LithoError(
            f"Expected one or more doses from {DOSE_RANGE[0]:g} to {DOSE_RANGE[1]:g}, got {factors.tolist()}."
        )
    return factors


def require_foci(foci_nm: Sequence[float]) -> np.ndarray:
    """Foci (F,) in nm as an array.

    Raises:
        LithoError: There is none, one is beyond 0.1 mm, or they do not rise.
    """
    foci = _numbers("foci", foci_nm)
    in_range = foci.ndim == 1 and len(foci) and (np.abs(foci) <= LARGEST_DEFOCUS_NM).all()
    if not (in_range and (np.diff(foci) > 0).all()):
        raise LithoError(f"Expected one or more foci up to 0.1 mm, in nm, rising, got {foci.tolist()}.")
    return foci


def _numbers(name: str, values: Sequence[float]) -> np.ndarray:
    try:
        return np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise LithoError(f"Expected {name} as numbers, got {values!r:.60}.") from None


def default_foci(process: ProcessModel) -> tuple[float, ...]:
    """One Rayleigh unit to both sides of focus; for imported kernels, the foci in their names."""
    if process.recipe is None:
        return tuple(sorted(f for name in process.kernels if (f := named_focus(name)) is not None))
    step = max(1.0, 2 * round(process.recipe.pupil.rayleigh_unit_nm / FOCUS_STEPS / 2))
    return tuple(step * index for index in range(-FOCUS_STEPS, FOCUS_STEPS + 1))


def write_results(
    result: FocusExposure, clip: Clip, out: Path, command: str, settings: dict[str, Any], title: str
) -> dict[str, Any]:
    """Writes process_window.csv, the picture process_window.png, and summary.json.

    Args:
        result: The mask through focus and dose.
        clip: The drawn layout.
        out: Folder to write to.
        command: The command that made it, such as `litho-dl process-window`.
        settings: The settings of the run, for the summary.
        title: Title of the picture.

    Returns:
        The summary.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.viz.figure import save_figure

    csv, figure = out / "process_window.csv", out / "process_window.png"
    write_csv(csv, cd_rows(result))
    save_figure(result.plot(clip, title=title), figure)
    summary = {"clip": clip.name, **settings, **window_summary(result, clip), "csv": str(csv), "figure": str(figure)}
    write_summary(out / "summary.json", command, summary)
    return summary


def cd_rows(result: FocusExposure) -> list[dict[str, str]]:
    """The CD at every gauge, focus and dose; empty where the feature is lost or merges with another."""
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
    """A CD, or None where the feature is lost or merges with another."""
    return float(cd_nm) if 0 < cd_nm < math.inf else None


def window_summary(result: FocusExposure, clip: Clip) -> dict[str, Any]:
    """The results of all gauges and of the common window, as plain values.

    Args:
        result: The mask through focus and dose.
        clip: The drawn layout; gauges are given in its own coordinates.

    Returns:
        The summary.
    """
    dx, dy = clip.shift_nm
    gauges = []
    for measured in result.gauges:
        gauge = measured.gauge
        (x0, y0), (x1, y1) = gauge.start_nm, gauge.end_nm
        gauges.append(
            {
                "gauge": gauge.name,
                "kind": gauge.kind,
                "resist": measured.resist,
                "edges_nm": [round(value, 3) for value in (x0 - dx, y0 - dy, x1 - dx, y1 - dy)],
                "target_cd_nm": gauge.target_nm,
                "cd_nominal_nm": _measured(measured.cd_nominal_nm),
                "nils": measured.nils,
                "meef": measured.meef,
                **_latitude_values(measured.latitude),
            }
        )
    return {
        "foci_nm": result.foci_nm.tolist(),
        "doses": result.doses.tolist(),
        "nominal": {"focus_nm": result.nominal[0], "dose": result.nominal[1]},
        "gauges": gauges,
        "common": _latitude_values(result.latitude),
    }


def _latitude_values(latitude: Latitude) -> dict[str, Any]:
    """The characteristic values of an EL-DOF curve."""
    return {
        "max_el_percent": latitude.max_el_percent,
        f"dof_at_{latitude.least_el_percent:g}_percent_el_nm": latitude.dof_at_least_el_nm,
        "dof_limited_by_sweep": latitude.dof_limited,
        "el_dof_area_percent_nm": latitude.area_percent_nm,
        "best_focus_nm": latitude.best_focus_nm,
        "best_dose": latitude.best_dose,
    }


def window_text(summary: dict[str, Any]) -> str:
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
        "el_dof_area_percent_nm": ("EL x DOF", ".0f"),
        "best_focus_nm": ("best focus", ".0f"),
        "best_dose": ("best dose", ".3f"),
    }
    widths = {key: max(9, len(title) + 3) for key, (title, _) in columns.items()}
    titles = "".join(f"{title:>{widths[key]}}" for key, (title, _) in columns.items())
    lines = [f"{'gauge':<10}{titles}   in resist"]
    for row in [*summary["gauges"], {"gauge": "common", "kind": "", **summary["common"]}]:
        cells = ""
        for key, (_, form) in columns.items():
            shown = "-" if row.get(key) is None else format(round(row[key], int(form[1])) + 0.0, form)
            shown = f">={shown}" if key == dof and row["dof_limited_by_sweep"] else shown
            cells += f"{shown:>{widths[key]}}"
        lines.append(f"{row['gauge']} {row['kind']}".ljust(10) + cells + f"   {row.get('resist', '')}".rstrip())
    if not summary["common"]["max_el_percent"]:
        lines.append("No dose and focus prints every gauge in tolerance.")
    return "\n".join([*lines, f"Lengths in nm; see {summary['figure']}"])
