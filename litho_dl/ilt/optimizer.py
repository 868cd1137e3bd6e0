"""Optimizers of the mask parameters, all with the method `step(parameters, problem, rate)`; clips are independent."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

MEMORY = 10  # pairs of steps and gradient changes that L-BFGS keeps
TRIALS = 8  # step lengths that a line search tries, each half of the one before
SUFFICIENT = 1e-4  # share of the linearly predicted decrease that a step must reach (Armijo)
LARGEST_FEEDBACK_NM = 8.0
ADAM_EPSILON = 1e-8
SQUARES_MEMORY = 0.999  # Adam's beta_2


class Differentiable(Protocol):
    """What gradient descent calls of a problem."""

    def backward(self, parameters: Tensor) -> Tensor:
        """The objective (B,); adds the gradient of its sum over the clips to the parameters' `grad`."""


class Problem(Differentiable, Protocol):
    """The functions of parameters (B, ...) that an optimizer may call."""

    def objective(self, parameters: Tensor) -> Tensor:
        """The weighted sum of the terms, (B,)."""

    def edge_errors(self, parameters: Tensor) -> Tensor:
        """Edge placement errors in nm, in the shape of the parameters, for parameterizations that move edges."""


class Optimizer(Protocol):
    """An optimizer of the parameters, in place."""

    def step(self, parameters: Tensor, problem: Problem, rate: float) -> Tensor:
        """Takes one step.

        Args:
            parameters: (B, ...), changed in place.
            problem: The objective.
            rate: Learning rate of this step; > 0.

        Returns:
            The objective (B,) before the step.
        """


@dataclass(frozen=True)
class Group:
    """Tensors with one learning rate.

    Attributes:
        tensors: They are changed in place.
        rate: Learning rate; None: that of each step.
        epsilon: Adam's, which keeps small gradients from large steps.
    """

    tensors: tuple[Tensor, ...]
    rate: float | None = None
    epsilon: float = ADAM_EPSILON


class Adam:
    """Adam, as `torch.optim.Adam` computes it, whose first use takes seconds as it loads torch's compiler.

    Source: D. Kingma, J. Ba, ICLR 2015, algorithm 1.
    """

    def __init__(self, groups: Sequence[Group], momentum: float) -> None:
        self._groups, self._momentum, self._steps = groups, momentum, 0
        self._means = [[torch.zeros_like(tensor) for tensor in group.tensors] for group in groups]
        self._squares = [[torch.zeros_like(tensor) for tensor in group.tensors] for group in groups]

    def step(self, parameters: Tensor, problem: Differentiable, rate: float) -> Tensor:
        """One step; the gradient of the sum over clips is that of each clip alone."""
        objective = _differentiated(self._groups, parameters, problem)
        self._steps += 1
        unbiased, root = 1 - self._momentum**self._steps, math.sqrt(1 - SQUARES_MEMORY**self._steps)
        with torch.no_grad():
            for group, means, squares in zip(self._groups, self._means, self._squares, strict=True):
                step = (rate if group.rate is None else group.rate) / unbiased
                for tensor, mean, square in zip(group.tensors, means, squares, strict=True):
                    gradient = tensor.grad
                    assert gradient is not None
                    mean.lerp_(gradient, 1 - self._momentum)
                    square.mul_(SQUARES_MEMORY).addcmul_(gradient, gradient, value=1 - SQUARES_MEMORY)
                    tensor.addcdiv_(mean, square.sqrt().div_(root).add_(group.epsilon), value=-step)
        return objective


class NormalisedSgd:
    """Gradient descent with momentum and with the gradient of each clip divided by its largest entry.

    Without momentum, the learning rate is the largest move of a step, whatever the scale of the objective.
    """

    def __init__(self, groups: Sequence[Group], momentum: float) -> None:
        self._groups, self._momentum = groups, momentum
        self._moves = [[torch.zeros_like(tensor) for tensor in group.tensors] for group in groups]

    def step(self, parameters: Tensor, problem: Problem, rate: float) -> Tensor:
        """One step on the gradients."""
        objective = _differentiated(self._groups, parameters, problem)
        with torch.no_grad():
            for group, moves in zip(self._groups, self._moves, strict=True):
                for tensor, move in zip(group.tensors, moves, strict=True):
                    gradient = tensor.grad
                    assert gradient is not None
                    move.mul_(self._momentum).add_(
                        gradient / gradient.abs().amax((-2, -1), keepdim=True).clamp(min=1e-30)
                    )
                    tensor.sub_(move, alpha=rate if group.rate is None else group.rate)
        return objective


def _differentiated(groups: Sequence[Group], parameters: Tensor, problem: Differentiable) -> Tensor:
    """The objective (B,); its gradient is then that of all tensors."""
    for group in groups:
        for tensor in group.tensors:
            tensor.grad = None
    return problem.backward(parameters)


class Lbfgs:
    """Limited-memory BFGS with a backtracking line search; each clip has its own memory and step length.

    A step first tries the quasi-Newton step (or, without memory, steepest descent with the rate as its largest move)
    and halves it until the objective falls enough; a clip for which no trial suffices stays where it is, and its memory
    is cleared. Meant for a fixed objective, i.e. constant sharpness and steepness.

    Source: J. Nocedal, S. Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 3.1.
    """

    def __init__(self) -> None:
        self._steps: list[Tensor] = []
        self._changes: list[Tensor] = []
        self._last: tuple[Tensor, Tensor] | None = None

    def step(self, parameters: Tensor, problem: Problem, rate: float) -> Tensor:
        """One quasi-Newton step."""
        parameters.grad = None
        value, gradient = problem.backward(parameters), parameters.grad
        assert gradient is not None
        with torch.no_grad():
            here = parameters.detach().clone()
            self._remember(here, gradient)
            descent = -gradient * (rate / gradient.flatten(1).abs().amax(1).clamp(min=1e-30)).reshape(_column(gradient))
            direction = -self._inverse_hessian(gradient, descent)
            slope = _dot(direction, gradient)
            direction = torch.where((slope < 0).reshape(_column(direction)), direction, descent)
            accepted = self._search(parameters, here, direction, value, _dot(direction, gradient), problem)
            for pair in (*self._steps, *self._changes):
                pair *= accepted.reshape(_column(pair)).to(pair)
        return value

    def _remember(self, here: Tensor, gradient: Tensor) -> None:
        if self._last is not None:
            step, change = here - self._last[0], gradient - self._last[1]
            curved = (_dot(step, change) > 1e-10 * _dot(change, change)).reshape(_column(step)).to(step)
            self._steps.append(step * curved)
            self._changes.append(change * curved)
            del self._steps[:-MEMORY], self._changes[:-MEMORY]
        self._last = (here, gradient)

    def _inverse_hessian(self, gradient: Tensor, descent: Tensor) -> Tensor:
        """The two-loop recursion; a clip's empty pairs (zeros) have no effect; without others it is -descent."""
        product = gradient.clone()
        pairs = list(zip(self._steps, self._changes, strict=True))
        weights = []
        for step, change in reversed(pairs):
            weights.append(_ratio(_dot(step, product), _dot(step, change)))
            product -= weights[-1].reshape(_column(product)) * change
        scale = torch.zeros_like(_dot(gradient, gradient))
        for step, change in pairs:  # the latest pair that is not empty counts
            found = _ratio(_dot(step, change), _dot(change, change))
            scale = torch.where(found > 0, found, scale)
        known = (scale > 0).reshape(_column(product))
        product = torch.where(known, product * scale.reshape(_column(product)), -descent)
        for (step, change), weight in zip(pairs, reversed(weights), strict=True):
            correction = weight - _ratio(_dot(change, product), _dot(step, change))
            product += correction.reshape(_column(product)) * step
        return product

    def _search(
        self, parameters: Tensor, here: Tensor, direction: Tensor, value: Tensor, slope: Tensor, problem: Problem
    ) -> Tensor:
        """Halves each clip's step until it is accepted; returns bool (B,), True for the clips that moved."""
        length = torch.ones_like(value)
        accepted = torch.zeros_like(value, dtype=torch.bool)
        for _ in range(TRIALS):
            parameters.copy_(here + length.reshape(_column(here)) * direction)
            accepted = problem.objective(parameters) <= value + SUFFICIENT * length * slope
            if accepted.all():
                break
            length = torch.where(accepted, length, length / 2)
        parameters.copy_(torch.where(accepted.reshape(_column(here)), parameters, here))
        return accepted


class EdgeFeedback:
    """Moves each edge against its placement error, by `rate` times the error and at most `LARGEST_FEEDBACK_NM`.

    Source: N. Cobb, PhD thesis, UC Berkeley (1998), ch. 5.
    """

    @torch.no_grad()
    def step(self, parameters: Tensor, problem: Problem, rate: float) -> Tensor:
        """One round of feedback."""
        value = problem.objective(parameters)
        move = (rate * problem.edge_errors(parameters)).clamp(-LARGEST_FEEDBACK_NM, LARGEST_FEEDBACK_NM)
        parameters -= move
        return value


def make_optimizer(
    kind: str,
    momentum: float,
    parameters: Tensor,
    others: Iterable[Tensor] = (),
    others_rate: float = 0.0,
    epsilon: float = ADAM_EPSILON,
) -> Optimizer:
    """Makes an optimizer by name.

    Args:
        kind: `sgd`, `adam`, `lbfgs` or `feedback`.
        momentum: SGD's momentum, or Adam's beta_1, in [0, 1).
        parameters: The masks' parameters (B, ...); their learning rate is given at every step.
        others: Further parameters, such as those of a source, optimised at a constant rate by `sgd` and `adam` only.
        others_rate: Their learning rate.
        epsilon: Adam's epsilon for the masks' parameters; smaller gradients give smaller steps.

    Returns:
        The optimizer.
    """
    if kind == "lbfgs":
        return Lbfgs()
    if kind == "feedback":
        return EdgeFeedback()
    groups = [Group((parameters,), None, epsilon)]
    if others := tuple(others):
        groups.append(Group(others, others_rate))
    return Adam(groups, momentum) if kind == "adam" else NormalisedSgd(groups, momentum)


def _column(values: Tensor) -> tuple[int, ...]:
    """The shape (B, 1, ...) that broadcasts one number a clip over the values of clips."""
    return (len(values),) + (1,) * (values.ndim - 1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(1)


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where b is 0."""
    return torch.where(b != 0, a / torch.where(b != 0, b, torch.ones_like(b)), torch.zeros_like(a))
