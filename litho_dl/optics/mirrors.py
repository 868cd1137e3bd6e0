"""Mirror symmetries of A A^H: they save source points, and split its eigenproblem into smaller ones.

Where source and lens are unchanged by a mirror of the x or the y axis, so is A A^H, component by component. Its
eigenvectors are then even or odd in that axis, and to these parts a source point adds as much as its mirror image.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from litho_dl.optics.columns import Columns
from litho_dl.optics.pupil import sampled_pupil
from litho_dl.optics.source import Source

TOLERANCE = 1e-12  # of positions, weights and states that mirror images may differ by
ROOT = 2**0.5


def mirrored_axes(columns: Columns) -> tuple[int, ...]:
    """The axes whose mirror leaves A A^H as it is: 0 for y, 1 for x.

    Films are flat, so they have both mirrors; a lens with a Jones pupil is taken to have none.
    """
    if columns.pupil.jones is not None:
        return ()
    lens = sampled_pupil(columns.pupil, columns.defocus_nm)
    passed = columns.passed.view([2 * h + 1 for h in columns.half])
    return tuple(
        axis
        for axis in (0, 1)
        if (lens - lens.flip(axis)).abs().max() <= TOLERANCE
        and bool((passed == passed.flip(axis)).all())
        and _same(columns.source, _mirrored(columns.source, axis))
    )


def _mirrored(source: Source, axis: int) -> Source:
    sign = np.array([1.0, -1.0] if axis == 0 else [-1.0, 1.0])
    return Source(source.points * sign, source.weights, source.states * sign)


def _same(one: Source, other: Source) -> bool:
    """Whether two sources have the same points, weights and coherencies, in any order."""

    def rows(source: Source) -> np.ndarray:
        coherency = np.einsum("spi,spj->sij", source.states, source.states)
        scaled = source.weights[:, None] / source.weights.max()
        order = np.lexsort(source.points.round(9).T + 0.0)
        return np.concatenate((source.points, scaled, scaled * coherency.reshape(-1, 4)), axis=1)[order]

    return bool(np.abs(rows(one) - rows(other)).max() <= TOLERANCE)


def without_images(columns: Columns, axes: tuple[int, ...]) -> Columns:
    """The columns of those source points that give all others by the mirrors, each with the weight of its images.

    The even and the odd parts of A A^H are then those of all points; other parts are not.
    """
    points, weights = columns.source.points, columns.source.weights
    kept = np.ones(len(weights), dtype=bool)
    for axis in axes:
        across = points[:, 1 - axis]
        kept &= across > -TOLERANCE
        weights = np.where(np.abs(across) <= TOLERANCE, weights, 2 * weights)
    return replace(columns, source=Source(points[kept], weights[kept], columns.source.states[kept]))


def parities(axes: tuple[int, ...]) -> list[tuple[bool | None, bool | None]]:
    """The kinds of eigenvectors: for y and x, even (False), odd (True), or neither (None) without that mirror."""
    kinds = [(False, True) if axis in axes else (None,) for axis in (0, 1)]
    return [(odd_y, odd_x) for odd_y in kinds[0] for odd_x in kinds[1]]


def folded(values: Tensor, dim: int, odd: bool | None) -> Tensor:
    """The even or the odd part along a dimension of 2 h + 1 frequencies, in an orthonormal basis: h + 1 or h values."""
    if odd is None:
        return values
    half = values.shape[dim] // 2
    below, above = values.narrow(dim, 0, half).flip(dim), values.narrow(dim, half + 1, half)
    if odd:
        return (above - below) / ROOT
    return torch.cat((values.narrow(dim, half, 1), (above + below) / ROOT), dim)


def unfolded(values: Tensor, dim: int, odd: bool | None) -> Tensor:
    """The values (2 h + 1) that have a given even or odd part along a dimension, and no other."""
    if odd is None:
        return values
    if odd:
        centre, above = torch.zeros_like(values.narrow(dim, 0, 1)), values / ROOT
        return torch.cat((-above.flip(dim), centre, above), dim)
    above = values.narrow(dim, 1, values.shape[dim] - 1) / ROOT
    return torch.cat((above.flip(dim), values.narrow(dim, 0, 1), above), dim)


def folded_places(passed: Tensor, odd_y: bool | None, odd_x: bool | None) -> Tensor:
    """Which of the folded frequencies pass, of passed frequencies (n_y, n_x) that have the mirrors."""
    for dim, odd in enumerate((odd_y, odd_x)):
        if odd is not None:
            half = passed.shape[dim] // 2
            passed = passed.narrow(dim, half + odd, half + 1 - odd)
    return passed
