"""A mask through focus and dose, measured at gauges (a focus-exposure matrix)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.dft import synthesise_at
from litho_dl.core.errors import LayoutError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.layout.clips import MASK_FILE_PIXEL_NM, Clip
from litho_dl.layout.cutline import Frame
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.gauge import Gauge, default_gauges, gauge_along
from litho_dl.metrics.process_window import (
    GaugeProfile,
    Latitude,
    ProcessWindow,
    common_window,
    latitude,
    mask_error_factor,
    process_window,
)
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BIAS_NM = 1.0
STEP_NM = 0.5  # of profiles; CDs by linear interpolation are right to 0.01 nm for images of 193 nm light

Advance = Callable[[int, int, float], None]


@dataclass(frozen=True, eq=False)
class GaugeResult:
    """One gauge through focus and dose.

    Attributes:
        gauge: Where.
        cd_nm: (F, D); 0 where the feature is lost, infinity where it runs into a neighbour.
        window: Doses within the tolerance.
        latitude: EL against DOF.
        cd_nominal_nm: CD at the nominal focus and dose.
        nils: At the gauge's best focus, linear between the foci; at focus 0 if no dose is in tolerance.
        meef: Mask error enhancement factor at nominal conditions; None if the feature does not print there.
    """

    gauge: Gauge
    cd_nm: np.ndarray
    window: ProcessWindow
    latitude: Latitude
    cd_nominal_nm: float
    nils: float
    meef: float | None


@dataclass(frozen=True, eq=False, repr=False)
class FocusExposure:
    """A mask through focus and dose: all gauges, and the window that they have in common.

    Attributes:
        foci_nm: (F,).
        doses: (D,) factors on intensity.
        nominal: (focus in nm, dose) of the nominal figures.
        gauges: Results, one a gauge.
        window: Doses at which every gauge is within the tolerance.
        latitude: EL against DOF of that.
        tolerance: Share of the target CD by which a CD may be off.
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
        dof = f", DOF {best.dof_at_least_el_nm:.0f} nm at {best.least_el_percent:g} % EL" if best.best_dose else ""
        return (
            f"FocusExposure({len(self.gauges)} gauges, {len(self.foci_nm)} foci from {self.foci_nm[0]:g} to "
            f"{self.foci_nm[-1]:g} nm, {len(self.doses)} doses; common window: EL up to {best.max_el_percent:.1f} "
            f"%{dof})"
        )

    def plot(self, clip: Clip, *, title: str = "") -> "Figure":
        """Bossung curves of each gauge, process windows, EL against DOF, and where the gauges are.

        Args:
            clip: The drawn layout.
            title: Heading; default the clip's name.
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
                f"{m.gauge.name}: {m.gauge.kind} {m.gauge.target_nm:.4g} nm",
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


def choose_gauges(
    clip: Clip, cutlines_nm: Sequence[Frame] = (), *, window_nm: Frame | None = None
) -> tuple[Gauge, ...]:
    """Gauges on the field: those of given cutlines, else the default ones.

    Args:
        clip: The drawn layout.
        cutlines_nm: x0, y0, x1, y1 in the layout's own coordinates.
        window_nm: The window that the clip was cut by, in the same coordinates; default gauges avoid what it cut.

    Raises:
        LayoutError: A cutline leaves the field or does not cross exactly one line or space.
    """
    dx, dy = clip.shift_nm
    if not cutlines_nm:
        frame = None
        if window_nm is not None:
            frame = (window_nm[0] + dx, window_nm[1] + dy, window_nm[2] + dx, window_nm[3] + dy)
        return default_gauges(clip.placed, frame)
    height, width = clip.field_nm
    gauges = []
    for number, (x0, y0, x1, y1) in enumerate(cutlines_nm, start=1):
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

    The mask's spectrum is taken once; kernels are built one focus at a time and dropped.

    Args:
        mask: Mask polygons on the field; exposed as area coverage at 1 nm.
        gauges: Where to measure.
        process: The optics; foci it has no kernels for are built from its recipe.
        foci_nm: (F,) rising.
        doses: (D,) factors on intensity.
        nominal: (focus in nm, dose) of the nominal CD and the MEEF.
        tolerance: Share of the target CD by which a CD may be off.
        least_el_percent: Exposure latitude that depths of focus are stated for.
        device: Where to compute.
        advance: Called after each focus with the number done, the number of all and the focus.

    Raises:
        KernelError: The process has no recipe and no kernels of a focus.
        MaskError: The mask technology is alternating.
    """
    if process.mask.type == "alternating":
        raise MaskError("Alternating masks have three values; process windows take binary and attenuated masks.")
    swept, at_nominal = _expose(mask, gauges, process, foci_nm, float(nominal[0]), device, advance)
    threshold = process.resist.threshold
    results = []
    for gauge, sweep, trio in zip(gauges, swept, at_nominal, strict=True):
        x = gauge.positions_nm(STEP_NM)
        profile, biased = (
            GaugeProfile(intensity, x, gauge.target_nm, gauge.kind == "line", threshold) for intensity in (sweep, trio)
        )
        window = process_window(profile, foci_nm, tolerance)
        results.append(_result(gauge, profile, biased, window, doses, nominal[1], least_el_percent))
    common = common_window([result.window for result in results])
    return FocusExposure(foci_nm, doses, nominal, tuple(results), common, latitude(common, least_el_percent), tolerance)


def _expose(
    mask: Layout,
    gauges: Sequence[Gauge],
    process: ProcessModel,
    foci_nm: np.ndarray,
    nominal_nm: float,
    device: torch.device | str,
    advance: Advance,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Intensity along each gauge: (F, P) through focus; (3, P) at nominal focus of the mask as it is, grown, shrunk."""
    wanted = list(dict.fromkeys([*map(float, foci_nm), nominal_nm]))
    if process.recipe is None:
        for focus_nm in wanted:  # refuse now what would fail later
            process.at_focus(focus_nm)
    simulator = Simulator(process, dtype=torch.float64).to(device)
    spectra = torch.stack([_spectrum(mask, bias_nm, simulator) for bias_nm in (0.0, BIAS_NM, -BIAS_NM)])
    points = [gauge.points_nm(gauge.positions_nm(STEP_NM)) for gauge in gauges]
    everywhere = torch.from_numpy(np.concatenate(points)).to(device)
    through: dict[float, np.ndarray] = {}
    for done, focus_nm in enumerate(wanted, start=1):
        only = Simulator(process.at_focus(focus_nm), dtype=torch.float64).to(device)
        images = only.intensity_spectrum(spectra if focus_nm == nominal_nm else spectra[:1], "focus")
        through[focus_nm] = synthesise_at(images, everywhere, process.field_nm).cpu().numpy()
        advance(done, len(wanted), focus_nm)
    ends = np.cumsum([len(own) for own in points])[:-1]
    swept = np.stack([through[float(focus_nm)][0] for focus_nm in foci_nm])
    return np.split(swept, ends, axis=-1), np.split(through[nominal_nm], ends, axis=-1)


def _spectrum(mask: Layout, bias_nm: float, simulator: Simulator) -> Tensor:
    """Spectrum of a biased mask's coverage; what the bias pushes over the field's border is cut off."""
    height, width = simulator.process.field_nm
    grid = Grid.of_field((height, width), MASK_FILE_PIXEL_NM)
    biased = mask.biased(bias_nm).clipped((0.0, 0.0, width, height)) if bias_nm else mask
    return simulator.spectrum(torch.from_numpy(rasterize(biased, grid)), grid.pixel_nm)


def _result(
    gauge: Gauge,
    profile: GaugeProfile,
    biased: GaugeProfile,
    window: ProcessWindow,
    doses: np.ndarray,
    nominal_dose: float,
    least_el_percent: float,
) -> GaugeResult:
    """The figures of one gauge from its profiles through focus, and at nominal focus with masks as drawn and biased."""
    latitudes = latitude(window, least_el_percent)
    nominal, grown, shrunk = biased.cd_nm(np.array([nominal_dose]))[:, 0]
    best_nm = 0.0 if latitudes.best_focus_nm is None else latitudes.best_focus_nm
    return GaugeResult(
        gauge=gauge,
        cd_nm=profile.cd_nm(doses),
        window=window,
        latitude=latitudes,
        cd_nominal_nm=float(nominal),
        nils=float(np.interp(best_nm, window.foci_nm, profile.nils())),
        meef=mask_error_factor(grown, shrunk, BIAS_NM, bright=gauge.kind == "line"),
    )
