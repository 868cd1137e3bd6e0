"""Exposure in depth: bleaching against its closed form, and its absence."""

import numpy as np
import torch
from scenes.chemistry import resist

from litho_dl.process.dill import exposed

STEP_NM = 4.0
DEPTHS = (torch.arange(100, dtype=torch.float64) + 0.5) * STEP_NM
A = 2.0  # per um


def bleached(steps: int) -> np.ndarray:
    own = resist(dill_a_per_um=A, dose_mj_cm2=40.0)
    return exposed(torch.exp(-A * DEPTHS / 1000), STEP_NM, own, steps=steps).numpy()


def exact() -> np.ndarray:
    """Frantz and Nodvik: for B = 0, M = 1 / (1 + exp(-A z) (exp(C E) - 1))."""
    own = resist(dill_a_per_um=A, dose_mj_cm2=40.0)
    gain = np.expm1(own.dill_c_cm2_mj * own.dose_mj_cm2)
    return 1 - 1 / (1 + np.exp(-A * DEPTHS.numpy() / 1000) * gain)


def test_bleaching_without_other_absorption_has_a_closed_form():
    np.testing.assert_allclose(bleached(256), exact(), atol=3e-6)


def test_the_error_falls_as_the_square_of_the_steps():
    converged = bleached(1024)
    errors = [np.abs(bleached(steps) - converged).max() for steps in (16, 32)]
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_without_bleaching_depths_are_apart():
    own, image = resist(), torch.rand(5, 3, dtype=torch.float64)
    torch.testing.assert_close(exposed(image, STEP_NM, own, dose=1.2), own.acid(1.2 * image))
