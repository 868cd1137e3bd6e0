"""Kernels, and the spectra of masks, on the frequencies that a simulator keeps."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from litho_dl.optics.imaging import paired
from litho_dl.optics.kernels import Tail
from litho_dl.process.model import ProcessModel


class MaskSpectrum(NamedTuple):
    """The spectra of what masks transmit.

    Attributes:
        amplitude: Of t, (..., 2 h_y + 1, 2 h_x + 1) complex, zero frequency in the centre.
        intensity: Of |t|^2 up to the band of images, half spectra (..., 4 h_y + 1, 2 h_x + 1) complex; None where no
            kernels have a tail.
    """

    amplitude: Tensor
    intensity: Tensor | None

    def part(self, which: slice) -> "MaskSpectrum":
        """The spectra of some masks of a batch."""
        return MaskSpectrum(self.amplitude[which], None if self.intensity is None else self.intensity[which])


@dataclass(frozen=True, eq=False, repr=False)
class Passband:
    """The kernels of a simulator, and the frequencies of mask and image that it keeps.

    Attributes:
        kernels: Complex kernels or pupils of each focus, in float64 precision.
        half: (h_y, h_x), the highest frequencies of the mask.
        intensity_half: The highest frequencies of the intensity.
        tails: The tails of the kernels that have one, in float64 precision.
    """

    kernels: dict[str, Tensor]
    half: tuple[int, int]
    intensity_half: tuple[int, int]
    tails: dict[str, Tail] = field(default_factory=dict)

    def __repr__(self) -> str:
        kernels = ", ".join(f"{name} {len(kernels)}" for name, kernels in self.kernels.items())
        return f"Passband(kernels {kernels}; half {self.half}, intensity half {self.intensity_half})"


def socs_passband(process: ProcessModel) -> Passband:
    """The kernels of a process, or fewer kernels that give the same images of real masks."""
    half_y, half_x = process.half
    kernels = {name: paired(kernels.weighted_spectra) for name, kernels in process.kernels.items()}
    tails = {name: kernels.tail for name, kernels in process.kernels.items() if kernels.tail is not None}
    return Passband(kernels, (half_y, half_x), (2 * half_y, 2 * half_x), tails)
