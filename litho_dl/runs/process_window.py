"""A mask through focus and dose: from clips and masks to the process window, its table and its picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from litho_dl.core.errors import LithoError
from litho_dl.core.io import write_csv
from litho_dl.layout.clips import Clip
from litho_dl.layout.cutline import Frame
from litho_dl.layout.layout import Layout
from litho_dl.metrics.process_window import Latitude
from litho_dl.process.model import ProcessModel, named_focus
from litho_dl.runs.optimize import Masks, mask_polygons
from litho_dl.runs.summary import write_summary
from litho_dl.simulation.focus_exposure import FocusExposure, choose_gauges, expose_through_focus
from litho_dl.simulation.simulator import Simulator

FOCUS_STEPS = 5  # to each side, unless the user says otherwise
DOSES = (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15)


def process_window(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout,
    clip: Clip,
    *,
    foci_nm: Sequence[float] | None = None,
    doses: Sequence[float] = DOSES,
    cutlines_nm: Sequence[Frame] = (),
    tolerance: float = 0.1,
) -> FocusExposure:
    """A mask through focus and dose: CDs, process windows, NILS and MEEF at gauges.

    Args:
        simulator: The process, on the device to compute on.
        masks: The clip's mask: a solution of one clip, mask values (H, W) that fill the field, or polygons on it.
        clip: The drawn layout.
        foci_nm: Rising; default: one Rayleigh unit to both sides, in ten steps.
        doses: Factors on intensity, > 0.
        cutlines_nm: x0, y0, x1, y1 in the layout's own coordinates, each across one line or space; default: the
            narrowest lines and spaces.
        tolerance: Share of its target by which a CD may be off, in (0, 1).

    Raises:
        LayoutError: A cutline does not cross exactly one line or space.
        KernelError: The process has no nominal focus, or no kernels of a focus and no recipe to build them from.
        MaskError: The masks are not one, or the mask technology is alternating.
        LithoError: A dose or the tolerance is out of range.
    """
    if not (len(doses) and min(doses) > 0 and 0 < tolerance < 1):
        raise LithoError(f"Expected doses above 0 and a tolerance in (0, 1), got {list(doses)} and {tolerance:g}.")
    process = simulator.process
    foci = default_foci(process) if foci_nm is None else foci_nm
    return expose_through_focus(
        masks if isinstance(masks, Layout) else mask_polygons(simulator, masks, clip),
        choose_gauges(clip, cutlines_nm),
        process,
        foci_nm=np.array(foci, dtype=float),
        doses=np.array(doses, dtype=float),
        nominal=process.nominal,
        tolerance=tolerance,
        device=simulator.device,
    )


def default_foci(process: ProcessModel) -> tuple[float, ...]:
    """One Rayleigh unit to both sides of focus; of imported kernels, the foci that their names tell."""
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
        command: What made it, such as `litho-dl process-window`.
        settings: What the run was asked for, for the summary.
        title: Heading of the picture.

    Returns:
        The summary.
    """

    from litho_dl.viz.figure import save_figure

    csv, figure = out / "process_window.csv", out / "process_window.png"
    write_csv(csv, cd_rows(result))
    save_figure(result.plot(clip, title=title), figure)
    summary = {"clip": clip.name, **settings, **summarised(result, clip), "csv": str(csv), "figure": str(figure)}
    write_summary(out / "summary.json", command, summary)
    return summary


def cd_rows(result: FocusExposure) -> list[dict[str, str]]:
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


def summarised(result: FocusExposure, clip: Clip) -> dict[str, Any]:
    """What every gauge and the common window measure, as plain values.

    Args:
        result: The mask through focus and dose.
        clip: The drawn layout, in whose own coordinates the gauges are given.
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
