"""The developer's front against rates with known times."""

import math
import sys

import numpy as np
import pytest

from litho_dl.core.errors import LithoError
from litho_dl.process.front import front_times


def test_even_rates():
    pytest.importorskip("skfmm")
    times = front_times(np.full((30, 3, 40), 5.0), (3.0, 2.0, 4.0))
    np.testing.assert_allclose(times, np.broadcast_to(((np.arange(30) + 0.5) * 3 / 5)[:, None, None], times.shape))


def test_fast_resist_eats_into_slow_resist_at_snells_angle():
    """From fast columns the front enters slow ones as a head wave: T = z / r_f + x sqrt(1 / r_s^2 - 1 / r_f^2)."""
    pytest.importorskip("skfmm")
    fast, slow, step = 50.0, 5.0, 1.0
    x = (np.arange(400) + 0.5) * step - 200
    rate = np.broadcast_to(np.where(abs(x) < 100, fast, slow), (100, 1, 400)).copy()
    z, beside = (np.arange(100)[:, None] + 0.5) * step, np.maximum(abs(x) - 100, 0)
    sideways = z / fast + beside * math.sqrt(1 / slow**2 - 1 / fast**2)
    exact = np.where(abs(x) < 100, z / fast, np.minimum(z / slow, sideways))
    np.testing.assert_allclose(front_times(rate, (step, 1.0, step))[:, 0], exact, atol=0.05)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfmm", None)
    with pytest.raises(LithoError, match=r"litho-dl\[profile\]"):
        front_times(np.ones((4, 1, 4)), (1.0, 1.0, 1.0))
