"""The leading coherent modes of A A^H: its eigenvectors, from A itself or from A A^H summed over source points."""

from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.core.errors import KernelError
from litho_dl.optics.columns import Columns
from litho_dl.optics.mirrors import folded, folded_places, mirrored_axes, parities, unfolded
from litho_dl.optics.tcc import Tcc, hopkins_tcc, require_memory

DIRECT_COLUMNS = 2048  # A of up to so many columns is always decomposed itself
RANK_TOLERANCE = 1e-14  # of the largest singular value; kernels of smaller ones are rounding noise
ENERGY_TOLERANCE = 1e-14  # of the largest eigenvalue of A A^H, the same


NO_LIGHT = "Expected optics that pass light, got none from any source point; check the Jones pupil."


class Modes(NamedTuple):
    """Orthonormal eigenvectors of A A^H.

    Attributes:
        vectors: (rows, R) complex128, on the rows that pass.
        energies: (R,) eigenvalues > 0 in descending order.
        passed: Which of all mask frequencies are rows, (F,) bool.
        total: The sum of all eigenvalues.
    """

    vectors: Tensor
    energies: Tensor
    passed: Tensor
    total: Tensor


def coherent_modes(columns: Columns, most: int | None = None) -> Modes:
    """The leading modes of A A^H for A[f, (s, q)] = sqrt(J_s) H_q(f + s).

    A with many columns is not formed, unless it has more rows and no mirrors: A A^H is summed over source points, each
    of which touches only the frequencies that it passes.

    Args:
        columns: The columns of A.
        most: How many modes are wanted; None: all.

    Returns:
        The modes above rounding noise, at most so many.

    Raises:
        KernelError: A, or A A^H, does not fit in memory.
    """
    rows, count = int(columns.passed.sum()), len(columns.source.weights) * columns.per_point
    axes = mirrored_axes(columns)
    direct = count <= DIRECT_COLUMNS or (count <= rows and not axes)
    if direct:
        require_memory(columns, rows * count)
        amplitudes = _amplitudes(columns)
        if not amplitudes.numel():
            raise KernelError(NO_LIGHT)
        vectors, singular, _ = torch.linalg.svd(amplitudes, full_matrices=False)
        energies, total = singular.square(), singular.square().sum()
        kept = int((singular > RANK_TOLERANCE * singular[0]).sum())
    else:
        return tcc_modes(hopkins_tcc(columns, axes), most)
    return Modes(vectors[:, :kept], energies[:kept], columns.passed, total)


def tcc_modes(tcc: Tcc, most: int | None = None) -> Modes:
    """The leading modes of a TCC that is at hand, as `coherent_modes`."""
    total = tcc.values.flatten(2).flatten(0, 1).diagonal().real.sum()
    if not total > 0:
        raise KernelError(NO_LIGHT)
    vectors, energies = _leading(tcc.values, tcc.passed, tcc.axes, most)
    kept = int((energies > ENERGY_TOLERANCE * energies[0]).sum())
    return Modes(vectors[:, :kept], energies[:kept], tcc.passed.flatten(), total)


def _amplitudes(columns: Columns) -> Tensor:
    """A, (rows, columns that do not vanish)."""
    roots, parts = torch.from_numpy(columns.source.weights).sqrt(), []
    for block in columns.blocks():
        count, per_point = block.values.shape[:2]
        whole = block.values.new_zeros(count, per_point, len(columns.passed))
        places = block.places[:, None].expand_as(block.values)
        parts.append(whole.scatter_(2, places.flatten(2), block.values.flatten(2))[..., columns.passed].flatten(0, 1))
    amplitudes = torch.cat(parts).T * roots.repeat_interleave(columns.per_point)
    return amplitudes[:, amplitudes.abs().amax(0) > 0]


def _leading(values: Tensor, passed: Tensor, axes: tuple[int, ...], most: int | None) -> tuple[Tensor, Tensor]:
    """Eigenvectors (rows, R) and eigenvalues (R,) in descending order; each parity under the mirrors has its own."""
    vectors, energies = [], []
    for odd_y, odd_x in parities(axes):
        part, inside = values, folded_places(passed, odd_y, odd_x)
        if not inside.any():  # on a field that passes the zero frequency alone along an axis, nothing is odd
            continue
        for dim, odd in enumerate((odd_y, odd_x, odd_y, odd_x)):
            part = folded(part, dim, odd)
        own, found = _eigen(part.flatten(2).flatten(0, 1)[inside.flatten()][:, inside.flatten()], most)
        whole = own.new_zeros(len(found), *inside.shape)
        whole[:, inside] = own.T
        vectors.append(unfolded(unfolded(whole, 1, odd_y), 2, odd_x)[:, passed])
        energies.append(found)
    together = torch.cat(energies)
    order = together.argsort(descending=True, stable=True)[:most]
    return torch.cat(vectors)[order].T, together[order]


def _eigen(matrix: Tensor, most: int | None) -> tuple[Tensor, Tensor]:
    """Eigenvectors, as columns, and eigenvalues of a Hermitian matrix; at most so many of the largest."""
    if most is None or most >= len(matrix):
        energies, vectors = torch.linalg.eigh(matrix)
        return vectors, energies
    from scipy.linalg import eigh  # imported here: it loads slowly, and only large sums need it

    energies, vectors = map(
        torch.from_numpy, eigh(matrix.numpy(), subset_by_index=(len(matrix) - most, len(matrix) - 1))
    )
    return vectors, energies
