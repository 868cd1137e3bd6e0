"""Latent images in the simulator: doses, corners, gradients, and everything that compares them with a threshold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.chemistry import FIELD_NM, linear_resist, process
from scenes.ilt import SIMPLE
from scenes.shapes import box

from litho_dl.core.dft import synthesise
from litho_dl.core.grid import Grid
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.optics.imaging import low_frequencies
from litho_dl.process.bake import Lattice, bake
from litho_dl.process.model import Corner
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.focus_exposure import choose_gauges, expose_through_focus
from litho_dl.simulation.latent import samples_of
from litho_dl.simulation.simulator import Simulator
from litho_dl.simulation.source_simulator import SourceSimulator

PIXEL_NM = 4.0
SHAPE = tuple(int(side / PIXEL_NM) for side in FIELD_NM)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(process(), dtype=torch.float64)


def mask() -> torch.Tensor:
    drawn = torch.zeros(SHAPE, dtype=torch.float64)
    drawn[15:65, 20:36] = 1
    drawn[30:48, 55:90] = 1
    return drawn


def reference(simulator: Simulator, name: str, samples: int = 4, steps: int = 64) -> torch.Tensor:
    """The latent image of a corner, of a finer bake, at the pixels of the mask."""
    own, corner = simulator.process.resist, simulator.process.corners[name]
    intensity = simulator.intensity_spectrum(simulator.spectrum(mask(), PIXEL_NM), corner.kernels)
    shape = tuple(samples * 2 * half for half in simulator.passband.intensity_half)
    acid = own.acid(corner.dose * samples_of(intensity, shape))
    baked = bake(acid, own.kinetics, Lattice(FIELD_NM, acid), steps)
    half = tuple(n // 2 - 1 for n in shape)
    fine = Simulator(simulator.process, dtype=torch.float64)
    fine.latent.half = half
    transform = fine.synthesis(PIXEL_NM)
    return synthesise(low_frequencies(own.latent(baked.amplification), half), transform)


class TestImages:
    @pytest.mark.parametrize("name", ["nominal", "outer", "inner"])
    def test_each_corner_is_baked_at_its_own_dose(self, simulator, name):
        exposure = simulator(mask(), PIXEL_NM)
        exact = reference(simulator, name)
        edges = (exact - simulator.process.resist.threshold).abs() < 0.05
        assert float((exposure.aerial(name) - exact)[edges].abs().max()) < 0.002
        assert exposure.corners[name].dose == 1

    def test_the_dose_does_not_scale_a_latent_image(self, simulator):
        corners = {"nominal": Corner(1.0, "focus"), "more": Corner(1.3, "focus")}
        exposure = Simulator(replace(simulator.process, corners=corners), dtype=torch.float64)(mask(), PIXEL_NM)
        plain, more = exposure.aerial("nominal"), exposure.aerial("more")
        assert float((more - 1.3 * plain).abs().max()) > 0.01
        assert bool((more >= plain).all())
        printed = exposure.binary_print("more")
        assert torch.equal(printed, more >= simulator.process.resist.threshold)

    def test_weak_exposure_and_no_quencher_tend_to_threshold_with_diffusion(self):
        """The amplification is then the mean of intensities diffused over different parts of the bake."""
        own = linear_resist(acid_diffusion_nm=8.0)
        chemical = Simulator(process(resist=own), dtype=torch.float64)
        threshold = Simulator(process(resist=own.lumped), dtype=torch.float64)
        latent, intensity = (each(mask(), PIXEL_NM).aerial() for each in (chemical, threshold))
        assert float((latent - intensity).abs().max()) < 0.02 * float(intensity.max())
        shorter = linear_resist(acid_diffusion_nm=1.0)
        latent, intensity = (
            Simulator(process(resist=each), dtype=torch.float64)(mask(), PIXEL_NM).aerial()
            for each in (shorter, shorter.lumped)
        )
        np.testing.assert_allclose(latent, intensity, atol=1e-3 * float(intensity.max()))

    def test_even_light_is_its_own_latent_image(self, simulator):
        clear = torch.ones(SHAPE, dtype=torch.float64)
        own, dose = simulator.process.resist, simulator.process.corners["outer"].dose
        wanted = own.latent(own.flood(own.acid(torch.tensor(dose, dtype=torch.float64))))
        found = simulator(clear, PIXEL_NM).aerial("outer")
        torch.testing.assert_close(found, wanted.expand_as(found), atol=1e-9, rtol=0)

    def test_samples_invert_low_frequencies(self):
        samples = torch.rand(2, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        spectrum = low_frequencies(samples, (3, 4))
        torch.testing.assert_close(low_frequencies(samples_of(spectrum, (20, 24)), (3, 4)), spectrum)

    def test_gradients_reach_the_mask(self):
        small = Simulator(process(), dtype=torch.float64)
        grey = (0.2 + 0.6 * mask()[5::10, 5::10]).requires_grad_()
        weights = torch.rand(3, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

        def prints(values: torch.Tensor) -> torch.Tensor:
            exposure = small.expose(values, 10 * PIXEL_NM, out_pixel_nm=PIXEL_NM)
            return sum((weights[place] * exposure.print(name)).sum() for place, name in enumerate(exposure.corners))

        assert torch.autograd.gradcheck(prints, (grey,), atol=1e-5)

    def test_single_precision_and_batches(self, simulator):
        single = Simulator(simulator.process)
        masks = torch.stack([mask(), mask().flip(0)])
        one, both = simulator(mask(), PIXEL_NM), single(masks.float(), PIXEL_NM)
        for name in one.corners:
            torch.testing.assert_close(both.aerial(name)[0].double(), one.aerial(name), atol=2e-5, rtol=0)
            torch.testing.assert_close(both.aerial(name)[1].double(), one.aerial(name).flip(0), atol=2e-3, rtol=0)

    def test_fewer_kernels_bake_more_coarsely_in_the_same_band(self, simulator):
        few = simulator.shortened(4)
        full, coarse = simulator.latent, few.latent
        assert coarse.half == full.half
        assert coarse.grid.samples**2 * coarse.grid.steps <= full.grid.samples**2 * full.grid.steps
        spectra = few.image_spectra(mask(), PIXEL_NM)
        assert set(spectra) == set(simulator.image_spectra(mask(), PIXEL_NM))


class TestUses:
    def test_contours_points_and_cuts_are_of_the_latent_image(self, simulator):
        exposure = simulator(mask(), PIXEL_NM)
        centre = torch.tensor([[28.5 * PIXEL_NM, 40.5 * PIXEL_NM]], dtype=torch.float64)
        assert float(exposure.aerial_at(centre, "outer")) == pytest.approx(float(exposure.aerial("outer")[40, 28]))
        wide, narrow = (
            float(exposure.cd((40.0, 162.0), (190.0, 162.0), corner).squeeze()) for corner in ("outer", "inner")
        )
        assert wide > narrow + 1
        area = {name: exposure.contours(name)[0].area_nm2 for name in exposure.corners}
        assert area["outer"] > area["nominal"] > area["inner"]

    def test_with_corners_are_further_bakes(self, simulator):
        wider = simulator.with_corners({"window-1": (1.1, 0.0)})
        latent = wider(mask(), PIXEL_NM)
        own = replace(simulator.process, corners={"alone": Corner(1.1, "focus")})
        torch.testing.assert_close(
            latent.aerial("window-1"), Simulator(own, dtype=torch.float64)(mask(), PIXEL_NM).aerial("alone")
        )

    def test_source_optimisation_is_through_the_bake(self):
        simulator = SourceSimulator(process(), samples=9, dtype=torch.float64)
        exposure = simulator.expose(mask(), PIXEL_NM)
        (gradient,) = torch.autograd.grad(exposure.print("outer").sum(), simulator.source_logits)
        step = 1e-5
        with torch.no_grad():
            place = np.unravel_index(int(gradient.abs().argmax()), gradient.shape)
            simulator.source_logits[place] += step
            more = float(simulator.expose(mask(), PIXEL_NM).print("outer").sum())
            simulator.source_logits[place] -= 2 * step
            less = float(simulator.expose(mask(), PIXEL_NM).print("outer").sum())
        assert float(gradient[place]) == pytest.approx((more - less) / (2 * step), rel=1e-4)

    def test_scores_print_each_corner_as_the_exposure_does(self, simulator):
        target = Layout("two", (box(80, 60, 144, 260), box(220, 120, 360, 192)))
        protocol = replace(PROTOCOLS["default"], pixel_nm=PIXEL_NM)
        found = evaluate_mask(mask(), PIXEL_NM, target, simulator, protocol)
        exposure = simulator(mask(), PIXEL_NM)
        for name in exposure.corners:
            assert np.array_equal(found.prints[name], exposure.binary_print(name).numpy())
        torch.testing.assert_close(torch.from_numpy(found.aerial), exposure.aerial())

    def test_ilt_lowers_its_objective_and_the_printed_error(self, simulator):
        layout = Layout("two", (box(0, 0, 64, 200), box(140, 60, 280, 132)))
        clip = place(layout, Grid.of_field(FIELD_NM, PIXEL_NM), "two")
        steps = tuple(level.model_copy(update={"steps": 30}) for level in SIMPLE.levels)
        method = SIMPLE.model_copy(update={"levels": steps})
        drawn_mask = clip.coverage(PIXEL_NM).double()
        solution = solve_targets(simulator, drawn_mask[None], PIXEL_NM, method)
        protocol = replace(PROTOCOLS["default"], pixel_nm=PIXEL_NM)
        drawn, found = (
            evaluate_mask(each, FIELD_NM[0] / len(each), clip.placed, simulator, protocol).scorecard
            for each in (drawn_mask, solution.mask[0].double())
        )
        assert found.l2_nm2 < 0.7 * drawn.l2_nm2

    def test_process_windows_are_of_doses_that_were_baked(self, simulator):
        layout = Layout("bars", (box(0, 0, 64, 200), box(140, 0, 204, 200)))
        clip = place(layout, Grid.of_field(FIELD_NM, 1.0), "bars")
        gauges = choose_gauges(clip, [(-40, 100, 100, 100)])
        doses = np.array([0.9, 1.0, 1.13])
        found = expose_through_focus(
            clip.placed, gauges, simulator.process, foci_nm=np.array([0.0, 30.0]), doses=doses, nominal=(0.0, 1.0)
        )
        (measured,) = found.gauges
        corners = {str(dose): Corner(dose, "focus") for dose in doses}
        own = Simulator(replace(simulator.process, corners=corners), dtype=torch.float64)
        exposure = own(clip.coverage(1.0), 1.0)
        start, end = measured.gauge.start_nm, measured.gauge.end_nm
        centre = np.add(start, end) / 2
        reach = 0.95 * np.subtract(end, start)
        for place_, dose in enumerate(doses):
            cut = tuple(centre - reach), tuple(centre + reach)
            direct = float(exposure.cd(*cut, str(dose)).squeeze())
            assert measured.cd_nm[0, place_] == pytest.approx(direct, abs=0.02)
        assert measured.cd_nominal_nm == pytest.approx(measured.cd_nm[0, 1], abs=1e-6)
        low, high = measured.window.low[0], measured.window.high[0]
        ends = {"low": Corner(float(low), "focus"), "high": Corner(float(high), "focus")}
        own = Simulator(replace(simulator.process, corners=ends), dtype=torch.float64)
        limits = [float(own(clip.coverage(1.0), 1.0).cd(*cut, name).squeeze()) for name in ends]
        assert limits == pytest.approx([0.9 * measured.gauge.target_nm, 1.1 * measured.gauge.target_nm], abs=0.05)
