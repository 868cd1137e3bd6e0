"""Dill's exposure of a resist film in depth, with bleaching.

The share M of what light can still decompose falls as dM/dE = -C I M with the dose E, and the absorption is A M + B. At
first the image I_0 is that of A + B; each depth gets more light as what lies above it bleaches,

    I(z) = I_0(z) exp(A int_0^z (1 - M) dz'),

which leaves aside that the waves' paths are slanted and that reflections from below travel twice. Where nothing
bleaches (A = 0), the released share is 1 - exp(-C E I_0).

Source: F. H. Dill, W. P. Hornberger, P. S. Hauge, J. M. Shaw, IEEE Trans. Electron Devices 22, 445 (1975).
"""

import torch
from torch import Tensor

from litho_dl.process.chemistry import ChemicalResist

STEPS = 64  # of the dose; the error falls with their square


def exposed(
    intensity: Tensor, step_nm: float, resist: ChemicalResist, *, dose: float = 1.0, steps: int = STEPS
) -> Tensor:
    """The released share of acid, 1 - M.

    Args:
        intensity: Image at depths (i + 1/2) `step_nm` below the resist's top, (Z, ...), at dose 1 and unbleached.
        step_nm: Distance of the depths.
        resist: The resist.
        dose: Factor on the resist's `dose_mj_cm2`.
        steps: Steps of the dose, if the resist bleaches.

    Returns:
        Of the same shape, in [0, 1).
    """
    if not resist.dill_a_per_um:
        return resist.acid(dose * intensity)
    rate = resist.dill_c_cm2_mj * resist.dose_mj_cm2 * dose / steps
    left = torch.ones_like(intensity)
    for _ in range(steps):
        middle = left * torch.exp(-rate / 2 * _bleached(intensity, left, step_nm, resist))
        left = left * torch.exp(-rate * _bleached(intensity, middle, step_nm, resist))
    return 1 - left


def _bleached(intensity: Tensor, left: Tensor, step_nm: float, resist: ChemicalResist) -> Tensor:
    """The image in a resist of which shares M are left."""
    gone = (1 - left) * (resist.dill_a_per_um * step_nm / 1000)
    return intensity * torch.exp(gone.cumsum(0) - gone / 2)
