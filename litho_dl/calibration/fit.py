"""Nonlinear least squares by Levenberg and Marquardt's method: parameters, their covariance, and outliers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from litho_dl.calibration.identify import correlations, require_identifiable
from litho_dl.calibration.images import difference_step
from litho_dl.calibration.keys import with_values
from litho_dl.calibration.model import Model, Prediction
from litho_dl.calibration.parameters import Parameter
from litho_dl.core.errors import LithoError
from litho_dl.process.recipe import Recipe

MOST_STEPS, MOST_ROUNDS = 40, 4
TOLERANCE = 1e-10  # of the cost and the parameters, relative
MOST_FAILED = 6  # steps in a row; where images change in small jumps, no short one may be better
LAST_STEP = 0.05  # in standard deviations of the estimate: a Gauss-Newton step so short is the last
OUTLIER = 4.0  # sigmas; of 60 normal measurements, one in 260 draws is so far off
CONFIDENCE = 1.959964  # sigmas of 95 %
UNITS = 1000  # steps of differences in what a parameter may well change by: 0.2, or a wavelength / NA
MOST_OUTLIERS = 0.25  # share of the measurements
FIRST_LATITUDE, LATITUDE = 0.1, 0.02  # changes of dose that a feature must survive to be fitted; at the start, later
ROBUST_TOLERANCE = 1e-4  # of a fit that only finds outliers
FAR = 100.0  # bounds of the recipe's model that only refuse misplaced exponents
AT_BOUND = 1e-6  # of the distance between bounds, or of the value
AT_BOUND_NOTE = "at its bound"
SURPRISING = 0.01  # a chi-square that is so unlikely widens the intervals

Report = Callable[[int, float, dict[str, float]], None]  # steps, r.m.s. in sigmas, parameters


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted parameters.

    Attributes:
        parameters: What was fitted.
        values: (P,).
        sigmas: (P,) standard deviations; NaN of parameters at a bound.
        correlations: (P, P).
        recipe: The recipe with the values.
        prediction: Of all measurements.
        used: (M,) bool: the measurements that were fitted, all but outliers and features that hardly print.
        chi_square: Sum of the squared residuals of fitted measurements and priors, over their variances.
        freedom: Their number less that of the parameters.
        widened: Factor on the sigmas for a chi-square that noise does not explain; 1 if it does.
        condition: Of the weighted Jacobian with columns of length 1.
        steps: Recipes tried.
    """

    parameters: tuple[Parameter, ...]
    values: np.ndarray
    sigmas: np.ndarray
    correlations: np.ndarray
    recipe: Recipe
    prediction: Prediction
    used: np.ndarray
    chi_square: float
    freedom: int
    widened: float
    condition: float
    steps: int


class _Converged(Exception):  # noqa: N818 - no error
    """The least squares are found; holds the parameters."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__()
        self.values = values


class _Problem:
    """Weighted residuals of some measurements and of priors, and their Jacobian."""

    def __init__(self, model: Model, recipe: Recipe, parameters: Sequence[Parameter], report: Report) -> None:
        self.model, self.recipe, self.parameters, self.report = model, recipe, tuple(parameters), report
        self.keys = tuple(parameter.key for parameter in parameters)
        self.measured = np.array([own.value_nm for own in model.measurements])
        self.sigmas_nm = np.array([own.sigma_nm for own in model.measurements])
        self.steps, self.failed, self.best, self.best_values = 0, 0, np.inf, np.zeros(0)
        self._last: tuple[bytes, Recipe, Prediction] | None = None

    def at(self, values: np.ndarray) -> tuple[Recipe, Prediction]:
        """The recipe at values, and its prediction; that of the last values is kept."""
        key = values.tobytes()
        if self._last is None or self._last[0] != key:
            recipe = with_values(self.recipe, dict(zip(self.keys, values.tolist(), strict=True)))
            self._last = (key, recipe, self.model.predict(recipe))
            self.steps += 1
        return self._last[1:]

    def residuals(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Residuals of the used measurements and of priors, over their sigmas; NaN at values that make no recipe."""
        try:
            prediction = self.at(values)[1]
        except LithoError:
            return np.full(int(used.sum()) + len(self._priors(values)), np.nan)
        off = ((prediction.values_nm - self.measured) / self.sigmas_nm)[used]
        found = np.concatenate((off, self._priors(values)))
        cost = float(found @ found)
        if cost < self.best:
            self.best, self.best_values, self.failed = cost, values.copy(), 0
            told = dict(zip(self.keys, values.tolist(), strict=True))
            self.report(self.steps, float(np.sqrt(np.mean(off**2))), told)
        else:
            self.failed += 1
        return found

    def patient(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """`residuals`, until too many steps in a row were no better.

        Raises:
            _Converged: They were.
        """
        found = self.residuals(values, used)
        if self.failed >= MOST_FAILED:
            raise _Converged(self.best_values)
        return found

    def jacobian(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """The derivatives of `residuals`, (M + priors, P)."""
        recipe, prediction = self.at(values)
        slopes = (self.model.derivatives(recipe, self.keys, prediction) / self.sigmas_nm[:, None])[used]
        rows = [
            np.eye(len(self.parameters))[index] / own.prior.sigma
            for index, own in enumerate(self.parameters)
            if own.prior is not None
        ]
        return np.concatenate((slopes, *(row[None] for row in rows)))

    def watched(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """`jacobian`, unless a Gauss-Newton step from here is short and within bounds.

        Raises:
            _Converged: It is; after it, the error is of second order in its length.
        """
        jacobian, residuals = self.jacobian(values, used), self.residuals(values, used)
        step = -np.linalg.lstsq(jacobian, residuals, rcond=None)[0]
        ends = zip(values + step, self.parameters, strict=True)
        if np.linalg.norm(jacobian @ step) < LAST_STEP and all(own.low < value < own.high for value, own in ends):
            raise _Converged(values + step)
        return jacobian

    def _priors(self, values: np.ndarray) -> np.ndarray:
        pairs = zip(values, self.parameters, strict=True)
        return np.array([(value - own.prior.mean) / own.prior.sigma for value, own in pairs if own.prior is not None])


def fit(
    model: Model,
    recipe: Recipe,
    parameters: Sequence[Parameter],
    fitted: np.ndarray,
    *,
    outliers: bool = True,
    report: Report = lambda steps, rms, values: None,
) -> Fit:
    """Fits parameters to measurements.

    Features that do not print at the start, or are about to vanish there, take no part until they do. Measurements
    that a robust fit leaves `OUTLIER` sigmas off are left out of the final one.

    Args:
        model: The measurements.
        recipe: The recipe at the start.
        parameters: What is fitted.
        fitted: (M,) bool: the measurements that take part; the others are held out.
        outliers: Whether to leave outliers out.
        report: Called at each better recipe with the number of recipes tried, the r.m.s. residual in sigmas, and the
            parameters.

    Raises:
        LithoError: The data can't tell the parameters, or too few features print.

    Source: J. J. More, The Levenberg-Marquardt algorithm (1978); bounds as in M. A. Branch, T. F. Coleman, Y. Li,
        SIAM J. Sci. Comput. 21, 1 (1999), by scipy.optimize.least_squares.
    """
    problem = _Problem(model, recipe, parameters, report)
    values = np.array([own.start for own in problem.parameters])
    used = fitted & model.prints(recipe, FIRST_LATITUDE)
    if not used.any():
        raise LithoError("Expected features that print at the start, got none; start from a nearer threshold or dose.")
    units = np.array([UNITS * difference_step(recipe, key) for key in problem.keys])
    require_identifiable(problem.keys, problem.jacobian(values, used), values, units)
    left_out = np.zeros_like(used)
    for _ in range(MOST_ROUNDS):
        values = _solved(problem, values, used, "linear")
        if outliers and (_off(problem, values)[used] > OUTLIER).any():
            robust = _solved(problem, values, used, "soft_l1")
            far = used & (_off(problem, robust) > OUTLIER)
            if far.sum() <= MOST_OUTLIERS * used.sum():  # more are a recipe's fault
                values, left_out = robust, left_out | far
        again = fitted & ~left_out & model.prints(problem.at(values)[0], LATITUDE)
        if (again == used).all():
            break
        used = again
    else:
        values = _solved(problem, values, used, "linear")
    return _finished(problem, values, used)


def _off(problem: _Problem, values: np.ndarray) -> np.ndarray:
    """Absolute residuals of all measurements in sigmas."""
    return np.abs((problem.at(values)[1].values_nm - problem.measured) / problem.sigmas_nm)


def _solved(problem: _Problem, values: np.ndarray, used: np.ndarray, loss: str) -> np.ndarray:
    """The parameters of least cost."""
    problem.best = np.inf
    from scipy.optimize import least_squares

    try:
        result = least_squares(
            problem.patient if loss == "linear" else problem.residuals,
            values,
            problem.watched if loss == "linear" else problem.jacobian,
            bounds=tuple(np.transpose([_near_bounds(own) for own in problem.parameters])),
            method="trf",
            x_scale="jac",
            loss=loss,
            ftol=TOLERANCE if loss == "linear" else ROBUST_TOLERANCE,
            xtol=TOLERANCE,
            gtol=TOLERANCE,
            max_nfev=MOST_STEPS,
            args=(used,),
        )
    except _Converged as found:
        return found.values
    return np.asarray(result.x)


def _near_bounds(parameter: Parameter) -> tuple[float, float]:
    """The bounds of a parameter; infinite where they are so far that they would only mislead the steps' scale."""
    low, high = parameter.low, parameter.high
    return (low if low > -FAR else -np.inf), (high if high < FAR else np.inf)


def _finished(problem: _Problem, values: np.ndarray, used: np.ndarray) -> Fit:
    """The fit at its final values, with the covariance inv(J^T J)."""
    from scipy.stats import chi2

    recipe, prediction = problem.at(values)
    jacobian = problem.jacobian(values, used)
    at_bound = np.array([_is_at_bound(own, value) for own, value in zip(problem.parameters, values, strict=True)])
    units = np.array([UNITS * difference_step(recipe, key) for key in problem.keys])
    require_identifiable(problem.keys, jacobian, values, units)
    residuals = problem.residuals(values, used)
    free = jacobian[:, ~at_bound]
    sigmas, own = np.full(len(values), np.nan), np.full((len(values),) * 2, np.nan)
    if free.shape[1]:
        lengths = np.linalg.norm(free, axis=0)
        inverse = np.linalg.inv((free / lengths).T @ (free / lengths))
        sigmas[~at_bound] = np.sqrt(np.diag(inverse)) / lengths
        own[np.ix_(~at_bound, ~at_bound)] = correlations(free)
    freedom, square = len(residuals) - free.shape[1], float(residuals @ residuals)
    unlikely = freedom > 0 and chi2.sf(square, freedom) < SURPRISING
    widened = float(np.sqrt(square / freedom)) if unlikely else 1.0
    singular = np.linalg.svd(jacobian / np.linalg.norm(jacobian, axis=0), compute_uv=False)
    condition = float(singular[0] / singular[-1])
    return Fit(
        problem.parameters,
        values,
        sigmas * widened,
        own,
        recipe,
        prediction,
        used,
        square,
        freedom,
        widened,
        condition,
        problem.steps,
    )


def _is_at_bound(parameter: Parameter, value: float) -> bool:
    ends = [end for end in (parameter.low, parameter.high) if np.isfinite(end)]
    return any(abs(value - end) <= AT_BOUND * max(abs(end), 1e-3) for end in ends)
