"""Zernike polynomials in Noll's order."""

from math import comb

import torch
from torch import Tensor


def noll_to_nm(j: int) -> tuple[int, int]:
    """Radial order n and signed azimuthal order m (m < 0: sine) of Noll index j >= 1.

    Source: R. J. Noll, J. Opt. Soc. Am. 66, 207 (1976), table I.
    """
    n, first = 0, 1
    while first + n + 1 <= j:
        first += n + 1
        n += 1
    position = j - first
    m = 2 * ((position + 1 - n % 2) // 2) + n % 2
    return n, m if j % 2 == 0 else -m


def zernike(j: int, x: Tensor, y: Tensor) -> Tensor:
    """Noll's Z_j, with a mean square of 1 over the unit disc.

    Z_1 = 1, Z_2 = 2 x, Z_3 = 2 y, Z_4 = sqrt(3) (2 r^2 - 1), ...

    Args:
        j: Noll index, at least 1.
        x: Pupil coordinate in units of the pupil's radius, any shape.
        y: The same along y.

    Returns:
        Values of the coordinates' shape.

    Source: as `noll_to_nm`.
    """
    n, m = noll_to_nm(j)
    order = abs(m)
    r, angle = torch.hypot(x, y), torch.atan2(y, x)
    radial = torch.zeros_like(r)
    for k in range((n - order) // 2 + 1):
        radial += (-1) ** k * comb(n - k, k) * comb(n - 2 * k, (n - order) // 2 - k) * r ** (n - 2 * k)
    if order == 0:
        return (n + 1) ** 0.5 * radial
    return (2 * (n + 1)) ** 0.5 * radial * (torch.cos(order * angle) if m > 0 else torch.sin(order * angle))
