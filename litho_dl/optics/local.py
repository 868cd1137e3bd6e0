"""Functions of space that end at a distance: what they are on another, larger field.

A function on a periodic field is known up to half the field away, its reach. Carried to a larger field, it is unchanged
up to two thirds of its reach, then falls to zero at it. What its integral loses by that is added back on the ring
where it falls, so that its zero frequency stays the same.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

FADE = 0.35  # share of the reach over which functions fall to zero; closer to the centre they are unchanged
FEWEST = 16  # points across, where hardly any frequency passes
OVERSAMPLING = 2  # of the functions in space, so that fading them causes no aliasing


@dataclass(frozen=True)
class Carrier:
    """From spectra on one field to those of the faded functions on another.

    Attributes:
        half: (h_y, h_x) of the given spectra, the highest frequencies in steps of 1 / field.
        field_nm: (height, width) of their field.
        wide_half: The same of the wanted spectra.
        wide_nm: The wanted field.
        reach_nm: Distance at which the functions end.
        ended: Whether they end there already, so that nothing is faded.
    """

    half: tuple[int, int]
    field_nm: tuple[float, float]
    wide_half: tuple[int, int]
    wide_nm: tuple[float, float]
    reach_nm: float
    ended: bool = False

    def __call__(self, spectrum: Tensor) -> Tensor:
        """The spectrum (2 h_y + 1, 2 h_x + 1) complex128 on the wanted field, zero frequency in the centre."""
        rows, columns = (_waves(self._x, h, side) for h, side in zip(self.half, self.field_nm, strict=True))
        back_rows, back_columns = (
            _waves(self._x, h, side).conj().T for h, side in zip(self.wide_half, self.wide_nm, strict=True)
        )
        cell = (self._x[1] - self._x[0]) ** 2 / math.prod(self.field_nm)
        distance = torch.hypot(self._x[:, None], self._x) / self.reach_nm
        fade = faded_to_zero(distance)
        ring = fade * (1 - fade)
        values = (rows @ spectrum.to(torch.complex128) @ columns.T) * ((distance < 1) if self.ended else fade)
        lost = spectrum[self.half] / cell - values.sum()
        return cell * (back_rows @ (values + lost * ring / ring.sum()) @ back_columns.T)

    @cached_property
    def _x(self) -> Tensor:
        return _points(self.half, self.field_nm, self.reach_nm)


def faded_to_zero(distance: Tensor) -> Tensor:
    """1 up to 1 - `FADE` of the reach, 0 from the reach on, half a cosine between; distances over the reach."""
    return (1 + torch.cos(math.pi * ((distance - (1 - FADE)) / FADE).clamp(0, 1))) / 2


def disc_spectrum(half: tuple[int, int], field_nm: tuple[float, float], reach_nm: float) -> Tensor:
    """The spectrum of a disc of smooth weight and integral 1, (2 h_y + 1, 2 h_x + 1) float64.

    Args:
        half: (h_y, h_x), the highest frequencies in steps of 1 / field.
        field_nm: (height, width) of the field.
        reach_nm: Its radius; the weight falls as 1 + cos(pi distance / radius).
    """
    x = _points(half, field_nm, reach_nm)
    weight = 1 + torch.cos(math.pi * (torch.hypot(x[:, None], x) / reach_nm).clamp(max=1))
    rows, columns = (_waves(x, h, side) for h, side in zip(half, field_nm, strict=True))
    found: Tensor = (rows.mT @ (weight / weight.sum()).to(torch.complex128) @ columns).real
    return found


def _points(half: tuple[int, int], field_nm: tuple[float, float], reach_nm: float) -> Tensor:
    """Sample points in [-reach, reach), fine enough for the highest frequencies."""
    highest = max(h / side for h, side in zip(half, field_nm, strict=True))
    count = max(FEWEST, 2 * math.ceil(2 * OVERSAMPLING * highest * reach_nm))
    return (torch.arange(count, dtype=torch.float64) - count // 2) * (2 * reach_nm / count)


def _waves(x: Tensor, half: int, side_nm: float) -> Tensor:
    """exp(2 pi i f x), (points, 2 half + 1), for frequencies of steps of 1 / side."""
    frequencies = torch.arange(-half, half + 1, dtype=torch.float64) / side_nm
    return torch.exp(2j * math.pi * x[:, None] * frequencies)
