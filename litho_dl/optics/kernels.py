"""Coherent kernels: an optical system as a short sum of coherent systems (SOCS)."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.core.errors import GridMismatchError, KernelError
from litho_dl.core.grid import same_length


class Tail(NamedTuple):
    """What truncated kernels lack, see `optics.tail`.

    Attributes:
        linear: Transfer function of |t|^2, half spectrum (4 h_y + 1, 2 h_x + 1) complex.
        root: A kernel that passes as much light as is missing, (2 h_y + 1, 2 h_x + 1) complex.
        disc: Spectrum of the disc over which its light is spread, half spectrum (4 h_y + 1, 2 h_x + 1) real.
    """

    linear: Tensor
    root: Tensor
    disc: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class SocsKernels:
    """I = sum_k weights_k |F^-1{spectra_k S}|^2 for a mask of spectrum S, and what a tail adds.

    Attributes:
        spectra: (K, 2 h_y + 1, 2 h_x + 1) complex; zero frequency in the centre, axes (fy, fx), step 1 / field. K may
            be 0 where there is a tail.
        weights: (K,) real, >= 0, in descending order.
        field_nm: (height, width) of the periodic field; the kernels are valid for this field only.
        mask_pixel_nm: Pixel of the sampled mask whose discrete transform is S (see `core.dft`); 0: S is the exact
            Fourier series.
        discarded_energy: Share of the TCC's trace that was dropped by truncation; None if unknown (imported kernels).
        tail: What the dropped kernels add; None: nothing.
        edge_error_nm: How close 99 % of edges lie to the exact image's, by `process.accuracy`; None: unknown.
        polarized: How each kernel sees light of which only the x component is let through, and light with x and y
            exchanged, (K, 2, 2 h_y + 1, 2 h_x + 1) complex, which masks with boundary layers need (see
            `optics.topography`); None: they cannot be imaged.
        ends_nm: Distance at which kernels, and each part of the tail, end in space, if they were carried to a larger
            field (`optics.extend`); None: they fill the field.
    """

    spectra: Tensor
    weights: Tensor
    field_nm: tuple[float, float]
    mask_pixel_nm: float = 0.0
    discarded_energy: float | None = None
    tail: Tail | None = None
    edge_error_nm: float | None = None
    ends_nm: float | None = None
    polarized: Tensor | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.spectra.shape)
        if len(shape) != 3 or not self.spectra.is_complex() or shape[1] % 2 == 0 or shape[2] % 2 == 0:
            raise KernelError(
                f"Expected complex kernels (K, odd, odd), got {self.spectra.dtype} of shape {shape}; "
                f"the zero frequency must lie in the centre."
            )
        if self.weights.is_complex() or tuple(self.weights.shape) != shape[:1]:
            raise KernelError(
                f"Expected {shape[0]} real weights, got {self.weights.dtype} of shape {tuple(self.weights.shape)}."
            )
        if not (torch.isfinite(self.spectra).all() and torch.isfinite(self.weights).all()):
            raise KernelError("Expected finite kernels and weights, got NaN or infinity; the file is damaged.")
        if (self.weights < 0).any() or not ((self.weights > 0).any() or self.tail is not None):
            raise KernelError("Expected kernel weights >= 0, at least one of them positive; the file is damaged.")
        self._require_tail()
        self._require_polarized((shape[0], 2, *shape[1:]))
        if not (all(0 < side < math.inf for side in self.field_nm) and 0 <= self.mask_pixel_nm < math.inf):
            raise KernelError(
                f"Expected a positive field and a mask pixel >= 0, got {self.field_nm} nm and {self.mask_pixel_nm} nm."
            )

    def _require_polarized(self, shape: tuple[int, ...]) -> None:
        parts = self.polarized
        if parts is None:
            return
        if not parts.is_complex() or tuple(parts.shape) != shape or not torch.isfinite(parts).all():
            raise KernelError(
                f"Expected finite complex polarized parts of shape {shape}, got {parts.dtype} of shape "
                f"{tuple(parts.shape)}; the file is damaged."
            )

    def _require_tail(self) -> None:
        if self.tail is None:
            return
        half_spectrum, spectrum = (4 * self.half[0] + 1, 2 * self.half[1] + 1), tuple(self.spectra.shape[1:])
        expected = [(half_spectrum, True), (spectrum, True), (half_spectrum, False)]
        if [(tuple(part.shape), part.is_complex()) for part in self.tail] != expected:
            raise KernelError(
                f"Expected a tail of complex parts of {half_spectrum} and {spectrum} and a real one of {half_spectrum},"
                f" got {', '.join(f'{part.dtype} {tuple(part.shape)}' for part in self.tail)}; the file is damaged."
            )
        if not all(torch.isfinite(part).all() for part in self.tail):
            raise KernelError("Expected a finite tail, got NaN or infinity; the file is damaged.")

    def __repr__(self) -> str:
        count, rows, columns = self.spectra.shape
        height, width = self.field_nm
        tail = "" if self.tail is None else " and a tail"
        return f"SocsKernels({count} of {rows} x {columns}{tail}, field {width:g} x {height:g} nm)"

    @property
    def half(self) -> tuple[int, int]:
        """(h_y, h_x): the highest mask frequencies that pass, in steps of 1 / field."""
        return self.spectra.shape[1] // 2, self.spectra.shape[2] // 2

    @property
    def reach_nm(self) -> float:
        """Distance up to which they describe the mask's influence: where they end, or half the field's smaller side."""
        return min(self.field_nm) / 2 if self.ends_nm is None else self.ends_nm

    @property
    def weighted_spectra(self) -> Tensor:
        """Each kernel multiplied by the root of its weight, as `imaging.intensity_spectrum` takes them."""
        return self.spectra * self.weights.sqrt()[:, None, None]

    @property
    def diagonal(self) -> Tensor:
        """The TCC's diagonal that the kernels hold, sum_k w_k |K_k(f)|^2, (2 h_y + 1, 2 h_x + 1)."""
        return (self.weights[:, None, None] * self.spectra.abs().square()).sum(0)

    @property
    def open_frame(self) -> float:
        """Intensity of a clear mask."""
        dc = self.spectra[:, self.half[0], self.half[1]]
        kept = float((self.weights * dc.abs().square()).sum())
        if self.tail is None:
            return kept
        linear, root, disc = self.tail
        zero = 2 * self.half[0], 0
        return kept + float(linear[zero].real + disc[zero] * root[self.half].abs().square())

    def scaled(self, factor: float) -> "SocsKernels":
        """The same kernels with every weight, and the tail, multiplied by `factor`."""
        tail = self.tail
        if tail is not None:
            tail = tail._replace(linear=tail.linear * factor, root=tail.root * math.sqrt(factor))
        return replace(self, weights=self.weights * factor, tail=tail)

    def require_field(self, field_nm: tuple[float, float]) -> None:
        """Checks that the kernels were made for a field.

        Raises:
            GridMismatchError: They were made for another field than `field_nm`, (height, width).
        """
        if not all(same_length(a, b) for a, b in zip(self.field_nm, field_nm, strict=True)):
            raise GridMismatchError(
                f"These kernels were made for a field of {self.field_nm[0]:g} x {self.field_nm[1]:g} nm, got an image "
                f"of {field_nm[0]:g} x {field_nm[1]:g} nm; build kernels for that field."
            )
