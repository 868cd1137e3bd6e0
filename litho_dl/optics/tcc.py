"""Hopkins' transmission cross coefficients as a matrix: what an optical system does to every pair of mask frequencies.

TCC = A A^H is summed over source points, each of which touches only the frequencies that it passes. The image of a mask
is a sum over its diagonals, exact for any mask and as cheap for many source points as for few.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.core.errors import KernelError
from litho_dl.optics.columns import Columns, clear_intensity, fewest
from litho_dl.optics.mirrors import mirrored_axes, without_images

MOST_VALUES = 2**29  # of a matrix, 8 GiB


class Tcc(NamedTuple):
    """The matrix of one focus.

    Attributes:
        values: A A^H, (n_y, n_x, n_y, n_x) complex128: pairs of mask frequencies, zero in the centre.
        passed: Which mask frequencies pass, (n_y, n_x) bool.
        axes: The axes whose mirror leaves it as it is, as `optics.mirrors.mirrored_axes` says.
        clear: What a clear mask has without films, on the scale of `values`.
    """

    values: Tensor
    passed: Tensor
    axes: tuple[int, ...]
    clear: float

    @property
    def diagonal(self) -> Tensor:
        """sum_{s,q} J_s |H_q(f + s)|^2 for a clear mask's image of 1 without films, (n_y, n_x) float64."""
        own = self.values.flatten(2).flatten(0, 1).diagonal().real
        return own.view(self.passed.shape) / self.clear


def require_memory(columns: Columns, values: int) -> None:
    """Checks that a matrix of so many complex values fits in memory.

    Raises:
        KernelError: It does not.
    """
    if values > MOST_VALUES:
        rows, count = int(columns.passed.sum()), len(columns.source.weights) * columns.per_point
        raise KernelError(
            f"A field of {columns.field_nm[0]:g} x {columns.field_nm[1]:g} nm passes {rows} frequencies for {count} "
            f"fields, more than fits in memory; choose a smaller field."
        )


def hopkins_tcc(columns: Columns, axes: tuple[int, ...] | None = None) -> Tcc:
    """The TCC of one focus.

    Args:
        columns: The columns of A.
        axes: Mirrors of which use is made; None: all that there are.

    Raises:
        KernelError: It does not fit in memory.
    """
    require_memory(columns, len(columns.passed) ** 2)
    axes = mirrored_axes(columns) if axes is None else axes
    values = point_sum(without_images(columns, axes))
    for axis in axes:
        values += values.flip(axis, axis + 2)
        values /= 2
    weights = torch.from_numpy(columns.source.weights)
    return Tcc(
        values,
        columns.passed.view(values.shape[:2]),
        axes,
        float(clear_intensity(columns.source, columns.pupil) @ weights),
    )


def point_sum(columns: Columns) -> Tensor:
    """A A^H on all frequencies, (n_y, n_x, n_y, n_x): those source points together that pass the same window."""
    sides = [2 * h + 1 for h in columns.half]
    total = torch.zeros(*sides, *sides, dtype=torch.complex128)
    ordered = replace(columns, source=columns.source.part(columns.windows.places[:, 0, 0].argsort(stable=True).numpy()))
    roots = torch.from_numpy(ordered.source.weights).sqrt()
    for block in ordered.blocks():
        own, roots = roots[: len(block.values)], roots[len(block.values) :]
        fields = own[:, None, None, None] * fewest(block.values)
        starts, counts = block.places[:, 0, 0].unique_consecutive(return_counts=True)
        for start, part in zip(starts.tolist(), fields.split(counts.tolist()), strict=True):
            shape, (y, x) = part.shape[2:], divmod(start, sides[1])
            flat = part.flatten(2).flatten(0, 1)
            rows, places_x = slice(y, y + shape[0]), slice(x, x + shape[1])
            total[rows, places_x, rows, places_x] += (flat.T @ flat.conj()).view(*shape, *shape)
    return total


def tcc_intensity_spectrum(spectrum: Tensor, tcc: Tcc) -> Tensor:
    """I(f) = sum_f' TCC(f' + f, f') S(f' + f) S(f')^*, Hopkins' sum.

    Args:
        spectrum: Mask spectra (B, n_y, n_x) complex128, zero frequency in the centre.
        tcc: On the same frequencies.

    Returns:
        Half spectra of the intensity, (B, 2 n_y - 1, n_x) complex128.

    Source: H. H. Hopkins, Proc. R. Soc. A 217, 408 (1953).
    """
    rows, columns = spectrum.shape[-2:]
    image = spectrum.new_zeros(len(spectrum), 2 * rows - 1, columns)
    conjugate = spectrum.conj().resolve_conj()
    for y in range(1 - rows, rows):
        low, high = max(0, -y), min(rows, rows - y)
        for x in range(columns):
            first = slice(low + y, high + y), slice(x, columns)
            second = slice(low, high), slice(columns - x)
            pairs = tcc.values[(*first, *second)].diagonal(dim1=0, dim2=2).diagonal(dim1=0, dim2=1)
            products = spectrum[:, *first] * conjugate[:, *second]
            image[:, rows - 1 + y, x] = products.flatten(1) @ pairs.flatten()
    return image / tcc.clear
