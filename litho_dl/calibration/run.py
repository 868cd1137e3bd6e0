"""A calibration from start to end: the fit, what is held out, and the calibrated recipe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litho_dl.calibration.fit import CONFIDENCE, Fit, Report, fit
from litho_dl.calibration.images import Images
from litho_dl.calibration.measurement import Measurement
from litho_dl.calibration.model import Model
from litho_dl.calibration.parameters import Parameter
from litho_dl.core.errors import LithoError
from litho_dl.process.recipe import Recipe


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """A fitted recipe and how well it predicts.

    Attributes:
        start: The recipe at the start.
        fit: The fit.
        measurements: The M measurements.
        held_out: (M,) bool: not fitted, but predicted.
        start_nm: (M,) what the recipe at the start predicts.
    """

    start: Recipe
    fit: Fit
    measurements: tuple[Measurement, ...]
    held_out: np.ndarray
    start_nm: np.ndarray

    def __repr__(self) -> str:
        values = ", ".join(
            f"{own.key} {value:.6g}" for own, value in zip(self.fit.parameters, self.fit.values, strict=True)
        )
        return f"Calibration({values}; r.m.s. {self.rms_nm(self.fit.used):.3g} nm of {int(self.fit.used.sum())})"

    @property
    def recipe(self) -> Recipe:
        """The calibrated recipe."""
        return self.fit.recipe

    @property
    def residuals_nm(self) -> np.ndarray:
        """(M,) predicted less measured; NaN where the feature does not print."""
        return self.fit.prediction.values_nm - np.array([own.value_nm for own in self.measurements])

    @property
    def sigmas_nm(self) -> np.ndarray:
        """(M,) standard deviations of the measurements."""
        return np.array([own.sigma_nm for own in self.measurements])

    @property
    def outliers(self) -> np.ndarray:
        """(M,) bool: measurements that print and were to be fitted, but are too far off."""
        return ~self.fit.used & ~self.held_out & np.isfinite(self.residuals_nm)

    @property
    def intervals(self) -> np.ndarray:
        """(P, 2) ends of the 95 % confidence intervals; NaN of parameters at a bound."""
        half = CONFIDENCE * self.fit.sigmas
        return np.stack((self.fit.values - half, self.fit.values + half), axis=1)

    def rms_nm(self, which: np.ndarray) -> float:
        """R.m.s. residual of some measurements (M,) bool, of those that print; NaN of none."""
        own = self.residuals_nm[which & np.isfinite(self.residuals_nm)]
        return float(np.sqrt(np.mean(own**2))) if len(own) else float("nan")

    def rms_sigmas(self, which: np.ndarray) -> float:
        """The same in sigmas of the measurements: 1 if all that is left is noise."""
        own = (self.residuals_nm / self.sigmas_nm)[which & np.isfinite(self.residuals_nm)]
        return float(np.sqrt(np.mean(own**2))) if len(own) else float("nan")


def held_out_rows(measurements: Sequence[Measurement], share: float, seed: int) -> np.ndarray:
    """Which measurements (M,) are held out; those of one line of the file, such as a contour, stay together.

    Args:
        measurements: The measurements.
        share: Share of the lines, in [0, 1).
        seed: Of the choice.

    Raises:
        LithoError: The share is out of range.
    """
    if not 0 <= share < 1:
        raise LithoError(f"Expected a share of held-out gauges in [0, 1), got {share:g}.")
    lines = np.array([own.line for own in measurements])
    every = np.unique(lines)
    chosen = np.random.default_rng(seed).permutation(every)[: round(share * len(every))]
    return np.isin(lines, chosen)


def calibrate(
    recipe: Recipe,
    measurements: Sequence[Measurement],
    parameters: Sequence[Parameter],
    *,
    hold_out: float = 0.0,
    seed: int = 0,
    outliers: bool = True,
    images: Images | None = None,
    report: Report = lambda steps, rms, values: None,
) -> Calibration:
    """Fits a recipe's numbers to measurements.

    Args:
        recipe: The recipe at the start, as `choose_parameters` returns it.
        measurements: As `read_measurements` returns them.
        parameters: What is fitted.
        hold_out: Share of the measurements that is predicted only.
        seed: Of the choice of these.
        outliers: Whether to find outliers and leave them out.
        images: Images of earlier calibrations on the same field, which are not computed again; None: none.
        report: As for `fit`.

    Returns:
        The calibration.

    Raises:
        LithoError: The data can't tell the parameters, or the share is out of range.
    """
    held_out = held_out_rows(measurements, hold_out, seed)
    model = Model(measurements, images or Images(measurements[0].scene.field_nm), scale=recipe.scale)
    start_nm = model.predict(recipe).values_nm
    found = fit(model, recipe, parameters, ~held_out, outliers=outliers, report=report)
    return Calibration(recipe, found, tuple(measurements), held_out, start_nm)
