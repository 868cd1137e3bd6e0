"""Focus-exposure matrices: a mask through focus and dose, measured at gauges."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.dft import point_waves, synthesise_at
from litho_dl.core.errors import LayoutError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.core.progress import Advance
from litho_dl.layout.clips import Clip
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.gauge import Gauge, default_gauges, gauge_along
from litho_dl.metrics.process_window import (
    GaugeProfile,
    Latitude,
    ProcessWindow,
    common_window,
    dose_window,
    latitude,
    mask_error_factor,
)
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.process.resist import ResistShape
from litho_dl.simulation.exposure import CUT_STEP_NM
from litho_dl.simulation.mask_spectrum import MaskSpectrum
from litho_dl.simulation.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BIAS_NM = 1.0
DOSE_RANGE = 2.0  # of latent images around the nominal dose: limits beyond are stated as its ends
DOSE_RATIO = 1.04  # of neighbouring doses of latent images; interpolated CDs are then right to 0.01 nm


@dataclass(frozen=True, eq=False, repr=False)
class GaugeResult:
    """One gauge through focus and dose.

    Attributes:
        gauge: The gauge.
        resist: What the resist forms there: a line, where it stays, or a trench (or hole), where it goes.
        cd_nm: CD (F, D); 0 where the feature is lost, infinity where it merges with a neighbour.
        window: Doses within the tolerance, at each focus.
        latitude: Exposure latitude (EL) against depth of focus (DOF).
        cd_nominal_nm: CD at the nominal focus and dose.
        nils: NILS at the gauge's best focus, interpolated linearly between the foci; at focus 0 if no dose is within
            the tolerance.
        meef: Mask error enhancement factor at nominal conditions; None if the feature does not print there.
    """

    gauge: Gauge
    resist: ResistShape
    cd_nm: np.ndarray
    window: ProcessWindow
    latitude: Latitude
    cd_nominal_nm: float
    nils: float
    meef: float | None

    def __repr__(self) -> str:
        meef = "none" if self.meef is None else f"{self.meef:.2f}"
        return (
            f"GaugeResult({self.gauge.name}: {self.gauge.kind} ({self.resist} in resist), target "
            f"{self.gauge.target_nm:.4g} nm, CD {self.cd_nominal_nm:.4g} nm, EL up to "
            f"{self.latitude.max_el_percent:.1f} %, NILS {self.nils:.2f}, MEEF {meef})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class FocusExposure:
    """A mask through focus and dose: all gauges, and their common process window.

    Attributes:
        foci_nm: Foci (F,).
        doses: Doses (D,), factors on intensity.
        nominal: (focus in nm, dose) of the nominal values.
        gauges: One result for each gauge.
        window: Doses at which every gauge is within the tolerance, at each focus.
        latitude: Exposure latitude against depth of focus of the common window.
        tolerance: Share of the target CD by which a CD may deviate.
    """

    foci_nm: np.ndarray
    doses: np.ndarray
    nominal: tuple[float, float]
    gauges: tuple[GaugeResult, ...]
    window: ProcessWindow
    latitude: Latitude
    tolerance: float

    def __repr__(self) -> str:
        best = self.latitude
        dof_nm = best.dof_at_least_el_nm if best.best_dose else None
        dof = "" if dof_nm is None else f", DOF {dof_nm:.0f} nm at {best.least_el_percent:g} % EL"
        return (
            f"FocusExposure({len(self.gauges)} gauges, {len(self.foci_nm)} foci from {self.foci_nm[0]:g} to "
            f"{self.foci_nm[-1]:g} nm, {len(self.doses)} doses; common window: EL up to {best.max_el_percent:.1f} "
            f"%{dof})"
        )

    def plot(self, clip: Clip, *, title: str = "") -> "Figure":
        """Draws the Bossung curves of each gauge, process windows, EL against DOF, and the gauges on the layout.

        Args:
            clip: The drawn layout.
            title: Title; empty: the clip's name.

        Returns:
            The figure.
        """
        from litho_dl.viz.process_window import GaugeCurves, WindowCurves, process_window_figure

        def curves(window: ProcessWindow, latitude: Latitude) -> WindowCurves:
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
                f"{m.gauge.name}: {m.gauge.kind} {m.gauge.target_nm:.4g} nm ({m.resist} in resist)",
                m.gauge.target_nm,
                m.gauge.start_nm,
                m.gauge.end_nm,
                m.cd_nm,
                curves(m.window, m.latitude),
            )
            for m in self.gauges
        ]
        return process_window_figure(
            gauges,
            curves(self.window, self.latitude),
            foci_nm=self.foci_nm,
            doses=self.doses,
            tolerance=self.tolerance,
            least_el_percent=self.latitude.least_el_percent,
            outlines_nm=[loop for polygon in clip.placed.merged().polygons for loop in polygon.loops],
            nominal=self.nominal,
            title=title or clip.name,
        )


def choose_gauges(clip: Clip, cutlines_nm: Sequence[tuple[float, float, float, float]] = ()) -> tuple[Gauge, ...]:
    """Gauges on the field, at given cutlines or at the narrowest lines and spaces.

    Args:
        clip: The drawn layout.
        cutlines_nm: Cutlines from (x0, y0) to (x1, y1) in the layout's own coordinates; empty: default gauges, which
            avoid edges on the border of the clip's window.

    Returns:
        The gauges, in field coordinates.

    Raises:
        LayoutError: A cutline leaves the field or does not cross exactly one line or space.
    """
    dx, dy = clip.shift_nm
    if not cutlines_nm:
        placed_nm = None
        if clip.window_nm is not None:
            window_nm = clip.window_nm
            placed_nm = (window_nm[0] + dx, window_nm[1] + dy, window_nm[2] + dx, window_nm[3] + dy)
        return default_gauges(clip.placed, placed_nm)
    height, width = clip.field_nm
    gauges = []
    for number, cutline in enumerate(cutlines_nm, start=1):
        if np.shape(cutline) != (4,):
            raise LayoutError(f"g{number}: expected a cutline x0, y0, x1, y1 in nm, got {cutline!r:.60}.")
        x0, y0, x1, y1 = cutline
        inside = min(x0, x1) >= -dx and min(y0, y1) >= -dy and max(x0, x1) <= width - dx and max(y0, y1) <= height - dy
        if not inside:
            raise LayoutError(
                f"g{number}: expected a cutline inside the field, from ({-dx:g}, {-dy:g}) to ({width - dx:g}, "
                f"{height - dy:g}) nm in the coordinates of '{clip.name}', got {x0:g},{y0:g},{x1:g},{y1:g}."
            )
        gauges.append(gauge_along(clip.placed, (x0 + dx, y0 + dy, x1 + dx, y1 + dy), f"g{number}"))
    return tuple(gauges)


def expose_through_focus(
    mask: Layout,
    gauges: Sequence[Gauge],
    process: ProcessModel,
    *,
    foci_nm: np.ndarray,
    doses: np.ndarray,
    nominal: tuple[float, float] = (0.0, 1.0),
    tolerance: float = 0.1,
    least_el_percent: float = 5.0,
    device: torch.device | str = "cpu",
    advance: Advance = lambda done, total, focus_nm: None,
) -> FocusExposure:
    """Exposes a mask at every focus and measures it at the gauges.

    The mask's spectrum is computed once; kernels are built for one focus at a time.

    Args:
        mask: Mask polygons on the field; exposed as area coverage at 1 nm.
        gauges: The gauges, at least one.
        process: The process; kernels of foci that it lacks are built from its recipe.
        foci_nm: Foci (F,), rising.
        doses: Doses (D,), factors on intensity, > 0.
        nominal: (focus in nm, dose) of the nominal CD and the MEEF.
        tolerance: Share of the target CD by which a CD may deviate, in (0, 1).
        least_el_percent: Exposure latitude at which the depth of focus is stated.
        device: Device to compute on.
        advance: Called after each focus with the number of foci done, the number of all foci, and the focus.

    Returns:
        The results.

    Raises:
        KernelError: The process has no recipe and no kernels of a focus.
        MaskError: The mask technology is alternating.
    """
    if process.mask.type == "alternating":
        raise MaskError("Alternating masks have three values; process windows take binary and attenuated masks.")
    sampled = _sampled_doses(process, doses, nominal[1])
    swept, at_nominal = _expose(mask, gauges, process, foci_nm, float(nominal[0]), sampled, device, advance)
    resist, field = process.resist, process.mask.field
    results = []
    for gauge, sweep, trio in zip(gauges, swept, at_nominal, strict=True):
        x, drawn = gauge.positions_nm(CUT_STEP_NM * process.scale), gauge.kind == "line"
        bright = drawn == (field == "dark")
        profile, biased = (
            GaugeProfile(images, x, gauge.target_nm, bright, resist.threshold, sampled) for images in (sweep, trio)
        )
        window, shape = dose_window(profile, foci_nm, tolerance), resist.shape_of(field, drawn=drawn)
        bias_nm = BIAS_NM * process.scale
        results.append(_result(gauge, shape, profile, biased, bias_nm, window, doses, nominal[1], least_el_percent))
    common = common_window([result.window for result in results])
    return FocusExposure(foci_nm, doses, nominal, tuple(results), common, latitude(common, least_el_percent), tolerance)


def _sampled_doses(process: ProcessModel, doses: np.ndarray, nominal: float) -> np.ndarray | None:
    """Doses at which latent images are computed; None where images grow in proportion to the dose."""
    if process.resist.model == "threshold":
        return None
    low, high = min(*doses, nominal / DOSE_RANGE), max(*doses, nominal * DOSE_RANGE)
    return np.geomspace(low, high, 1 + math.ceil(math.log(high / low) / math.log(DOSE_RATIO)))


def _expose(
    mask: Layout,
    gauges: Sequence[Gauge],
    process: ProcessModel,
    foci_nm: np.ndarray,
    nominal_nm: float,
    doses: np.ndarray | None,
    device: torch.device | str,
    advance: Advance,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Images along each gauge: (F, P) through focus; (3, P) at nominal focus, mask as drawn, grown and shrunk.

    They are intensities at dose 1; with `doses`, latent images (F, G, P) and (3, G, P) at each of these.
    """
    wanted = list(dict.fromkeys([*map(float, foci_nm), nominal_nm]))
    if process.recipe is None:
        for focus_nm in wanted:  # refuse now what would fail later
            process.at_focus(focus_nm)
    simulator = Simulator(process, dtype=torch.float64).to(device)
    bias_nm, step_nm = BIAS_NM * process.scale, CUT_STEP_NM * process.scale
    rasters = torch.stack([_raster(mask, own_nm, simulator) for own_nm in (0.0, bias_nm, -bias_nm)])
    spectra = simulator.spectrum(rasters, file_pixel_nm(simulator))
    points = [gauge.points_nm(gauge.positions_nm(step_nm)) for gauge in gauges]
    everywhere = torch.from_numpy(np.concatenate(points)).to(device)
    through: dict[float, np.ndarray] = {}
    for done, focus_nm in enumerate(wanted, start=1):
        masks = spectra if focus_nm == nominal_nm else spectra.part(slice(1))
        images = _images(process.at_focus(focus_nm), masks, doses, device)
        through[focus_nm] = synthesise_at(images, point_waves(everywhere, images, process.field_nm)).cpu().numpy()
        advance(done, len(wanted), focus_nm)
    ends = np.cumsum([len(own) for own in points])[:-1]
    swept = np.stack([through[float(focus_nm)][0] for focus_nm in foci_nm])
    return np.split(swept, ends, axis=-1), np.split(through[nominal_nm], ends, axis=-1)


def _images(
    process: ProcessModel, spectra: MaskSpectrum, doses: np.ndarray | None, device: torch.device | str
) -> Tensor:
    """Half spectra of the images of masks at the one focus of a process: (B, ...), or latent ones (B, G, ...)."""
    if doses is not None:
        process = replace(process, corners={f"dose-{place}": Corner(dose, "focus") for place, dose in enumerate(doses)})
    simulator = Simulator(process, dtype=torch.float64).to(device)
    intensity = simulator.intensity_spectrum(spectra, "focus")
    if simulator.latent is None:
        return intensity
    latent = simulator.latent({"focus": intensity})
    return torch.stack([latent[corner.kernels] for corner in simulator.corners.values()], 1)


def _raster(mask: Layout, bias_nm: float, simulator: Simulator) -> Tensor:
    """A biased mask, clipped at the border of the field."""
    height, width = simulator.process.field_nm
    grid = Grid.of_field((height, width), file_pixel_nm(simulator))
    biased = mask.biased(bias_nm).clipped((0.0, 0.0, width, height)) if bias_nm else mask
    return torch.from_numpy(rasterize(biased, grid))


def _result(
    gauge: Gauge,
    resist: ResistShape,
    profile: GaugeProfile,
    biased: GaugeProfile,
    bias_nm: float,
    window: ProcessWindow,
    doses: np.ndarray,
    nominal_dose: float,
    least_el_percent: float,
) -> GaugeResult:
    """The results of one gauge, from profiles through focus, and of drawn and biased masks at nominal focus."""
    latitudes = latitude(window, least_el_percent)
    nominal, grown, shrunk = biased.cd_nm(np.array([nominal_dose]))[:, 0]
    best_nm = 0.0 if latitudes.best_focus_nm is None else latitudes.best_focus_nm
    return GaugeResult(
        gauge=gauge,
        resist=resist,
        cd_nm=profile.cd_nm(doses),
        window=window,
        latitude=latitudes,
        cd_nominal_nm=float(nominal),
        nils=float(np.interp(best_nm, window.foci_nm, profile.nils(nominal_dose))),
        meef=mask_error_factor(grown, shrunk, bias_nm, grows=gauge.kind == "line"),
    )
