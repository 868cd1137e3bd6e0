"""Layer 3: the differentiable lithography simulator."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from litho_dl.core.dft import PartialDft, analyse, analysis, full_spectrum, synthesis, synthesise
from litho_dl.core.errors import GridMismatchError, KernelError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.optics.imaging import intensity_spectrum, paired
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.process.resist import Resist, diffusion_transfer, sigmoid_print, threshold_print


@dataclass(frozen=True)
class Exposure:
    """What a batch of masks does on the wafer; images are made when asked for.

    Attributes:
        intensity: Image in resist, (..., H, W), of each focus at dose 1, by kernel name.
        corners: Process conditions by name.
        resist: The resist.
    """

    intensity: dict[str, Tensor]
    corners: dict[str, Corner]
    resist: Resist

    def aerial(self, corner: str = "nominal") -> Tensor:
        """Intensity at the corner's focus and dose, (..., H, W)."""
        condition = self._condition(corner)
        return condition.dose * self.intensity[condition.kernels]

    def print(self, corner: str = "nominal") -> Tensor:
        """Differentiable print in (0, 1), (..., H, W)."""
        condition = self._condition(corner)
        return sigmoid_print(self.intensity[condition.kernels], self.resist, condition.dose)

    def binary_print(self, corner: str = "nominal") -> Tensor:
        """What prints, bool (..., H, W)."""
        condition = self._condition(corner)
        return threshold_print(self.intensity[condition.kernels], self.resist, condition.dose)

    def _condition(self, corner: str) -> Corner:
        if corner not in self.corners:
            raise KernelError(f"Expected a process with a corner {corner!r}, got {', '.join(self.corners)}.")
        return self.corners[corner]


@dataclass(frozen=True, eq=False)
class Passband:
    """What a simulator sees of a mask, and keeps of its image.

    Attributes:
        kernels: Complex kernels or pupils of each focus, in full precision.
        half: (h_y, h_x), the highest mask frequencies.
        intensity_half: The intensity's.
    """

    kernels: dict[str, Tensor]
    half: tuple[int, int]
    intensity_half: tuple[int, int]


def socs_passband(process: ProcessModel) -> Passband:
    """The process's own kernels, or fewer that image real masks alike."""
    half_y, half_x = process.half
    kernels = {name: paired(kernels.weighted_spectra) for name, kernels in process.kernels.items()}
    return Passband(kernels, (half_y, half_x), (2 * half_y, 2 * half_x))


class Simulator(nn.Module):
    """Mask batch in, aerial images and prints out; exact for band-limited optics, and differentiable.

    Example:
        >>> simulator = Simulator(load_process("duv193-immersion-annular"))
        >>> exposure = simulator(masks, pixel_nm=4, out_pixel_nm=1)   # masks (B, 512, 512)
        >>> exposure.print("nominal")                                  # (B, 2048, 2048)
    """

    def __init__(
        self, process: ProcessModel, *, dtype: torch.dtype = torch.float32, passband: Passband | None = None
    ) -> None:
        super().__init__()
        self.process = process
        self.passband = socs_passband(process) if passband is None else passband
        self._buffer_names = {name: f"kernels_{index}" for index, name in enumerate(self.passband.kernels)}
        self._transforms: dict[tuple[str, tuple[int, int], float], PartialDft] = {}
        self._fill_buffers(dtype, torch.device("cpu"))

    diffusion: Tensor

    @property
    def device(self) -> torch.device:
        """Where the kernels live."""
        return self.diffusion.device

    @property
    def dtype(self) -> torch.dtype:
        """float32 or float64."""
        return self.diffusion.dtype

    def _fill_buffers(self, dtype: torch.dtype, device: torch.device) -> None:
        """Rounds the passband's kernels to `dtype`; complex ones as pairs of reals, which every module move keeps."""
        complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
        for name, kernels in self.passband.kernels.items():
            pairs = torch.view_as_real(kernels.to(device, complex_dtype).resolve_conj())
            self.register_buffer(self._buffer_names[name], pairs)
        transfer = diffusion_transfer(
            self.passband.intensity_half, self.process.field_nm, self.process.resist.diffusion_nm
        )
        self.register_buffer("diffusion", transfer.to(device, dtype))

    def _apply(self, fn, recurse: bool = True) -> Self:  # type: ignore[no-untyped-def]
        """A move drops the matrices made for the old device or dtype; a new dtype rounds the kernels afresh."""
        self._transforms.clear()
        before = self.dtype
        super()._apply(fn, recurse)
        if self.dtype != before:
            self._fill_buffers(self.dtype, self.device)
        return self

    def grid(self, pixel_nm: float) -> Grid:
        """The field's grid at a pixel that divides it; raises GridMismatchError if it does not."""
        return Grid.of_field(self.process.field_nm, pixel_nm)

    def spectrum(self, mask: Tensor, pixel_nm: float) -> Tensor:
        """Spectrum of the transmitted amplitude, (..., 2 h_y + 1, 2 h_x + 1) complex."""
        self._require_mask(mask, pixel_nm)
        amplitude = self.process.mask.amplitude(mask.to(self.device, self.dtype))
        return full_spectrum(analyse(amplitude, self._transform("analysis", pixel_nm)))

    def intensity(self, mask: Tensor, pixel_nm: float, *, out_pixel_nm: float | None = None) -> dict[str, Tensor]:
        """Image in resist of every focus at dose 1, by kernel name.

        Args:
            mask: Real mask values (..., H, W) that fill the field; [0, 1], or [-1, 1] for an alternating mask.
            pixel_nm: The mask's pixel.
            out_pixel_nm: Pixel of the images, sampled at its centres; the mask's by default.

        Returns:
            (..., H', W') tensors.

        Raises:
            MaskError: The mask is not a real tensor of at least two dimensions.
            GridMismatchError: The mask does not fill the kernels' field, or the output pixel does not divide it.
        """
        spectrum = self.spectrum(mask, pixel_nm)
        transform = self._transform("synthesis", pixel_nm if out_pixel_nm is None else out_pixel_nm)
        return {name: synthesise(self.intensity_spectrum(spectrum, name), transform) for name in self._buffer_names}

    def intensity_spectrum(self, spectrum: Tensor, kernels: str) -> Tensor:
        """Half spectrum of the image in resist, (..., 4 h_y + 1, 2 h_x + 1), from the mask's spectrum."""
        return intensity_spectrum(spectrum, self.kernels(kernels)) * self.diffusion

    def kernels(self, name: str) -> Tensor:
        """The passband's kernels of one focus, on the device, complex."""
        return torch.view_as_complex(self.get_buffer(self._buffer_names[name]))

    def forward(self, mask: Tensor, pixel_nm: float, *, out_pixel_nm: float | None = None) -> Exposure:
        """Exposes a batch of masks; the arguments and errors are those of `intensity`."""
        intensity = self.intensity(mask, pixel_nm, out_pixel_nm=out_pixel_nm)
        return Exposure(intensity, self.process.corners, self.process.resist)

    def _transform(self, kind: str, pixel_nm: float) -> PartialDft:
        grid = self.grid(pixel_nm)
        key = (kind, grid.shape, pixel_nm)
        if key not in self._transforms:
            with torch.inference_mode(False):  # a matrix first made there could not serve a later backward pass
                self._transforms[key] = self._make_transform(kind, grid)
        return self._transforms[key]

    def _make_transform(self, kind: str, grid: Grid) -> PartialDft:
        if kind == "synthesis":
            return synthesis(grid, self.passband.intensity_half, dtype=self.dtype, device=self.device)
        reference_nm = self.process.mask_pixel_nm
        return analysis(grid, self.passband.half, reference_nm=reference_nm, dtype=self.dtype, device=self.device)

    def _require_mask(self, mask: Tensor, pixel_nm: float) -> None:
        if mask.ndim < 2 or mask.is_complex():
            raise MaskError(f"Expected a real mask (..., H, W), got {mask.dtype} of shape {tuple(mask.shape)}.")
        expected = self.grid(pixel_nm).shape
        if tuple(mask.shape[-2:]) != expected:
            height, width = self.process.field_nm
            raise GridMismatchError(
                f"The kernels were made for a field of {height:g} x {width:g} nm, {expected[0]} x {expected[1]} pixels "
                f"of {pixel_nm:g} nm; got a mask of {mask.shape[-2]} x {mask.shape[-1]} pixels. Give the mask's own "
                f"pixel, or build kernels for its field."
            )
