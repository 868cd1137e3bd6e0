"""The post-exposure bake: acid and quencher diffuse and neutralise each other, and acid removes protecting groups.

With acid h, quencher q and protected share m,

    h_t = D_h lap h - k_q h q,        q_t = D_q lap q - k_q h q,        m_t = -k_a h^n m.

Strang's splitting: half a step of diffusion, a step of reaction, half a step of diffusion, at times T (i / N)^2, i = 0
... N, as most happens first; two halves that meet are one. The error falls as 1 / N^2. Both parts are exact: diffusion
is a product on the spectrum, and the reaction of a point has a closed form. With d = h - q, which it keeps, s = min(h,
q), E = (1 - exp(-k |d| t)) / |d| and v = s E,

    s(t) = s exp(-k |d| t) / (1 + v),        w = integral of h dt = max(d, 0) t + ln(1 + v) / k,

where k = k_q. The share that stays protected is exp(-k_a a) with the amplification a = integral of h^n dt, which is w
for n = 1. Otherwise it is the integral of h^(n - 1) over w, with h^(n - 1) as a parabola in h through the step's ends
and middle, whose moments are exact, since q = q(0) exp(-k w): so it is exact for n = 2 and 3 too.

Source: C. A. Mack, Fundamental Principles of Optical Lithography (2007), ch. 6; G. Strang, SIAM J. Numer. Anal. 5, 506
(1968).
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LEAST = 1e-12  # concentration that stands for none, where a power or a quotient of it is taken
FEW = 1e-3  # k |d| t below which E' is summed as a series
SERIES = 0.1  # of k w, below which moments are summed as series


class Kinetics(NamedTuple):
    """What a bake does; concentrations are shares of the acid that a resist can release.

    Attributes:
        seconds: Time of the bake.
        acid_nm: Diffusion length of the acid over the bake, sqrt(2 D_h T).
        quencher_nm: Diffusion length of the quencher, sqrt(2 D_q T).
        quencher: Its concentration before the bake.
        neutralisation_per_s: k_q; > 0.
        order: n, of the acid in the deprotection.
    """

    seconds: float
    acid_nm: float
    quencher_nm: float
    quencher: float
    neutralisation_per_s: float
    order: float


class Baked(NamedTuple):
    """The resist after a bake: acid, quencher, and the amplification, the integral of h^n over time in s."""

    acid: Tensor
    quencher: Tensor
    amplification: Tensor


class Lattice:
    """Equidistant samples in a periodic box, in which diffusion is exact up to the highest frequency that they hold."""

    def __init__(self, size_nm: tuple[float, ...], like: Tensor, *, reflecting: bool = False) -> None:
        """Prepares the frequencies.

        Args:
            size_nm: Sides of the box, of the last axes of fields, in their order.
            like: A field of the shape, dtype and device of those to come.
            reflecting: Whether the first of these axes is not periodic, but ends at walls half a sample beyond its
                first and last sample, through which nothing diffuses: the cosine transform.
        """
        self.shape, self.reflecting = tuple(like.shape[-len(size_nm) :]), reflecting
        folded = (2 if reflecting else 1, *(1,) * (len(size_nm) - 1))
        counts = [times * count for times, count in zip(folded, self.shape, strict=True)]
        squares = torch.zeros((), dtype=torch.float64)
        for axis, (count, times, side) in enumerate(zip(counts, folded, size_nm, strict=True)):
            frequencies = torch.fft.rfftfreq if axis == len(counts) - 1 else torch.fft.fftfreq
            own = frequencies(count, times * side / count, dtype=torch.float64).square()
            squares = squares[..., None] + own
        self._squares, self._counts, self._axes = squares, counts, tuple(range(-len(counts), 0))
        self._dtype, self._device = like.dtype, like.device
        self._transfers: dict[float, Tensor] = {}

    def diffused(self, field: Tensor, length_nm: float) -> Tensor:
        """A field (..., *shape) after diffusion over a length, the standard deviation of a Gaussian."""
        if not length_nm:
            return field
        if length_nm not in self._transfers:
            with torch.inference_mode(False):  # inference tensors cannot be used in a later backward pass
                transfer = torch.exp(-2 * (math.pi * length_nm) ** 2 * self._squares)
                self._transfers[length_nm] = transfer.to(self._device, self._dtype)
        first = self._axes[0]
        whole = torch.cat((field, field.flip(first)), first) if self.reflecting else field
        spectrum = torch.fft.rfftn(whole, dim=self._axes) * self._transfers[length_nm]
        spread = torch.fft.irfftn(spectrum, s=self._counts, dim=self._axes)
        return spread.narrow(first, 0, self.shape[0])


def bake(acid: Tensor, kinetics: Kinetics, lattice: Lattice | None, steps: int, *, whole: bool = True) -> Baked:
    """Bakes a resist with evenly spread quencher; differentiable.

    Args:
        acid: Concentration before the bake, (..., *lattice.shape), in [0, 1].
        kinetics: What the bake does.
        lattice: Where the samples are; None: nothing diffuses.
        steps: N, the number of steps.
        whole: Whether acid and quencher are wanted too; without the last half step, which only moves these, they are
            those before it.

    Returns:
        The fields after the bake.
    """
    diffused = (lambda field, length_nm: field) if lattice is None else lattice.diffused
    quencher, before = torch.full_like(acid, kinetics.quencher), 0.0
    amplification = torch.zeros_like(acid)
    for step in range(steps):
        share = (2 * step + 1) / steps**2  # of the time
        acid = diffused(acid, kinetics.acid_nm * math.sqrt((before + share) / 2))
        if step and kinetics.quencher:
            quencher = diffused(quencher, kinetics.quencher_nm * math.sqrt((before + share) / 2))
        acid, quencher, more = react(acid, quencher, kinetics, share * kinetics.seconds)
        amplification, before = amplification + more, share
    if whole:
        acid = diffused(acid, kinetics.acid_nm * math.sqrt(before / 2))
        quencher = diffused(quencher, kinetics.quencher_nm * math.sqrt(before / 2))
    return Baked(acid, quencher, amplification)


def react(acid: Tensor, quencher: Tensor, kinetics: Kinetics, seconds: float) -> Baked:
    """What reacts at each point in a time, without diffusion; exact for n = 1, 2 and 3, and differentiable.

    Args:
        acid: Concentration h before; negative values, which rounding leaves, count as 0.
        quencher: Concentration q before, of the same shape.
        kinetics: Rates and order.
        seconds: The time.
    """
    rate, order = kinetics.neutralisation_per_s, kinetics.order
    acid_left, quencher_left, exposure = _Neutralisation.apply(acid, quencher, rate, seconds)
    if order == 1:
        return Baked(acid_left, quencher_left, exposure)
    if order == 2:
        return Baked(acid_left, quencher_left, (acid - quencher) * exposure + (acid - acid_left) / rate)
    powers = ((h.clamp(min=LEAST)) ** (order - 1) for h in (acid, (acid + acid_left) / 2, acid_left))
    first, middle, last = powers
    one, two = _moments(rate * exposure)
    mean = last + one * (4 * middle - 3 * last - first) + 2 * two * (first + last - 2 * middle)
    return Baked(acid_left, quencher_left, exposure * mean)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Means over w of u and u^2, u = (exp(-k w) - exp(-x)) / (1 - exp(-x)) falling from 1 to 0, at x = k w's end."""
    safe = x.clamp(min=SERIES)
    rest = 1 / torch.expm1(safe)
    one = 1 / safe - rest
    two = 1 / (2 * safe) - rest * one
    few = x < SERIES
    return (
        torch.where(few, 0.5 - x / 12 + x**3 / 720, one),
        torch.where(few, 1 / 3 - x / 12 + x.square() / 180 + x**3 / 720, two),
    )


class _Neutralisation(torch.autograd.Function):
    """(h, q) -> h, q and w after a time; written by hand, as automatic differentiation keeps twice as many fields."""

    @staticmethod
    def forward(ctx: Any, acid: Tensor, quencher: Tensor, rate: float, seconds: float) -> tuple[Tensor, ...]:
        difference = acid - quencher
        more = difference.clamp(min=0)  # acid that is left when all quencher is gone
        scarce = (acid - more).clamp_(min=0)
        excess = difference.abs().clamp_(min=LEAST)
        kept = torch.expm1(excess * (-rate * seconds))
        spread = (kept / excess).neg_()
        kept += 1
        product = scarce * spread
        rest = (product + 1).reciprocal_()
        ctx.save_for_backward(difference, scarce, kept, spread, rest)
        ctx.settings = rate, seconds
        exposure = torch.log1p(product).div_(rate).add_(more, alpha=seconds)
        left = product.copy_(scarce).mul_(kept).mul_(rest)
        return left + more, left + (more - difference), exposure

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_acid: Tensor, of_quencher: Tensor, of_exposure: Tensor) -> tuple[Tensor | None, ...]:
        difference, scarce, kept, spread, rest = ctx.saved_tensors
        rate, seconds = ctx.settings
        reach, excess = rate * seconds, difference.abs().clamp_(min=LEAST)
        bend = (kept * reach).sub_(spread).div_(excess)  # E' by |d|
        bend = torch.where(excess < FEW / reach, (excess * (reach / 3)).sub_(0.5).mul_(reach**2), bend)
        of_left = (of_acid + of_quencher).mul_(kept).mul_(rest)
        of_log = (of_exposure * rest).div_(rate)
        of_scarce = (of_left * rest).addcmul_(of_log, spread)
        of_excess = (scarce * rest).mul_(bend).add_(reach).mul_(of_left).neg_().addcmul_(of_log, bend).mul_(scarce)
        acid_more = difference >= 0
        surplus = of_excess.add_(torch.where(acid_more, of_acid.add(of_exposure, alpha=seconds), of_quencher))
        other = of_scarce.sub_(surplus)
        return torch.where(acid_more, surplus, other), torch.where(acid_more, other, surplus), None, None
