"""Process windows: critical dimension (CD) against focus and dose, from intensity profiles along gauges.

Dose multiplies intensity, so at dose d a bright feature is where I >= t / d, for the resist's threshold t. Dose limits
are computed from the profiles directly and do not depend on a list of sampled doses. Latent images of chemical resists
do not grow in proportion: they come at doses in small steps, between which a spline interpolates each point.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from litho_dl.core.errors import LithoError
from litho_dl.optics.print_rule import PrintRule

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

BISECTIONS = 50
DARKEST = 1e-6  # of the brightest intensity; keeps the search for a dose finite where a profile is dark
ROUNDING = 1e-9  # tolerance in comparisons of latitudes, in percent
FOCUS_INTERVALS = 400  # of the grid on which rectangles are searched


@dataclass(frozen=True, eq=False, repr=False)
class GaugeProfile:
    """The intensity along one gauge through focus.

    Attributes:
        intensity: (F, P) at dose 1, one row per focus; or (F, G, P), at each of `doses`.
        positions_nm: (P,) equidistant; they include 0, the middle of the drawn feature.
        target_nm: Drawn CD.
        bright: True if the feature is where the image is bright, as a line of a dark field or a space of a clear one.
        threshold: Intensity at which the resist prints at dose 1.
        doses: (G,) rising, at least 4; None: intensities grow in proportion to the dose.
    """

    intensity: np.ndarray
    positions_nm: np.ndarray
    target_nm: float
    bright: bool
    threshold: float
    doses: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.intensity.shape
        wanted = (*(() if self.doses is None else (len(self.doses),)), len(self.positions_nm))
        if len(shape) != 1 + len(wanted) or shape[1:] != wanted or not np.isfinite(self.intensity).all():
            listed = ", ".join(map(str, wanted))
            raise LithoError(f"Expected a finite intensity (F, {listed}), got shape {shape} or NaN or infinity in it.")
        if not (np.abs(self.positions_nm).min() < 1e-9 and self.target_nm > 0 and self.threshold > 0):
            raise LithoError(
                f"Expected positions through 0, a positive target CD and threshold, got target {self.target_nm:g} nm "
                f"and threshold {self.threshold:g}."
            )

    def __repr__(self) -> str:
        foci, samples = len(self.intensity), len(self.positions_nm)
        side = "bright" if self.bright else "dark"
        return f"GaugeProfile({side} feature of {self.target_nm:.4g} nm, {samples} samples at {foci} foci)"

    def cd_nm(self, doses: np.ndarray) -> np.ndarray:
        """CD (F, D) at doses (D,), or at doses (F, D) that differ from focus to focus.

        The printed feature is the one that contains the middle of the drawn feature: its CD is 0 if the middle does not
        print, and infinite if the feature reaches the end of the profile. Linear interpolation between samples.
        """
        above = PrintRule(self.threshold, "dark" if self.bright else "clear").excess(self.at(doses))
        middle = int(np.abs(self.positions_nm).argmin())
        after, before = _samples_inside(above[..., middle:]), _samples_inside(above[..., middle::-1])
        return (after + before) * (self.positions_nm[1] - self.positions_nm[0])

    def at(self, doses: np.ndarray) -> np.ndarray:
        """Intensities (F, D, P) at doses (D,) or (F, D)."""
        wanted = np.broadcast_to(doses, (len(self.intensity), np.shape(doses)[-1]))
        if self.doses is None:
            return wanted[..., None] * self.intensity[:, None]
        return np.stack([spline(np.log(row)) for spline, row in zip(self._splines, wanted, strict=True)])

    @cached_property
    def _splines(self) -> "list[CubicSpline]":
        """Intensities (D, P) by the logarithm of the dose, of each focus."""
        from scipy.interpolate import CubicSpline  # imported here: it loads slowly

        assert self.doses is not None
        return [CubicSpline(np.log(self.doses), row) for row in self.intensity]

    def dose_range(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest dose (F,) that are worth looking at."""
        if self.doses is not None:
            low, high = (np.full(len(self.intensity), self.doses[end]) for end in (0, -1))
            return low, high
        brightest = self.intensity.max(axis=1)
        darkest = np.maximum(self.intensity.min(axis=1), DARKEST * brightest)
        return self.threshold / brightest / 2, 2 * self.threshold / darkest

    def nils(self, dose: float = 1.0) -> np.ndarray:
        """Normalised image log-slope (F,) at a dose: target CD times |d ln I / dx|, the mean of both drawn edges."""
        intensity = self.at(np.array([dose]))[:, 0]
        logarithm = np.log(np.maximum(intensity, DARKEST * intensity.max()))
        slopes = np.abs(np.gradient(logarithm, self.positions_nm, axis=1))
        half = self.target_nm / 2
        return self.target_nm * np.array([np.interp([-half, half], self.positions_nm, row).mean() for row in slopes])


def _samples_inside(above: np.ndarray) -> np.ndarray:
    """Interpolated number (...) of samples from the first on for which values (..., n) stay >= 0; inf if all do."""
    outside = above < 0
    first = outside.argmax(-1)
    last = np.maximum(first - 1, 0)
    high, low = (np.take_along_axis(above, index[..., None], -1)[..., 0] for index in (last, first))
    crossing = last + high / np.where(high > low, high - low, 1)
    return np.where(outside.any(-1), np.where(first > 0, crossing, 0.0), np.inf)


@dataclass(frozen=True, eq=False, repr=False)
class ProcessWindow:
    """The range of doses, through focus, in which a CD is within its tolerance.

    Attributes:
        foci_nm: (F,) rising.
        low: (F,) lowest dose.
        high: (F,) highest dose; below `low` where, in a common window, no dose suits all gauges.
    """

    foci_nm: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __repr__(self) -> str:
        foci = f"{len(self.foci_nm)} foci from {self.foci_nm[0]:g} to {self.foci_nm[-1]:g} nm"
        return f"ProcessWindow({foci}, doses {self.low.min():.3f} to {self.high.max():.3f})"


def dose_window(profile: GaugeProfile, foci_nm: np.ndarray, tolerance: float = 0.1) -> ProcessWindow:
    """The process window of one gauge.

    Args:
        profile: Intensity along the gauge through focus.
        foci_nm: (F,) rising, one for each row of the profile.
        tolerance: Allowed deviation of the CD as a share of the target CD, in (0, 1).

    Returns:
        The doses at which the CD is within its tolerance.

    Raises:
        LithoError: The tolerance is not in (0, 1), or the foci do not rise or do not match the profile.
    """
    if not 0 < tolerance < 1:
        raise LithoError(f"Expected a CD tolerance between 0 and 100 %, got {100 * tolerance:g} %.")
    if len(foci_nm) != len(profile.intensity) or not (np.diff(foci_nm) > 0).all():
        raise LithoError(f"Expected {len(profile.intensity)} rising foci, got {np.asarray(foci_nm).tolist()} nm.")
    small, large = (_dose_at(profile, profile.target_nm * (1 + side * tolerance)) for side in (-1, 1))
    low, high = (small, large) if profile.bright else (large, small)
    return ProcessWindow(np.asarray(foci_nm, dtype=float), low, high)


def _dose_at(profile: GaugeProfile, cd_nm: float) -> np.ndarray:
    """The dose (F,) at which the CD has a value, by bisection; CDs of bright features rise with dose, of dark fall."""
    low, high = map(np.log, profile.dose_range())
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        cd = profile.cd_nm(np.exp(middle)[:, None])[:, 0]
        short = cd < cd_nm if profile.bright else cd > cd_nm
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.exp((low + high) / 2)


def common_window(windows: Sequence[ProcessWindow]) -> ProcessWindow:
    """The overlap of windows with the same foci, on a finer grid of foci, as limits may cross between the foci."""
    swept = windows[0].foci_nm
    foci = _fine_foci(swept)
    low = np.max([np.interp(foci, swept, window.low) for window in windows], axis=0)
    return ProcessWindow(foci, low, np.min([np.interp(foci, swept, window.high) for window in windows], axis=0))


@dataclass(frozen=True, eq=False, repr=False)
class Latitude:
    """Exposure latitude (EL) against depth of focus (DOF): the largest rectangles that fit into a window.

    Attributes:
        dof_nm: (n,) widths of rectangles, rising from 0 to the range of the foci.
        el_percent: (n,) largest height of a rectangle of each width, in percent of the dose at its centre; 0 if none
            fits.
        least_el_percent: Exposure latitude at which the depth of focus is stated.
        dof_at_least_el_nm: Depth of focus: the largest width with at least that latitude; 0 if no focus has it, None
            for a single focus.
        dof_limited: True if the window reaches beyond the range of the foci: the depth of focus is at least as stated.
        best_focus_nm: Focus at the centre of that rectangle, or of the highest one if none has that latitude; None if
            there is no window.
        best_dose: Dose at the centre of the same rectangle.
    """

    dof_nm: np.ndarray
    el_percent: np.ndarray
    least_el_percent: float
    dof_at_least_el_nm: float | None
    dof_limited: bool
    best_focus_nm: float | None
    best_dose: float | None

    def __repr__(self) -> str:
        if self.best_dose is None or self.best_focus_nm is None:
            return "Latitude(no window)"
        dof_nm = self.dof_at_least_el_nm
        dof = "" if dof_nm is None else f", DOF {dof_nm:.0f} nm at {self.least_el_percent:g} % EL"
        return (
            f"Latitude(EL up to {self.max_el_percent:.1f} %{dof}, best focus {self.best_focus_nm:.0f} nm, best dose "
            f"{self.best_dose:.3f})"
        )

    @property
    def max_el_percent(self) -> float:
        """Exposure latitude at the best single focus."""
        return float(self.el_percent[0])

    @property
    def area_percent_nm(self) -> float | None:
        """Area under the curve, in percent times nm, as far as the foci reach; None for a single focus."""
        el_percent = (self.el_percent[1:] + self.el_percent[:-1]) / 2
        return float(el_percent @ np.diff(self.dof_nm)) if len(self.dof_nm) > 1 else None


def latitude(window: ProcessWindow, least_el_percent: float = 5.0) -> Latitude:
    """EL against DOF; the window's dose limits are interpolated linearly between its foci.

    Args:
        window: The process window of one gauge, or a common one.
        least_el_percent: Exposure latitude at which the depth of focus is stated, in percent.

    Returns:
        The curve and its best rectangle.

    Source: C. A. Mack, Fundamental Principles of Optical Lithography (2007), sec. 8.4: the process window.
    """
    foci = _fine_foci(window.foci_nm)
    low, high = (np.interp(foci, window.foci_nm, limit) for limit in (window.low, window.high))
    heights, doses = [], []
    lowest, highest = low, high
    for width in range(len(foci)):
        if width:
            lowest = np.maximum(lowest[:-1], low[width:])
            highest = np.minimum(highest[:-1], high[width:])
        doses.append((lowest + highest) / 2)
        heights.append(np.maximum(100 * (highest - lowest) / doses[-1], 0))
    el_percent = np.array([height.max() for height in heights])
    dof_nm = foci - foci[0]
    enough = int((el_percent >= least_el_percent - ROUNDING).sum())
    width = max(enough - 1, 0)
    place = _centre_of_best(heights[width])
    found = el_percent[0] > 0
    return Latitude(
        dof_nm=dof_nm,
        el_percent=el_percent,
        least_el_percent=least_el_percent,
        dof_at_least_el_nm=_width_at(dof_nm, el_percent, least_el_percent, enough) if len(foci) > 1 else None,
        dof_limited=len(foci) > 1 and enough == len(foci),
        best_focus_nm=float(foci[place] + dof_nm[width] / 2) if found else None,
        best_dose=float(doses[width][place]) if found else None,
    )


def _fine_foci(foci_nm: np.ndarray) -> np.ndarray:
    """A fine grid of equidistant foci, which includes the given ones if these are equidistant."""
    intervals = len(foci_nm) - 1
    if intervals == 0:
        return foci_nm
    return np.linspace(foci_nm[0], foci_nm[-1], intervals * math.ceil(FOCUS_INTERVALS / intervals) + 1)


def _centre_of_best(heights: np.ndarray) -> int:
    """Index of the greatest height; of several equal ones, the middle one."""
    best = np.flatnonzero(heights >= heights.max() - ROUNDING)
    return int(best[len(best) // 2])


def _width_at(dof_nm: np.ndarray, el_percent: np.ndarray, least: float, enough: int) -> float:
    """Width at which the falling curve reaches the latitude `least`, which its first `enough` values have."""
    if enough in (0, len(dof_nm)):
        return float(dof_nm[-1]) if enough else 0.0
    before, after = el_percent[enough - 1], el_percent[enough]
    share = (before - least) / (before - after)
    return float(dof_nm[enough - 1] + share * (dof_nm[enough] - dof_nm[enough - 1]))


def mask_error_factor(cd_grown_nm: float, cd_shrunk_nm: float, bias_nm: float, *, grows: bool) -> float | None:
    """Mask error enhancement factor, MEEF = dCD(wafer) / dCD(mask), from a grown and a shrunk mask.

    Args:
        cd_grown_nm: CD printed by the mask whose edges were moved outwards.
        cd_shrunk_nm: CD printed by the mask whose edges were moved inwards.
        bias_nm: Distance by which the edges were moved, at wafer scale.
        grows: True for a line, which is wider on the grown mask; False for a space, which is narrower.

    Returns:
        The MEEF; None if one of the CDs is 0 or infinite.
    """
    if not all(math.isfinite(cd) and cd > 0 for cd in (cd_grown_nm, cd_shrunk_nm)):
        return None
    return (cd_grown_nm - cd_shrunk_nm) / (4 * bias_nm if grows else -4 * bias_nm)
