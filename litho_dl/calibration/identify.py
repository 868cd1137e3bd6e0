"""Whether measurements can tell parameters apart; if not, which ones, and what would help, in words."""

import numpy as np

from litho_dl.calibration.keys import DOSE, FOCUS, THRESHOLD
from litho_dl.core.errors import LithoError

LARGEST_CONDITION = 100.0  # of the weighted Jacobian with columns of length 1: errors grow 70-fold by fitting together
FAINT = 1e-3  # sigmas of the measurements, all together
SHARE = 0.1  # of the largest part of the worst combination: a parameter that belongs to it

REMEDIES = {
    DOSE: "gauges at several doses of the tool",
    THRESHOLD: "gauges of several pitches, and lines and spaces of each",
    FOCUS: "gauges at three or more foci, on both sides of best focus",
    "resist.diffusion_nm": "dense and isolated gauges down to the finest pitch, and line ends",
    "mask.bias_nm": "lines and spaces of one pitch, and several pitches at several doses",
    "mask.blur_nm": "line ends and corners, beside long lines",
    "mask.transmission": "dense and isolated gauges at several doses",
    "pupil.na": "gauges through pitch down to the finest",
    "pupil.flare": "gauges in open and in dense surroundings",
    "pupil.focus_blur_nm": "gauges at three or more foci, at dense and isolated pitches",
    "pupil.zernike_waves": "gauges through focus in several directions and pitches",
    "source.": "gauges through pitch, in the directions of the source's poles",
}
PAIRS = {
    frozenset(
        (DOSE, THRESHOLD)
    ): "a threshold resist knows the dose over the threshold alone: no CD tells the two apart",
    frozenset(("resist.diffusion_nm", "mask.blur_nm")): "both round corners and blur lines",
}


def remedy(key: str) -> str:
    """The data that determine a parameter."""
    return next((text for start, text in REMEDIES.items() if key.startswith(start)), "other patterns, doses or foci")


def correlations(jacobian: np.ndarray) -> np.ndarray:
    """The correlations (P, P) of estimates, from their weighted Jacobian (M, P)."""
    lengths = np.linalg.norm(jacobian, axis=0)
    inverse = np.linalg.pinv((jacobian / lengths).T @ (jacobian / lengths), hermitian=True)
    spread = np.sqrt(np.diag(inverse))
    return inverse / np.outer(spread, spread)


def require_identifiable(keys: tuple[str, ...], jacobian: np.ndarray, values: np.ndarray, units: np.ndarray) -> None:
    """Checks that the measurements determine every parameter.

    Args:
        keys: The parameters.
        jacobian: (M, P) derivatives of predictions, and of priors, over their sigmas.
        values: (P,) of the parameters.
        units: (P,) what they may well change by.

    Raises:
        LithoError: No measurement depends on a parameter, or some are alike to all measurements.
    """
    lengths = np.linalg.norm(jacobian, axis=0)
    blind = np.flatnonzero(lengths * units < FAINT)
    if len(blind):
        key = keys[blind[0]]
        at_zero = "" if values[blind[0]] else "; at 0 its effect may begin with its square: start elsewhere (--start)"
        raise LithoError(
            f"The data can't tell {key}: no measurement depends on it{at_zero}. Leave it out of --fit, or add "
            f"{remedy(key)}."
        )
    if len(jacobian) < len(keys):
        raise LithoError(
            f"The data can't tell {len(keys)} parameters: expected at least as many measurements, got "
            f"{len(jacobian)}; add gauges, or fit fewer keys."
        )
    _, singular, turn = np.linalg.svd(jacobian / lengths, full_matrices=False)
    condition = singular[0] / max(singular[-1], 1e-300)
    if condition <= LARGEST_CONDITION:
        return
    worst = np.abs(turn[-1])
    order = np.argsort(-worst)
    first, second = sorted(order[:2])
    columns = jacobian / lengths
    alike = float(columns[:, first] @ columns[:, second])
    more = [keys[index] for index in order[2:] if worst[index] > SHARE * worst[order[0]]]
    reason = PAIRS.get(frozenset((keys[first], keys[second])), "")
    others = f" (together with {', '.join(more)})" if more else ""
    raise LithoError(
        f"The data can't tell {keys[first]} and {keys[second]} apart{others}: their effects on the measurements are "
        f"{100 * abs(alike):.4g} % alike{f', as {reason}' if reason else ''}; condition number {condition:.3g}, "
        f"at most {LARGEST_CONDITION:g} is fitted. Fix one of them, give one a prior (--prior), or add "
        f"{remedy(keys[first])}, or {remedy(keys[second])}."
    )
