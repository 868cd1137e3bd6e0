"""Optimizers: steps by hand, and L-BFGS on quadratic problems whose minima are known."""

from dataclasses import dataclass, replace

import pytest
import torch
from scenes.ilt import RECIPE, small_simulator, targets, with_levels
from scenes.ilt import SIMPLE as METHOD
from torch import Tensor

from litho_dl.ilt.objective import ObjectiveInputs, background, evaluate_terms
from litho_dl.ilt.optimizer import LARGEST_FEEDBACK_NM, EdgeFeedback, Group, Lbfgs, NormalisedSgd, make_optimizer
from litho_dl.ilt.probes import epe_probes
from litho_dl.ilt.problem import geometric
from litho_dl.ilt.solve import solve_targets


@dataclass
class Quadratics:
    """f_b(x) = (x - m_b)^T H_b (x - m_b) / 2 + 3, each clip with its own Hessian; counts what is asked."""

    hessians: Tensor
    minima: Tensor
    asked: int = 0

    @classmethod
    def conditioned(cls, *conditions: float, size: int = 12) -> "Quadratics":
        """Random rotations of the eigenvalues 1 ... condition, times a scale that differs from clip to clip."""
        generator = torch.Generator().manual_seed(5)
        hessians, minima = [], []
        for index, condition in enumerate(conditions):
            turn, _ = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=generator))
            values = torch.logspace(0, 1, size, base=condition, dtype=torch.float64) * 10.0 ** (3 * index - 3)
            hessians.append(turn * values @ turn.T)
            minima.append(torch.randn(size, dtype=torch.float64, generator=generator))
        return cls(torch.stack(hessians), torch.stack(minima))

    def only(self, index: int) -> "Quadratics":
        """One clip of the batch."""
        return Quadratics(self.hessians[index : index + 1], self.minima[index : index + 1])

    def objective(self, parameters: Tensor) -> Tensor:
        self.asked += 1
        apart = parameters.flatten(1) - self.minima
        return torch.einsum("bi,bij,bj->b", apart, self.hessians, apart) / 2 + 3

    def backward(self, parameters: Tensor) -> Tensor:
        objective = self.objective(parameters)
        objective.sum().backward()
        return objective.detach()

    def edge_errors(self, parameters: Tensor) -> Tensor:
        return parameters - self.minima.reshape(parameters.shape)


def steps(problem: Quadratics, begin: Tensor, count: int, rate: float = 0.5) -> tuple[Tensor, Tensor]:
    """Parameters after L-BFGS steps, and each step's objective (count, B)."""
    parameters, optimizer = begin.clone().requires_grad_(), Lbfgs()
    values = [optimizer.step(parameters, problem, rate) for _ in range(count)]
    return parameters.detach(), torch.stack(values)


class TestLbfgs:
    """Each clip with its own memory and its own step length."""

    begin = torch.zeros(3, 3, 4, dtype=torch.float64)

    def test_it_finds_the_minima_of_a_batch(self):
        """To 1e-6; with the last one's condition of 1000 steepest descent would take 7000 steps."""
        problem = Quadratics.conditioned(1.0, 30.0, 1000.0)
        for count, clips in ((3, 1), (40, 2), (120, 3)):
            found, values = steps(problem, self.begin, count)
            assert (found.flatten(1) - problem.minima)[:clips].abs().amax() < 1e-6
            assert (values[-1] - 3)[:clips].abs().amax() < 1e-8
        problem.asked = 0
        steps(problem, self.begin, 20)
        assert problem.asked < 3 * 20

    def test_a_round_valley_takes_one_step_to_learn_and_one_to_arrive(self):
        problem = Quadratics(torch.eye(12, dtype=torch.float64)[None] * 40, torch.full((1, 12), 2.0).double())
        found, _ = steps(problem, self.begin[:1], 2)
        torch.testing.assert_close(found.flatten(1), problem.minima)

    def test_the_first_step_is_as_long_as_the_rate(self):
        """Down the gradient, its largest entry scaled to the rate, in each clip."""
        problem = Quadratics.conditioned(1.0, 3.0, 5.0)
        gradient = -torch.einsum("bij,bj->bi", problem.hessians, problem.minima)
        found, values = steps(problem, self.begin, 1, rate=0.01)
        expected = -0.01 * gradient / gradient.abs().amax(1, keepdim=True)
        torch.testing.assert_close(found.flatten(1), expected)
        torch.testing.assert_close(values[0], problem.objective(self.begin))

    def test_clips_do_not_know_each_other(self):
        """Not even when one of them needs a shorter step than the others."""
        problem = Quadratics.conditioned(2.0, 30.0, 1000.0)
        together, values = steps(problem, self.begin, 15, rate=3.0)
        for index in range(3):
            alone, own = steps(problem.only(index), self.begin[index : index + 1], 15, rate=3.0)
            torch.testing.assert_close(alone[0], together[index], rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(own[:, 0], values[:, index], rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("rate", [1e-3, 1.0, 40.0, 1e4])
    def test_the_objective_never_rises(self, rate):
        """Too long a first step is halved, or not done."""
        _, values = steps(Quadratics.conditioned(2.0, 30.0, 1000.0), self.begin, 12, rate)
        assert (values[1:] <= values[:-1]).all()

    def test_no_step_is_done_that_does_not_help(self):
        """Uphill wherever a trial goes: the clip stays exactly where it is; the other goes on."""

        class Spiked(Quadratics):
            def objective(self, parameters: Tensor) -> Tensor:
                away = (parameters.detach()[0] != 0).any()
                return super().objective(parameters) + torch.stack([away * 1e6, away * 0.0, away * 0.0])

        clean = Quadratics.conditioned(1.0, 30.0, 1000.0)
        found, values = steps(Spiked(clean.hessians, clean.minima), self.begin, 4)
        assert torch.equal(found[0], self.begin[0])
        assert (values[:, 0] == values[0, 0]).all()
        assert (values[-1, 1:] < values[0, 1:]).all()
        torch.testing.assert_close(found[1:], steps(clean, self.begin, 4)[0][1:], rtol=1e-9, atol=1e-12)

    def test_it_goes_on_after_a_refused_step(self):
        """The memory is forgotten, and a later step of the rate's length helps again."""
        problem = Quadratics.conditioned(1.0, 30.0, 1000.0)
        parameters, optimizer = self.begin.clone().requires_grad_(), Lbfgs()
        optimizer.step(parameters, problem, 1e12)  # eight halvings are not enough
        assert torch.equal(parameters.detach(), self.begin)
        values = [optimizer.step(parameters, problem, 0.5) for _ in range(40)]
        assert (values[-1] - 3)[:2].abs().amax() < 1e-9

    def test_a_refused_step_clears_that_clip_s_memory_alone(self):
        """The next one is a steepest descent of the rate's length; the other clips go on as if nothing had been."""
        problem = Quadratics.conditioned(2.0, 30.0, 1000.0)
        free, blocked = (self.begin.clone().requires_grad_() for _ in range(2))
        optimizers = Lbfgs(), Lbfgs()
        for _ in range(4):
            for parameters, optimizer in zip((free, blocked), optimizers, strict=True):
                optimizer.step(parameters, problem, 0.5)
        wall = Quadratics(problem.hessians, problem.minima)
        open_value = wall.objective
        wall.objective = lambda moved: (  # type: ignore[method-assign]
            open_value(moved) + torch.tensor([0.0, 1e9, 0.0]) * (wall.asked > 1)
        )
        before = blocked.detach().clone()
        optimizers[0].step(free, problem, 0.5)
        optimizers[1].step(blocked, wall, 0.5)
        assert torch.equal(blocked[1], before[1])
        torch.testing.assert_close(blocked[[0, 2]], free[[0, 2]])
        optimizers[0].step(free, problem, 1e-3)
        optimizers[1].step(blocked, problem, 1e-3)
        gradient = torch.einsum("ij,j->i", problem.hessians[1], before[1].flatten() - problem.minima[1])
        torch.testing.assert_close((blocked - before)[1].flatten(), -1e-3 * gradient / gradient.abs().amax())
        torch.testing.assert_close(blocked[[0, 2]], free[[0, 2]])

    def test_a_clip_at_its_minimum_stays(self):
        problem = Quadratics.conditioned(1.0, 30.0, 1000.0)
        begin = self.begin.clone()
        begin[1] = problem.minima[1].reshape(3, 4)
        found, values = steps(problem, begin, 5)
        assert torch.equal(found[1], begin[1])
        assert torch.isfinite(found).all()
        assert (values[:, 1] == 3).all()

    def test_a_saddle_is_no_trap(self):
        """Where the curvature is negative no pair is kept, and the step goes downhill all the same."""
        bent = torch.diag(torch.tensor([1.0, -1.0] * 6).double())[None]
        _, values = steps(Quadratics(bent, torch.ones(1, 12).double()), self.begin[:1], 8)
        assert (values[1:] < values[:-1]).all()


class Given:
    """A problem whose gradient is given, at every step anew."""

    def __init__(self, *gradients: Tensor) -> None:
        self._gradients = list(gradients)

    def backward(self, parameters: Tensor) -> Tensor:
        gradient = self._gradients.pop(0) if len(self._gradients) > 1 else self._gradients[0]
        assert parameters.grad is None, "gradients of the step before would add up"
        parameters.grad = gradient.clone()
        return gradient.flatten(1).sum(1)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_first_order_steps_are_those_of_torch(kind):
    """`torch.optim`, of which ours do without the compiler that it loads."""
    gradients = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours, theirs = (torch.zeros(3, 4, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    own = make_optimizer(kind, 0.8, ours, epsilon=0.3)
    if kind == "adam":
        other = torch.optim.Adam([theirs], betas=(0.8, 0.999), eps=0.3)
    else:
        other = torch.optim.SGD([theirs], lr=0.1, momentum=0.8)
    for step, gradient in enumerate(gradients):
        rate = 0.1 / (1 + step)
        own.step(ours, Given(gradient), rate)
        other.param_groups[0]["lr"] = rate
        theirs.grad = gradient if kind == "adam" else gradient / gradient.abs().amax((-2, -1), keepdim=True)
        other.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-14, atol=0)


class TestNormalisedSgd:
    """The learning rate is the largest move of a clip's first step, whatever its gradient's scale."""

    def test_each_clip_moves_by_the_rate(self):
        gradient = torch.tensor([[[3.0, -6.0]], [[1e-6, 5e-7]], [[0.0, 0.0]]])
        parameters = torch.zeros(3, 1, 2, requires_grad=True)
        optimizer = NormalisedSgd([Group((parameters,))], momentum=0.5)
        first, second = [], []
        for moved in (first, second):
            optimizer.step(parameters, Given(gradient), 0.1)
            moved.append(parameters.detach().clone())
        expected = torch.tensor([[[-0.05, 0.1]], [[-0.1, -0.05]], [[0.0, 0.0]]])
        torch.testing.assert_close(first[0], expected)
        torch.testing.assert_close(second[0], 2.5 * expected)  # once more, and half of the first again


class TestFeedback:
    """Each edge moves against its own error."""

    def test_moves_are_a_share_of_the_error_and_limited(self):
        problem = Quadratics(torch.eye(4).expand(1, 4, 4).double(), torch.tensor([[1.0, -2.0, 30.0, -40.0]]).double())
        parameters = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
        value = EdgeFeedback().step(parameters, problem, 0.5)
        limit = LARGEST_FEEDBACK_NM
        assert parameters.tolist() == [[0.5, -1.0, limit, -limit]]
        torch.testing.assert_close(value, problem.objective(torch.zeros(1, 4).double()))
        assert not value.requires_grad


def test_names():
    parameters = torch.zeros(1, 2, 2, requires_grad=True)
    assert isinstance(make_optimizer("lbfgs", 0.9, parameters), Lbfgs)
    assert isinstance(make_optimizer("feedback", 0.9, parameters), EdgeFeedback)


def test_epsilon_is_of_the_masks_alone():
    """The first step of Adam is lr g / (|g| + epsilon)."""
    masks, source = (torch.zeros(1, 2, requires_grad=True) for _ in range(2))

    class Sum:
        def backward(self, parameters: Tensor) -> Tensor:
            (3.0 * parameters.sum() + 3.0 * source.sum()).backward()
            return parameters.new_zeros(1)

    make_optimizer("adam", 0.9, masks, [source], 0.1, epsilon=3.0).step(masks, Sum(), 0.1)
    torch.testing.assert_close(masks.detach(), torch.full((1, 2), -0.05))
    torch.testing.assert_close(source.detach(), torch.full((1, 2), -0.1))


@pytest.mark.parametrize(
    ("optimizer", "damping", "epsilon"),
    [("adam", None, 1e-8), ("adam", 0.0, 1e-8), ("adam", 0.5, 32), ("sgd", None, 0)],
)
def test_the_loop_is_its_optimizer(optimizer, damping, epsilon):
    """Six steps by hand: fresh gradients, the level's rates, the method's momentum; one clip moves no other."""
    level = METHOD.levels[1].model_copy(update={"learning_rate": (0.1, 0.08), "steps": 6})
    target, simulator = targets(8.0), small_simulator()
    method = with_levels(level, optimizer=optimizer, momentum=0.7, damping=damping)
    maps = epe_probes(target, 8.0), background(target, 8.0)
    theta = target - 0.5
    mean, square = torch.zeros_like(theta), torch.zeros_like(theta)
    for step in range(6):
        theta.requires_grad_()
        mask = torch.sigmoid(geometric(level.mask_sharpness, step / 5) * theta)
        resist = RECIPE.resist.model_copy(update={"steepness": geometric(level.resist_steepness, step / 5)})
        exposure = replace(simulator(mask, 8.0), resist=resist)
        made = ObjectiveInputs(target, exposure, mask, *maps, 8.0, 8.0, None, binary=False)
        (gradient,) = torch.autograd.grad(evaluate_terms(made, method.objective)[0].sum(), theta)
        if optimizer == "adam":
            mean, square = 0.7 * mean + 0.3 * gradient, 0.999 * square + 0.001 * gradient**2
            move = mean / (1 - 0.7 ** (step + 1)) / ((square / (1 - 0.999 ** (step + 1))).sqrt() + epsilon)
        else:
            mean = move = 0.7 * mean + gradient / gradient.abs().amax((1, 2), keepdim=True)
        theta = theta.detach() - geometric(level.learning_rate, step / 5) * move
    solution = solve_targets(simulator, target, 8.0, method.model_copy(update={"check_every": 100}))
    kept = solution.checks[1] < solution.checks[0]
    expected = torch.where(kept[:, None, None], theta, target - 0.5)
    torch.testing.assert_close(solution.parameters, expected, rtol=1e-7, atol=1e-9)
    assert kept.any()


def test_lbfgs_lowers_the_real_objective_in_every_step():
    level = METHOD.levels[1].model_copy(
        update={"steps": 6, "mask_sharpness": (8.0, 8.0), "resist_steepness": (50.0, 50.0)}
    )
    history = solve_targets(small_simulator(), targets(8.0), 8.0, with_levels(level, optimizer="lbfgs")).history[
        "objective"
    ]
    assert (history[1:] <= history[:-1]).all()
    assert (history[-1] < 0.9 * history[0]).all()
