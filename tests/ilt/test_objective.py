"""The objective's terms: values on images drawn by hand, and gradients against differences."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.ilt import objective_inputs, rectangle, small_simulator, targets
from torch import Tensor

from litho_dl.ilt.objective import (
    FLATTEST_PER_NM,
    PROBE_NM2,
    RULE_TERMS,
    TERMS,
    ObjectiveInputs,
    background,
    evaluate_terms,
)
from litho_dl.ilt.probes import ProbePairs, epe_probes, probe_pairs
from litho_dl.layout.rules import MaskRules
from litho_dl.process.model import Corner
from litho_dl.process.resist import Resist
from litho_dl.simulation.exposure import Exposure

RULES = MaskRules(min_width_nm=25, min_space_nm=25, min_area_nm2=2500)


class TestValues:
    """In nm^2; images on 2 nm pixels, masks on 5 nm ones."""

    image = rectangle(12, 12, (2, 8), (3, 8))
    faint = image.clone()
    faint[8, 3:8] = 0.4  # prints at the outer corner's dose alone
    shrunk = image.clone()
    shrunk[2, 3:8] = 0.4

    def test_areas(self):
        target = self.image.clone()
        target[0, 0] = 1
        made = objective_inputs(self.faint, target, inner=self.shrunk)
        assert TERMS["l2"](made).tolist() == [4]
        assert TERMS["l2_area"](made).tolist() == [4]
        assert TERMS["pvb"](made).tolist() == [(5 + 5) * 4]
        assert TERMS["pvb_area"](made).tolist() == [(5 + 5) * 4]
        assert TERMS["corner_l2"](made).tolist() == [(5 + 1) * 4 + (5 + 1) * 4]

    def test_wrong_areas_at_a_methods_own_corners(self):
        target = self.image.clone()
        target[0, 0] = 1
        made = objective_inputs(self.faint, target, inner=self.shrunk)
        one = replace(made, corner_weights={"nominal": 1.0})
        assert TERMS["through_window"](one).tolist() == TERMS["l2_area"](made).tolist() == [4]
        both = replace(made, corner_weights={"nominal": 0.5, "inner": 2.0})
        assert TERMS["through_window"](both).tolist() == [0.5 * 4 + 2.0 * (5 + 1) * 4]
        assert TERMS["corner_l2"](both).tolist() == [(5 + 1) * 4]  # of the process's own corners

    def test_soft_prints(self):
        made = objective_inputs(torch.full((4, 4), 0.4), torch.zeros(4, 4), inner=torch.full((4, 4), 0.2), binary=False)
        nominal, outer, inner = torch.sigmoid(torch.tensor([-1.0, 1.0, -3.0])).tolist()
        assert TERMS["l2"](made).item() == pytest.approx(64 * nominal**2, rel=1e-5)
        assert TERMS["l2_area"](made).item() == pytest.approx(64 * nominal, rel=1e-5)
        assert TERMS["pvb"](made).item() == pytest.approx(64 * (outer - inner) ** 2, rel=1e-5)
        assert TERMS["pvb_area"](made).item() == pytest.approx(64 * (outer - inner), rel=1e-5)
        assert TERMS["corner_l2"](made).item() == pytest.approx(64 * (outer**2 + inner**2), rel=1e-5)
        made = replace(made, corner_weights={"outer": 0.3, "inner": 0.7})
        assert TERMS["through_window"](made).item() == pytest.approx(64 * (0.3 * outer + 0.7 * inner), rel=1e-5)

    def test_partly_covered_target(self):
        made = objective_inputs(self.image, 0.5 * self.image)
        assert TERMS["l2"](made).item() == pytest.approx(30 * 0.25 * 4)
        assert TERMS["l2_area"](made).item() == pytest.approx(30 * 0.5 * 4)

    def test_areas_count_missing_and_superfluous_pixels_alike(self):
        made = objective_inputs(self.image.roll(2, 0), self.image)
        assert TERMS["l2_area"](made).tolist() == [2 * 2 * 5 * 4]

    @pytest.mark.parametrize("steepness", [2.0, 10.0, 300.0])
    def test_the_band_of_a_ramp_is_its_area_at_any_steepness(self, steepness):
        """Two prints of ramps a shift of 6 nm apart differ by 6 nm times the length, where their squares do not."""
        x = (torch.arange(400, dtype=torch.float64) + 0.5) * 2.0
        ramp = (0.5 + (400 - x) / 40).expand(3, -1)
        made = objective_inputs(ramp, torch.zeros_like(ramp), inner=ramp + 6 / 40, binary=False)
        resist = made.exposure.resist.model_copy(update={"steepness": steepness})
        corners = {**made.exposure.corners, "outer": made.exposure.corners["nominal"]}
        made = replace(made, exposure=replace(made.exposure, resist=resist, corners=corners))
        assert TERMS["pvb_area"](made).item() == pytest.approx(6 * 3 * 2, rel=1e-3)

    @pytest.mark.parametrize("shift_nm", [0.0, 1.0, -3.0, 7.0])
    def test_the_contour_of_a_shifted_linear_image(self, shift_nm):
        """Edges of a 120 nm line, each printed `shift_nm` too far out, by an image that falls linearly from its middle.

        The edge lies between two pixels, half its length in each, whose centres are 1 nm inside and outside of it:
        there the displacement ln(I / I_th) / (|I'| / I) is, with I / I_th = 1 + (shift -+ 1) s, exactly
        (1 + (shift -+ 1) s) ln(1 + (shift -+ 1) s) / s.
        """
        slope = 0.006  # of I / I_th, per nm
        x = (torch.arange(128, dtype=torch.float64) + 0.5) * 2.0 - 128
        image = 0.5 * (1 + slope * (60 + shift_nm - x.abs())).expand(8, -1)
        target = (x.abs() < 60).double().expand(8, -1)
        relative = [1 + slope * (shift_nm + offset) for offset in (-1.0, 1.0)]
        squares = [(r * np.log(r) / slope) ** 2 for r in relative]
        expected = 2 * 16.0 * np.mean(squares) / 15
        assert TERMS["contour_epe"](objective_inputs(image, target)).item() == pytest.approx(expected, rel=1e-9)
        assert TERMS["contour_epe"](objective_inputs(image.T, target.T)).item() == pytest.approx(expected, rel=1e-9)
        assert expected == pytest.approx(2 * 16 * (shift_nm**2 + 1) / 15, rel=0.12)

    def test_a_flat_image_is_not_infinitely_wrong(self):
        """Its slope counts as the flattest one."""
        image = torch.full((6, 12), 0.55, dtype=torch.float64)
        target = rectangle(6, 12, (0, 6), (3, 9))
        expected = 2 * 12.0 * (np.log(1.1) / FLATTEST_PER_NM) ** 2 / 15
        assert TERMS["contour_epe"](objective_inputs(image, target)).item() == pytest.approx(expected)
        assert TERMS["contour_epe"](objective_inputs(0 * image, target)).isfinite().all()

    def test_epe_probes_alone(self):
        probes = torch.zeros(1, 12, 12, dtype=torch.float64)
        probes[0, 0, 0], probes[0, 5, 5], probes[0, 1, 5] = 1, 2, 1
        made = replace(objective_inputs(self.image, self.image), probes=probes)
        assert TERMS["epe"](made).tolist() == [0]
        made = replace(objective_inputs(torch.zeros_like(self.image), self.image), probes=probes)
        assert TERMS["epe"](made).tolist() == [2 * PROBE_NM2]
        assert PROBE_NM2 == 40 * 15

    def test_stray_light(self):
        """Outer dose 1.5, threshold 0.5: an intensity of 0.4 is 1.2 times the threshold, 0.3 over the limit."""
        light = torch.tensor([[0.4, 0.4], [0.29, 0.1]])
        made = replace(objective_inputs(light, torch.zeros(2, 2)), background=torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]))
        assert TERMS["stray"](made).item() == pytest.approx(0.3**2 * 4)

    def test_mask_shape(self):
        """Perimeter; and for the Laplacian 1 + 1 beside each edge, 4 at a convex corner's pixel, 20 for a speck."""
        made = objective_inputs(self.image, self.image, mask=self.image)
        assert TERMS["total_variation"](made).tolist() == [2 * (5 + 6) * 25]
        assert TERMS["curvature"](made).tolist() == [(2 * (5 + 6) + 2 * (3 + 4) + 4 * 4) * 25]
        made = objective_inputs(self.image, self.image, mask=rectangle(12, 12, (5, 6), (5, 6)))
        assert TERMS["total_variation"](made).tolist() == [4 * 25]
        assert TERMS["curvature"](made).tolist() == [20 * 25]

    def test_weights(self):
        made = objective_inputs(self.faint, torch.zeros_like(self.image), inner=self.shrunk)
        total, values = evaluate_terms(made, {"l2": 2.0, "pvb": 0.5})
        assert list(values) == ["l2", "pvb"]
        assert total.tolist() == [2 * 30 * 4 + 0.5 * 10 * 4]


class TestPlacement:
    """Edges along y of I = I_th + A sin(k (x_e - x)), which prints where x < x_e, each a known way from its site."""

    threshold, swing, wave = 0.3, 0.25, 2 * np.pi / 512

    def made(self, *shifts_nm: float, binary: bool, swing: float = swing, field: str = "dark") -> ObjectiveInputs:
        """One mask for each shift, all with a site half-way between 97 and 103 nm, and a second one that is padding."""
        spectra = torch.zeros(len(shifts_nm), 3, 2, dtype=torch.complex128)
        spectra[:, 1, 0] = self.threshold
        for n, shift in enumerate(shifts_nm):
            spectra[n, 1, 1] = (1 if field == "dark" else -1) * swing / 2 * 1j * np.exp(-1j * self.wave * (100 + shift))
        resist, size = Resist(threshold=self.threshold, steepness=50.0), (512.0, 512.0)
        exposure = Exposure({"focus": torch.zeros(1)}, {"focus": spectra}, {"nominal": Corner(1.0, "focus")}, resist,
                            size, 4.0, field)  # fmt: skip
        points = torch.tensor([[[[97.0, 40.0], [0.0, 0.0]]], [[[103.0, 40.0], [0.0, 0.0]]]]).double()
        counted = torch.tensor([[1.0, 0.0]]).double().expand(len(shifts_nm), -1)
        pairs = ProbePairs(*points.expand(2, len(shifts_nm), -1, -1), counted)
        unused = torch.zeros(len(shifts_nm), 1, 1, dtype=torch.float64)
        return ObjectiveInputs(unused, exposure, unused, unused, unused, 4.0, 4.0, None, binary, None, pairs)

    @pytest.mark.parametrize("field", ["dark", "clear"])
    def test_prints_are_counted_from_3_nm_on(self, field):
        """A probe inside that does not print, or one outside that does: 40 nm of edge, 3 nm wide."""
        shifts = (-20.0, -3.01, -2.99, 0.0, 2.99, 3.01, 20.0)
        found = TERMS["placement"](self.made(*shifts, binary=True, field=field))
        assert found.tolist() == [120, 120, 0, 0, 0, 120, 120]

    @pytest.mark.parametrize("field", ["dark", "clear"])
    def test_soft_prints_by_the_displacement(self, field):
        """Probes 3 nm to either side: their mean over their slope is 3 tan(k d) / tan(3 k), which is nearly d."""
        shifts = np.array([-30.0, -6.0, -2.5, 0.0, 1.0, 2.5, 3.0, 12.0])
        distance = np.abs(3 * np.tan(self.wave * shifts) / np.tan(3 * self.wave))
        assert distance == pytest.approx(np.abs(shifts), rel=0.06)
        expected = 120 * (1 / (1 + np.exp(-(distance - 2.5) / 0.6)) + 0.02 * np.minimum(distance, 20))
        found = TERMS["placement"](self.made(*shifts, binary=False, field=field))
        assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-9)

    def test_a_flat_image_has_the_flattest_slope(self):
        swing = 0.01  # 0.00012 / nm, where 0.002 * 0.3 / nm is the least
        distance = swing * np.sin(self.wave * 8.0) * np.cos(3 * self.wave) / (FLATTEST_PER_NM * self.threshold)
        expected = 120 * (1 / (1 + np.exp(-(distance - 2.5) / 0.6)) + 0.02 * distance)
        assert TERMS["placement"](self.made(8.0, binary=False, swing=swing)).item() == pytest.approx(expected, rel=1e-9)

    def test_each_site_counts(self):
        """Two sites of one mask."""
        made = self.made(4.0, binary=True)
        both = replace(made.pairs, inner_nm=made.pairs.inner_nm[:, [0, 0]], outer_nm=made.pairs.outer_nm[:, [0, 0]],
                       counted=torch.ones(1, 2))  # fmt: skip
        assert TERMS["placement"](replace(made, pairs=both)).tolist() == [240]


class TestRuleTerms:
    """Strips and dots just below the limits of 25 nm, 5 pixels, and at them."""

    blank = torch.zeros(24, 24, dtype=torch.float64)

    def value(self, name: str, mask: Tensor, **changes: float) -> float:
        rules = replace(RULES, **changes)
        return TERMS[name](objective_inputs(mask, self.blank, mask=mask, rules=rules)).item()

    @pytest.mark.parametrize("turned", [False, True])
    def test_width(self, turned):
        """All around the field, so without ends."""
        for pixels, expected in ((3, 3 * 24 * 25), (4, 4 * 24 * 25), (5, 0), (6, 0)):
            strip = rectangle(24, 24, (0, 24), (8, 8 + pixels))
            assert self.value("width", strip.T if turned else strip) == expected
            assert self.value("width", 0.6 * strip) == pytest.approx(0.6 * expected)
            assert self.value("space", strip) == 0

    @pytest.mark.parametrize("turned", [False, True])
    def test_space(self, turned):
        for pixels, expected in ((3, 3 * 24 * 25), (4, 4 * 24 * 25), (5, 0), (6, 0)):
            gap = 1 - rectangle(24, 24, (0, 24), (8, 8 + pixels))
            assert self.value("space", gap.T if turned else gap) == expected
            assert self.value("width", gap) == 0

    def test_strips_across_the_border(self):
        for pixels, expected in ((4, 4 * 24 * 25), (5, 0)):
            strip = rectangle(24, 24, (0, 24), (0, pixels)).roll(-2, 1)
            assert self.value("width", strip) == expected
            assert self.value("space", 1 - strip) == expected

    def test_grey_gaps_cost_what_they_lack(self):
        """A gap of 0.3 between full sides of 1 lacks 0.7."""
        gap = 1 - 0.7 * rectangle(24, 24, (0, 24), (8, 11))
        assert self.value("space", gap) == pytest.approx(0.7 * 3 * 24 * 25)

    def test_area(self):
        """A (1 - A / A_min) below 2500 nm^2, nothing from there on; a part's grey pixels count as they are."""
        for pixels, expected in ((4, 400 * (1 - 400 / 2500)), (9, 2025 * (1 - 2025 / 2500)), (10, 0.0), (11, 0.0)):
            side = {4: (4, 4), 9: (9, 9), 10: (10, 10), 11: (11, 11)}[pixels]
            dot = rectangle(24, 24, (3, 3 + side[0]), (5, 5 + side[1]))
            assert self.value("area", dot) == pytest.approx(expected)
        dots = rectangle(24, 24, (2, 4), (2, 4)) + 0.8 * rectangle(24, 24, (10, 12), (10, 13))
        small, grey = 4 * 25, 0.8 * 6 * 25
        expected = small * (1 - small / 2500) + grey * (1 - grey / 2500)
        assert self.value("area", dots) == pytest.approx(expected)
        assert self.value("area", 0.4 * dots) == 0
        assert self.value("area", self.blank) == 0

    def test_area_pushes_to_the_nearer_end(self):
        """Below half the limit a pixel more costs; above it, it pays."""
        for rows, sign in ((3, 1.0), (9, -1.0)):
            dot = rectangle(24, 24, (3, 3 + rows), (3, 10)).requires_grad_()
            TERMS["area"](objective_inputs(self.blank, self.blank, mask=dot, rules=RULES)).sum().backward()
            assert dot.grad is not None
            assert (dot.grad[3 : 3 + rows, 3:10].sign() == sign).all()
            assert dot.grad[20:].abs().sum() == 0

    def test_each_clip_has_its_own_value(self):
        masks = torch.stack([rectangle(24, 24, (0, 24), (8, 11)), self.blank, rectangle(24, 24, (3, 7), (3, 7))])
        made = replace(objective_inputs(self.blank, self.blank, rules=RULES), mask=masks)
        for name in RULE_TERMS:
            alone = [self.value(name, mask) for mask in masks]
            assert TERMS[name](made).tolist() == pytest.approx(alone)


def contour_epe_at_fixed_slope(made: ObjectiveInputs, at: ObjectiveInputs) -> Tensor:
    """The term written out, with the slope, and so what its clamp does, at other inputs."""

    def gradient(image: Tensor) -> Tensor:
        steps = [image.roll(-1, axis) - image.roll(1, axis) for axis in (-2, -1)]
        return (steps[0].square() + steps[1].square()).sqrt() / 2

    frozen = at.exposure.aerial().detach()
    slope = (gradient(frozen) / made.pixel_nm / frozen).clamp(min=FLATTEST_PER_NM)
    displacement = (made.exposure.aerial() / made.exposure.resist.threshold).log() / slope
    return (gradient(made.target) * made.pixel_nm * displacement**2).sum((-2, -1)) / 15


def placement_at_fixed_slope(made: ObjectiveInputs, at: ObjectiveInputs) -> Tensor:
    """The term written out, with the slope between probes at other inputs."""

    def probed(inputs: ObjectiveInputs) -> tuple[Tensor, Tensor]:
        exposure, pairs = inputs.exposure, inputs.pairs
        return tuple(exposure.aerial_at(p) - exposure.resist.threshold for p in (pairs.inner_nm, pairs.outer_nm))

    frozen_inner, frozen_outer = (part.detach() for part in probed(at))
    slope = ((frozen_inner - frozen_outer) / 6).clamp(min=FLATTEST_PER_NM * at.exposure.resist.threshold)
    distance = (sum(probed(made)) / 2 / slope).abs()
    off = torch.sigmoid((distance - 2.5) / 0.6) + 0.02 * distance.clamp(max=20)
    return 120 * (made.pairs.counted * off).sum(1)


class TestGradients:
    """Through mask, optics and resist, against differences, in float64.

    The mask is random, so that no two pixels tie where a term takes a maximum or a modulus, and its parts keep their
    pixels under the differences' steps; where two values are near each other the check would fail, not pass.
    """

    pixel_nm = 64.0
    simulator = small_simulator().with_corners({"window-1": (1.1, 0.0), "window-2": (0.9, 60.0)})
    mask = torch.rand(2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def made(self, mask: Tensor) -> ObjectiveInputs:
        target = targets(self.pixel_nm)
        probes = epe_probes(targets(16.0), 16.0).reshape(2, 8, 4, 8, 4).sum((2, 4))
        rules = MaskRules(min_width_nm=190, min_space_nm=190, min_area_nm2=40000)
        exposure = self.simulator(mask, self.pixel_nm)
        clear, own_nm = torch.ones_like(target), self.pixel_nm
        pairs = probe_pairs(targets(1.0), 1.0)
        made = ObjectiveInputs(target, exposure, mask, probes, clear, own_nm, own_nm, rules, binary=False, pairs=pairs)
        return replace(made, corner_weights={"window-1": 0.7, "window-2": 0.4})

    def check(self, term: Callable[[Tensor], Tensor]) -> None:
        assert torch.autograd.gradcheck(term, self.mask.clone().requires_grad_(), rtol=1e-5, atol=1e-8)

    @pytest.mark.parametrize("name", sorted(TERMS.keys() - {"contour_epe", "placement"}))
    def test_every_term(self, name):
        self.check(lambda mask: TERMS[name](self.made(mask)) / 4096)
        assert (TERMS[name](self.made(self.mask)) > 0).all()

    @pytest.mark.parametrize(
        ("name", "at_fixed_slope"),
        [("contour_epe", contour_epe_at_fixed_slope), ("placement", placement_at_fixed_slope)],
    )
    def test_terms_at_fixed_slope(self, name, at_fixed_slope):
        """The value is the term's; its gradient is that of the term whose slope stays where it is."""
        frozen = self.made(self.mask)
        mask = self.mask.clone().requires_grad_()
        term, written_out = TERMS[name](self.made(mask)), at_fixed_slope(self.made(mask), frozen)
        torch.testing.assert_close(term, written_out)
        (found,), (expected,) = (torch.autograd.grad(value.sum(), mask) for value in (term, written_out))
        torch.testing.assert_close(found, expected)
        assert (found != 0).all()
        self.check(lambda mask: at_fixed_slope(self.made(mask), frozen) / 4096)


def test_background_keeps_clear_of_targets_across_the_border():
    target = torch.zeros(1, 40, 40)
    target[0, 0, 20] = 1
    clear = background(target, 8.0)[0] == 0
    assert clear.nonzero().amin(0).tolist() == [0, 15]
    assert clear.sum() == 11 * 11
    assert clear[-5:, 15:26].all()
