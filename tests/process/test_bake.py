"""The bake against an ODE solver, the heat kernel and conservation, and the order of its steps."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scenes.chemistry import resist
from scipy.integrate import solve_ivp
from scipy.ndimage import gaussian_filter

from litho_dl.process.bake import Kinetics, Lattice, bake, react

SIZE = (480.0, 400.0)
ACID = (0.0, 0.05, 0.1199999, 0.12, 0.1200001, 0.121, 0.3, 0.95)


def smooth_acid(*shape: int, dtype=torch.float64) -> torch.Tensor:
    """In [0.02, 0.5], periodic."""
    y, x = (torch.arange(n, dtype=torch.float64) * 2 * math.pi / n for n in shape)
    waves = torch.cos(2 * x)[None] + 0.6 * torch.sin(3 * y)[:, None] + 0.4 * torch.cos(y)[:, None] * torch.sin(x)
    return (0.26 + 0.12 * waves).to(dtype)


def solved(acid: float, kinetics: Kinetics) -> np.ndarray:
    """h, q and the integral of h^n by scipy's ODE solver."""

    def rates(_, state):
        h, q, _ = state
        reaction = kinetics.neutralisation_per_s * h * q
        return [-reaction, -reaction, max(h, 0.0) ** kinetics.order]

    start = [acid, kinetics.quencher, 0.0]
    return solve_ivp(rates, (0, kinetics.seconds), start, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]


class TestReaction:
    @pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
    @pytest.mark.parametrize("rate", [1e-3, 1.0, 40.0])
    def test_one_step_is_the_ode_solvers(self, order, rate):
        kinetics = Kinetics(60.0, 0.0, 0.0, 0.12, rate, order)
        acid = torch.tensor(ACID, dtype=torch.float64)
        found = react(acid, torch.full_like(acid, 0.12), kinetics, 60.0)
        for place, start in enumerate(ACID):
            np.testing.assert_allclose([float(part[place]) for part in found], solved(start, kinetics), atol=1e-9)

    @pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
    def test_a_bake_without_diffusion_is_the_ode_solvers(self, order):
        kinetics = Kinetics(60.0, 0.0, 0.0, 0.12, 1.0, order)
        acid = torch.tensor(ACID, dtype=torch.float64)
        found = bake(acid, kinetics, None, 3 if order in (1, 2) else 400)
        for place, start in enumerate(ACID):
            np.testing.assert_allclose([float(part[place]) for part in found], solved(start, kinetics), atol=1e-6)

    def test_neutralisation_takes_as_much_acid_as_quencher(self):
        acid = torch.rand(200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        found = react(acid, torch.full_like(acid, 0.3), resist().kinetics, 7.0)
        torch.testing.assert_close(found.acid - found.quencher, acid - 0.3, atol=1e-15, rtol=0)
        assert float(found.acid.min()) >= 0
        assert float(found.quencher.min()) >= 0

    @pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
    @pytest.mark.parametrize("rate", [1e-2, 1.0, 30.0])
    def test_gradients(self, order, rate):
        kinetics = Kinetics(60.0, 0.0, 0.0, 0.15, rate, order)
        acid = torch.tensor([0.02, 0.149, 0.1501, 0.15 + 1e-9, 0.3, 0.9], dtype=torch.float64, requires_grad=True)
        quencher = torch.full_like(acid, 0.15).detach().requires_grad_()
        assert torch.autograd.gradcheck(lambda h, q: tuple(react(h, q, kinetics, 7.0)), (acid, quencher), atol=1e-6)

    def test_single_precision_follows_double(self):
        acid = torch.linspace(0, 1, 1001, dtype=torch.float64)
        kinetics = resist(neutralisation_per_s=30.0).kinetics
        double, single = (react(h, torch.full_like(h, 0.15), kinetics, 20.0) for h in (acid, acid.float()))
        for one, other in zip(double, single, strict=True):
            assert float((one - other).abs().max()) <= 3e-7 * max(1.0, float(one.max()))


class TestDiffusion:
    def test_without_reaction_it_is_the_heat_kernel(self):
        acid = smooth_acid(96, 80)
        still = Kinetics(60.0, 17.0, 0.0, 0.0, 1.0, 1.0)
        found = bake(acid, still, Lattice(SIZE, acid), 5).acid.numpy()
        f_y, f_x = (np.fft.fftfreq(n, side / n) for n, side in zip(acid.shape, SIZE, strict=True))
        transfer = np.exp(-2 * (np.pi * 17.0) ** 2 * (f_y[:, None] ** 2 + f_x**2))
        np.testing.assert_allclose(found, np.fft.ifft2(np.fft.fft2(acid) * transfer).real, atol=1e-12)

    def test_a_point_becomes_the_gaussian(self):
        acid = torch.zeros(128, 128, dtype=torch.float64)
        acid[64, 64] = 1.0
        found = Lattice((256.0, 256.0), acid).diffused(acid, 12.0).numpy()
        distance = (np.arange(128) - 64) * 2.0
        gaussian = np.exp(-(distance**2) / (2 * 12.0**2)) / np.sqrt(2 * np.pi * 12.0**2) * 2.0
        np.testing.assert_allclose(found, np.outer(gaussian, gaussian), atol=1e-12)

    def test_walls_reflect(self):
        acid = torch.rand(40, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        found = Lattice((80.0, 60.0, 80.0), acid, reflecting=True).diffused(acid, 11.0).numpy()
        spread = gaussian_filter(acid.numpy(), (5.5, 1.1, 1.1), mode=("reflect", "wrap", "wrap"), truncate=12)
        np.testing.assert_allclose(found[:, :, :].mean((1, 2)), spread.mean((1, 2)), atol=1e-9)
        assert found.sum() == pytest.approx(float(acid.sum()), rel=1e-12)


class TestBake:
    def test_acid_less_quencher_is_kept(self):
        acid = smooth_acid(48, 40)
        kinetics = resist().kinetics
        found = bake(acid, kinetics, Lattice(SIZE, acid), 6)
        before = float((acid - kinetics.quencher).sum())
        assert float((found.acid - found.quencher).sum()) == pytest.approx(before, rel=1e-12)
        assert float(found.quencher.mean()) < 0.05 * kinetics.quencher  # it did react

    @pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
    def test_the_error_falls_as_the_square_of_the_steps(self, order):
        acid = smooth_acid(48, 40)
        kinetics, lattice = resist(order=order, neutralisation_per_s=0.3).kinetics, Lattice(SIZE, acid)
        exact = bake(acid, kinetics, lattice, 768)
        counts = (32, 64, 128)
        for part in range(3):
            errors = [float((bake(acid, kinetics, lattice, n)[part] - exact[part]).abs().max()) for n in counts]
            orders = [math.log2(a / b) for a, b in pairwise(errors)]
            assert orders == pytest.approx([2, 2], abs=0.15), (part, errors)

    def test_it_is_the_solution_of_the_equations(self):
        """Against finite differences of another kind: a line of points, solved as one stiff system."""
        count, side = 64, 256.0
        acid = smooth_acid(1, count)
        kinetics = resist().kinetics
        rate, step = kinetics.neutralisation_per_s, side / count
        frequency = np.fft.fftfreq(count, step)
        laplacian = np.fft.ifft(
            -((2 * np.pi * frequency) ** 2)[:, None] * np.fft.fft(np.eye(count), axis=0), axis=0
        ).real
        spread = [length**2 / (2 * kinetics.seconds) for length in (kinetics.acid_nm, kinetics.quencher_nm)]

        def rates(_, state):
            h, q = state[:count], state[count : 2 * count]
            reaction = rate * h * q
            return np.concatenate([spread[0] * laplacian @ h - reaction, spread[1] * laplacian @ q - reaction, h])

        start = np.concatenate([acid[0].numpy(), np.full(count, kinetics.quencher), np.zeros(count)])
        end = solve_ivp(rates, (0, kinetics.seconds), start, method="LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
        found = bake(acid[0], kinetics, Lattice((side,), acid[0]), 512)
        for part, wanted in zip(found, np.split(end, 3), strict=True):
            np.testing.assert_allclose(part.numpy(), wanted, atol=2e-5 * max(1, abs(wanted).max()))

    def test_without_the_last_half_step_the_amplification_is_the_same(self):
        acid = smooth_acid(48, 40)
        kinetics, lattice = resist().kinetics, Lattice(SIZE, acid)
        whole, short = (bake(acid, kinetics, lattice, 4, whole=whole) for whole in (True, False))
        assert torch.equal(whole.amplification, short.amplification)
        assert not torch.equal(whole.acid, short.acid)

    def test_gradients(self):
        acid = smooth_acid(12, 10).requires_grad_()
        kinetics = resist(order=2.0, acid_diffusion_nm=30.0).kinetics
        lattice = Lattice((240.0, 200.0), acid)
        assert torch.autograd.gradcheck(lambda h: tuple(bake(h, kinetics, lattice, 3)), (acid,))
