"""Development: the front at which resist dissolves, as an eikonal equation.

The time T at which the developer reaches a point fulfils |grad T| = 1 / r, with T = 0 at the resist's top: fast
marching finds it for any rates r.

Source: J. A. Sethian, Proc. Natl. Acad. Sci. 93, 1591 (1996), by the package scikit-fmm.
"""

import numpy as np

from litho_dl.core.errors import LithoError


def front_times(rate_nm_s: np.ndarray, steps_nm: tuple[float, float, float]) -> np.ndarray:
    """When the developer reaches each point.

    Args:
        rate_nm_s: Rates (Z, H, W), > 0, at depths (i + 1/2) times the step; periodic in H and W.
        steps_nm: Distance of samples along depth, y and x.

    Returns:
        Times in s, (Z, H, W).

    Raises:
        LithoError: The package scikit-fmm is not installed.
    """
    try:
        import skfmm
    except ImportError:
        raise LithoError(
            "Expected the package scikit-fmm, which follows the developer into the resist, got none; install it with "
            'pip install "litho-dl[profile]".'
        ) from None
    # One more layer above the top, which lies half a step above the first samples.
    speed = np.concatenate([rate_nm_s[:1], rate_nm_s])
    start = (np.arange(len(speed)) - 0.5) * steps_nm[0]
    distance = np.broadcast_to(start[:, None, None], speed.shape)
    flat = [axis for axis, count in enumerate(speed.shape) if count > 1]  # the package wants no axis of one sample
    times = skfmm.travel_time(
        distance.squeeze(),
        speed.squeeze(),
        dx=[steps_nm[axis] for axis in flat],
        periodic=[axis > 0 for axis in flat],
    )
    return np.asarray(times).reshape(speed.shape)[1:]
