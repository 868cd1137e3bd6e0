"""CDs of profiles, and process windows of known images."""

import numpy as np
import pytest

from litho_dl.core.errors import LithoError
from litho_dl.metrics.process_window import (
    FOCUS_INTERVALS,
    GaugeProfile,
    ProcessWindow,
    common_window,
    dose_window,
    latitude,
    mask_error_factor,
)

PITCH_NM, MEAN, CONTRAST = 140.0, 0.4, 0.6


def sinusoid(*, bright: bool = True, focus_contrast: tuple[float, ...] = (1.0,), **changes: object) -> GaugeProfile:
    """I = mean (1 +- contrast cos(2 pi x / pitch)): a grating of equal lines and spaces, sized at dose 1."""
    x = 0.5 * np.arange(-140, 141)
    wave = np.cos(2 * np.pi * x / PITCH_NM) * (1 if bright else -1)
    intensity = MEAN * (1 + CONTRAST * np.array(focus_contrast)[:, None] * wave)
    settings = {"positions_nm": x, "target_nm": PITCH_NM / 2, "bright": bright, "threshold": MEAN}
    return GaugeProfile(intensity, **(settings | changes))  # type: ignore[arg-type]


def dose_to_cd(cd_nm: float, contrast: float = CONTRAST) -> float:
    """The dose at which a bright sinusoid prints a line of that width, in closed form."""
    return 1 / (1 + contrast * np.cos(np.pi * cd_nm / PITCH_NM))


class TestProfile:
    @pytest.mark.parametrize("cd_nm", [40.0, 63.3, 70.0, 91.7])
    def test_cd_of_a_sinusoid(self, cd_nm):
        dose = dose_to_cd(cd_nm)
        line, space = sinusoid(), sinusoid(bright=False)
        assert line.cd_nm(np.array([dose])) == pytest.approx(cd_nm, abs=2e-3)
        assert space.cd_nm(np.array([dose])) == pytest.approx(PITCH_NM - cd_nm, abs=2e-3)

    def test_nils_of_a_sinusoid(self):
        contrasts = (1.0, 0.5)
        expected = [np.pi * CONTRAST * c for c in contrasts]  # w dI/dx / I at the quarter pitch, with w = pitch / 2
        assert sinusoid(focus_contrast=contrasts).nils() == pytest.approx(expected, rel=2e-4)

    def test_lost_and_bridged_features(self):
        doses = np.array([0.5, 5.0])  # below the highest intensity's, above the lowest's
        assert sinusoid().cd_nm(doses).tolist() == [[0.0, np.inf]]
        assert sinusoid(bright=False).cd_nm(doses).tolist() == [[np.inf, 0.0]]

    def test_only_what_is_connected_to_the_middle_counts(self):
        x = np.arange(-10.0, 11.0)
        profile = GaugeProfile(
            np.where((np.abs(x) < 3) | (np.abs(x) > 6), 1.0, 0.0)[None], x, target_nm=5, bright=True, threshold=0.5
        )
        assert profile.cd_nm(np.array([1.0])) == pytest.approx(5.0)

    def test_an_asymmetric_image_has_both_its_edges(self):
        x = np.arange(-10.0, 11.0)
        profile = GaugeProfile(1 - np.abs(x - 1.3)[None] / 8, x, target_nm=8, bright=True, threshold=0.5)
        assert profile.cd_nm(np.array([1.0])) == pytest.approx(8.0)
        assert profile.cd_nm(np.array([2.0])) == pytest.approx(12.0)

    def test_refuses_what_is_no_profile(self):
        with pytest.raises(LithoError, match="finite intensity"):
            GaugeProfile(np.full((1, 3), np.nan), np.arange(-1.0, 2.0), 1.0, True, 0.3)
        with pytest.raises(LithoError, match="positions through 0"):
            sinusoid(target_nm=-1.0)


class TestWindow:
    @pytest.mark.parametrize("bright", [True, False])
    @pytest.mark.parametrize("tolerance", [0.1, 0.05])
    def test_latitude_of_a_sinusoid(self, bright, tolerance):
        low, high = (dose_to_cd(PITCH_NM / 2 * (1 + side * tolerance)) for side in (-1, 1))
        window = dose_window(sinusoid(bright=bright), np.array([0.0]), tolerance)
        assert (window.low[0], window.high[0]) == pytest.approx((low, high), rel=1e-4)
        found = latitude(window)
        assert found.max_el_percent == pytest.approx(200 * (high - low) / (high + low), rel=1e-3)
        assert found.max_el_percent == pytest.approx(100 * tolerance * np.pi * CONTRAST, rel=0.02)  # tolerance x NILS
        assert (found.dof_at_least_el_nm, found.dof_limited, found.area_percent_nm) == (None, False, None)

    def test_a_window_that_loses_contrast_with_defocus(self):
        foci = np.linspace(-100, 100, 11)
        contrast = 1 - (foci / 120) ** 2
        window = dose_window(sinusoid(focus_contrast=tuple(contrast)), foci)
        expected = [dose_to_cd(PITCH_NM / 2 * 1.1, CONTRAST * c) for c in contrast]
        assert window.high == pytest.approx(np.array(expected), rel=1e-4)
        found = latitude(window)
        assert found.best_focus_nm == pytest.approx(0, abs=1e-6)
        assert (np.diff(found.el_percent) <= 1e-9).all()
        # The rectangle over [-60, 60] has the height of the window at 60 nm.
        at_60 = 10 * np.pi * CONTRAST * (1 - 0.25)
        assert np.interp(120, found.dof_nm, found.el_percent) == pytest.approx(at_60, rel=0.02)

    def test_rectangles_in_a_slanted_window(self):
        # Both limits rise with focus; a rectangle of width w loses slope x w of the height.
        foci = np.linspace(-50, 50, 5)
        window = ProcessWindow(foci, 0.9 + 0.001 * foci, 1.1 + 0.001 * foci)
        found = latitude(window, least_el_percent=12.0)
        width = 40.0  # wherever it lies: from low(right end) to high(left end); the lowest dose has the highest EL
        low, high = 0.9 + 0.001 * (-50 + width), 1.1 - 0.05
        expected = 200 * (high - low) / (high + low)
        assert np.interp(width, found.dof_nm, found.el_percent) == pytest.approx(expected, rel=1e-6)
        assert not found.dof_limited
        # 200 (0.2 - s w) / (1.9 + s w) = 12 at the left end of the sweep, where doses are lowest.
        dof = (0.2 * 200 - 1.9 * 12) / (0.001 * 212)
        assert found.dof_at_least_el_nm == pytest.approx(dof, abs=0.1)
        assert found.best_focus_nm == pytest.approx(-50 + dof / 2, abs=0.2)
        assert found.best_dose == pytest.approx(0.95 + 0.0005 * dof, abs=1e-3)

    def test_rectangles_in_a_triangle(self):
        foci = np.array([-100.0, 0.0, 100.0])
        found = latitude(ProcessWindow(foci, np.array([1.0, 0.9, 1.0]), np.array([1.0, 1.1, 1.0])))
        assert found.max_el_percent == pytest.approx(20)
        assert np.interp([50, 100, 150], found.dof_nm, found.el_percent) == pytest.approx([15, 10, 5])
        assert (found.dof_at_least_el_nm, found.dof_limited) == (pytest.approx(150), False)
        assert (found.best_focus_nm, found.best_dose) == (pytest.approx(0), pytest.approx(1))
        assert found.area_percent_nm == pytest.approx(200 * 20 / 2, rel=1.001 / FOCUS_INTERVALS)  # its steps

    def test_a_window_wider_than_the_sweep(self):
        found = latitude(ProcessWindow(np.array([-20.0, 20.0]), np.full(2, 0.9), np.full(2, 1.1)))
        assert (found.dof_at_least_el_nm, found.dof_limited) == (40.0, True)
        assert found.area_percent_nm == pytest.approx(40 * 20)

    def test_the_common_window_is_the_overlap(self):
        foci = np.array([-10.0, 10.0])
        first = ProcessWindow(foci, np.array([0.8, 0.9]), np.array([1.0, 1.1]))
        second = ProcessWindow(foci, np.array([0.9, 0.7]), np.array([1.2, 0.8]))
        both = common_window([first, second])
        # In t = 0 ... 1 from end to end: low is max(0.8 + 0.1 t, 0.9 - 0.2 t), high min(1 + 0.1 t, 1.2 - 0.4 t).
        at = -10 + 20 * np.array([0, 0.25, 0.4, 0.8, 1])
        assert np.interp(at, both.foci_nm, both.low) == pytest.approx([0.9, 0.85, 0.84, 0.88, 0.9])
        assert np.interp(at, both.foci_nm, both.high) == pytest.approx([1.0, 1.025, 1.04, 0.88, 0.8])
        found = latitude(both, least_el_percent=0.5)
        # The highest at t = 1/3, where low is lowest; the widest from t = 0 to 0.75, where high meets low(0).
        assert found.max_el_percent == pytest.approx(200 * 0.2 / (1.8 + 2 / 30), rel=1e-3)
        assert found.dof_nm[(found.el_percent > 0).sum()] == pytest.approx(15, abs=0.1)

    def test_no_common_window(self):
        foci = np.array([-10.0, 10.0])
        apart = [ProcessWindow(foci, np.full(2, low), np.full(2, low + 0.1)) for low in (0.8, 1.0)]
        found = latitude(common_window(apart))
        assert (found.max_el_percent, found.dof_at_least_el_nm, found.area_percent_nm) == (0.0, 0.0, 0.0)
        assert (found.best_focus_nm, found.best_dose) == (None, None)

    def test_refuses_bad_tolerances_and_foci(self):
        with pytest.raises(LithoError, match="tolerance between 0 and 100"):
            dose_window(sinusoid(), np.array([0.0]), 1.0)
        with pytest.raises(LithoError, match="2 rising foci"):
            dose_window(sinusoid(focus_contrast=(1.0, 1.0)), np.array([0.0, 0.0]))

    def test_mask_error_factor(self):
        assert mask_error_factor(106, 98, 1.0, grows=True) == 2.0
        assert mask_error_factor(98, 106, 1.0, grows=False) == 2.0
        assert mask_error_factor(98, 0, 1.0, grows=False) is None
        assert mask_error_factor(np.inf, 98, 1.0, grows=True) is None
