"""First-order edge noise of a mask by photon statistics, with its table and picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.arguments import require_numbers, require_sequences
from litho_dl.core.errors import KernelError, LithoError
from litho_dl.core.io import write_csv
from litho_dl.layout.clips import Clip
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.layout.layout import Layout
from litho_dl.metrics.edge_noise import ShotNoise, photons_per_nm2
from litho_dl.process.chemistry import ChemicalResist
from litho_dl.process.model import ProcessModel
from litho_dl.runs.masks import Masks, clips_on_field, masks_of_clips
from litho_dl.runs.summary import write_summary
from litho_dl.simulation.edge_noise import ContactNoise, GaugeNoise, contact_noise, contacts, gauge_noise, slopes
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.focus_exposure import choose_gauges
from litho_dl.simulation.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class EdgeNoise:
    """The noise of one mask at one corner.

    Attributes:
        gauges: One result for each gauge.
        contacts: One for each compact drawn shape.
        noise: Photons that are absorbed, and the resist's blur.
        dose_mj_cm2: Dose of a clear mask at dose 1.
        absorbed: Share of the photons that the resist absorbs.
        corner: The process condition.
        edges_nm: (n, 2) points along all printed contours, on the field.
        edge_sigma_nm: (n,) standard deviation of the edge there.
        clip: The drawn layout.
    """

    gauges: tuple[GaugeNoise, ...]
    contacts: tuple[ContactNoise, ...]
    noise: ShotNoise
    dose_mj_cm2: float
    absorbed: float
    corner: str
    edges_nm: np.ndarray
    edge_sigma_nm: np.ndarray
    clip: Clip

    def __repr__(self) -> str:
        return (
            f"EdgeNoise({self.dose_mj_cm2:g} mJ/cm², {self.noise.per_nm2:.3g} photons per nm²; {len(self.gauges)} "
            f"gauges, {len(self.contacts)} contacts; edges 3 sigma {3 * float(np.median(self.edge_sigma_nm)):.2f} nm)"
        )

    def plot(self, *, title: str = "") -> "Figure":
        """Draws the printed contours, coloured by the noise of the edge.

        Args:
            title: Heading; empty: the clip's name.

        Returns:
            The figure.
        """
        from litho_dl.viz.edge_noise import edge_noise_figure

        return edge_noise_figure(
            [polygon.loops for polygon in self.clip.placed.merged().polygons],
            self.edges_nm,
            3 * self.edge_sigma_nm,
            [(result.gauge.name, (*result.gauge.start_nm, *result.gauge.end_nm)) for result in self.gauges],
            title=title or self.clip.name,
        )


def edge_noise(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout,
    clip: Clip,
    *,
    dose_mj_cm2: float | None = None,
    absorbed: float | None = None,
    cutlines_nm: Sequence[tuple[float, float, float, float]] = (),
    corner: str = "nominal",
) -> EdgeNoise:
    """Estimates what the shot noise of photons makes of edges; see `metrics.edge_noise`.

    It is the first order in the noise, of photons alone: the statistics of acid, molecules, development and electron
    microscopes add to it.

    Args:
        simulator: The process, on the device to compute on.
        masks: The clip's mask: a solution of one clip, mask values (H, W) that fill the field, or polygons on it.
        clip: The drawn layout.
        dose_mj_cm2: Dose on the wafer behind a clear mask, at the corner's dose of 1; None: that of a chemical resist.
        absorbed: Share of these photons that the resist absorbs, in (0, 1]; None: as `absorbed_share`.
        cutlines_nm: As for `process_window`.
        corner: The process condition.

    Returns:
        The noise at gauges, of contacts, and along all contours.

    Raises:
        LayoutError: A cutline does not cross exactly one line or space.
        KernelError: There is no such corner.
        MaskError: There is more than one mask.
        LithoError: The dose, absorbed share, recipe or blur is missing, or one is out of range.
    """
    require_numbers(dose_mj_cm2=dose_mj_cm2, absorbed=absorbed)
    require_sequences(cutlines_nm=cutlines_nm)
    clips_on_field(simulator, [clip])
    process = simulator.process
    if corner not in process.corners:
        raise KernelError(f"Expected one of the corners {', '.join(process.corners)}, got {corner!r}.")
    dose, share = dose_of(process, dose_mj_cm2), absorbed_share(process, absorbed)
    noise = noise_of(process, dose, share)
    gauges = choose_gauges(clip, cutlines_nm)
    given = masks_of_clips(simulator, masks, [clip])
    pixel_nm = file_pixel_nm(simulator)
    with torch.no_grad():
        exposure = simulator(given.mask.to(simulator.device), given.pixel_nm, out_pixel_nm=pixel_nm)
    printed = exposure.contours(corner, finest_nm=pixel_nm)[0]
    points, sigmas = _along_contours(exposure, corner, printed, noise)
    compact = contacts(clip.placed.merged().polygons)
    return EdgeNoise(
        tuple(gauge_noise(exposure, corner, gauge, noise, process.scale) for gauge in gauges),
        contact_noise(exposure, corner, compact, printed, noise),
        noise,
        dose,
        share,
        corner,
        points,
        sigmas,
        clip,
    )


def dose_of(process: ProcessModel, dose_mj_cm2: float | None = None) -> float:
    """The dose in mJ / cm^2 of a clear mask at dose 1: the given one, or that of a chemical resist.

    Raises:
        LithoError: It is not positive, or not known.
    """
    if dose_mj_cm2 is None and isinstance(process.resist, ChemicalResist):
        return process.resist.dose_mj_cm2
    if dose_mj_cm2 is None:
        raise LithoError(
            "Expected a dose in mJ/cm², as a threshold resist has none of its own; give it (--dose-mj-cm2)."
        )
    if not 0 < dose_mj_cm2 < math.inf:
        raise LithoError(f"Expected a positive dose in mJ/cm², got {dose_mj_cm2:g}.")
    return dose_mj_cm2


def absorbed_share(process: ProcessModel, absorbed: float | None = None) -> float:
    """The share of photons that the resist absorbs: the given one, or 4 pi k d / lambda of the film's resist.

    Images in a film are means over its depth, of light that is already partly absorbed above.

    Raises:
        LithoError: It is not in (0, 1], or not known.
    """
    film = None if process.recipe is None else process.recipe.film
    if absorbed is None and process.recipe is not None and film is not None and film.resist.k > 0:
        depth_nm = film.resist.thickness_nm
        return min(1.0, 4 * math.pi * film.resist.k * depth_nm / process.recipe.pupil.wavelength_nm)
    if absorbed is None:
        raise LithoError(
            "Expected the share of photons that the resist absorbs, as no [film] tells it; give it (--absorbed)."
        )
    if not 0 < absorbed <= 1:
        raise LithoError(f"Expected an absorbed share of photons in (0, 1], got {absorbed:g}.")
    return absorbed


def noise_of(process: ProcessModel, dose_mj_cm2: float, absorbed: float) -> ShotNoise:
    """The noise of absorbed photons, blurred by the diffusion of the resist, or of the one that it tends to.

    Raises:
        LithoError: The process has no recipe, or its resist no diffusion.
    """
    if process.recipe is None:
        raise LithoError("Expected a recipe, which tells the wavelength, got imported kernels; give a recipe.")
    wavelength_nm = process.recipe.pupil.wavelength_nm
    return ShotNoise(absorbed * photons_per_nm2(dose_mj_cm2, wavelength_nm), process.resist.lumped.diffusion_nm)


def _along_contours(
    exposure: Exposure, corner: str, printed: Layout, noise: ShotNoise
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 2) of all contours, and the standard deviation (n,) of the edge there."""
    loops = [loop for polygon in printed.polygons for loop in polygon.loops]
    points = np.concatenate(loops) if loops else np.zeros((0, 2))
    level = np.full(len(points), exposure.resist.threshold)
    return points, noise.edge_sigma_nm(level, slopes(exposure, corner, points, noise)) if loops else np.zeros(0)


def write_edge_noise(found: EdgeNoise, out: Path, command: str, settings: dict[str, Any], title: str) -> dict[str, Any]:
    """Writes edge_noise.csv (gauges), contacts.csv (if there are any), the picture edge_noise.png, and summary.json.

    Args:
        found: The noise.
        out: Folder to write to.
        command: The command that made it, such as `litho-dl edge-noise`.
        settings: The settings of the run, for the summary.
        title: Title of the picture.

    Returns:
        The summary.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.viz.figure import save_figure

    csv, figure = out / "edge_noise.csv", out / "edge_noise.png"
    gauges, shapes = _gauge_rows(found), _contact_rows(found)
    write_csv(csv, gauges)
    if shapes:
        write_csv(out / "contacts.csv", shapes)
    save_figure(found.plot(title=title), figure)
    summary = {
        "clip": found.clip.name,
        **settings,
        "corner": found.corner,
        "dose_mj_cm2": found.dose_mj_cm2,
        "absorbed_share": found.absorbed,
        "photons_per_nm2": found.noise.per_nm2,
        "blur_nm": found.noise.blur_nm,
        "area_nm2": found.noise.area_nm2,
        "gauges": gauges,
        "contacts": shapes,
        "csv": str(csv),
        "figure": str(figure),
    }
    write_summary(out / "summary.json", command, summary)
    return summary


def _gauge_rows(found: EdgeNoise) -> list[dict[str, Any]]:
    """One row a gauge; what is not there without a print is None."""
    dx, dy = found.clip.shift_nm
    rows = []
    for result in found.gauges:
        (x0, y0), (x1, y1) = result.gauge.start_nm, result.gauge.end_nm
        edges, slopes_um = result.edge_sigma_nm, result.ils_per_um
        rows.append(
            {
                "gauge": result.gauge.name,
                "kind": result.gauge.kind,
                "edges_nm": [round(value, 3) for value in (x0 - dx, y0 - dy, x1 - dx, y1 - dy)],
                "cd_nm": result.cd_nm,
                "ils_per_um": None if slopes_um is None else sum(slopes_um) / 2,
                "ler_3sigma_nm": None if edges is None else 3 * math.hypot(*edges) / math.sqrt(2),
                "cd_3sigma_nm": None if result.cd_sigma_nm is None else 3 * result.cd_sigma_nm,
            }
        )
    return rows


def _contact_rows(found: EdgeNoise) -> list[dict[str, Any]]:
    """One row a contact, the likeliest to fail first."""
    dx, dy = found.clip.shift_nm
    return [
        {
            "x_nm": round((contact.box_nm[0] + contact.box_nm[2]) / 2 - dx, 3),
            "y_nm": round((contact.box_nm[1] + contact.box_nm[3]) / 2 - dy, 3),
            "diameter_nm": contact.diameter_nm,
            "diameter_3sigma_nm": None if contact.diameter_sigma_nm is None else 3 * contact.diameter_sigma_nm,
            "margin_sigmas": contact.margin_sigmas,
            "failure_probability": contact.failure,
        }
        for contact in sorted(found.contacts, key=lambda contact: contact.margin_sigmas)
    ]


def edge_noise_text(summary: dict[str, Any]) -> str:
    """The summary as text: the photons, one line a gauge, and the contacts in all."""
    lines = [
        f"{summary['dose_mj_cm2']:g} mJ/cm² behind a clear mask, {summary['absorbed_share']:.3g} of it absorbed: "
        f"{summary['photons_per_nm2']:.3g} photons per nm², blur {summary['blur_nm']:.3g} nm; {summary['corner']}",
        f"{'gauge':<10}{'CD':>9}{'ILS per um':>12}{'LER 3 sigma':>13}{'CD 3 sigma':>12}",
    ]
    for row in summary["gauges"]:
        values = (row["cd_nm"], row["ils_per_um"], row["ler_3sigma_nm"], row["cd_3sigma_nm"])
        cd, ils, ler, width = ("-" if value is None else f"{value:.2f}" for value in values)
        lines.append(f"{row['gauge']} {row['kind']:<7}{cd:>9}{ils:>12}{ler:>13}{width:>12}")
    printed = [row["diameter_3sigma_nm"] for row in summary["contacts"] if row["diameter_3sigma_nm"] is not None]
    if summary["contacts"]:
        worst = summary["contacts"][0]
        spread = f"{min(printed):.2f} to {max(printed):.2f} nm" if printed else "none"
        lines.append(
            f"{len(summary['contacts'])} contacts, {len(printed)} print: diameter 3 sigma {spread}; failure up to "
            f"{worst['failure_probability']:.2g} ({worst['margin_sigmas']:.1f} sigma) at ({worst['x_nm']:g}, "
            f"{worst['y_nm']:g})"
        )
    return "\n".join([*lines, f"Photon noise alone, to first order. Lengths in nm; see {summary['figure']}"])
