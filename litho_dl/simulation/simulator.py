"""The differentiable lithography simulator."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import torch
from torch import Tensor, nn

from litho_dl.core.arguments import require_numbers
from litho_dl.core.dft import PartialDft, synthesis, synthesise
from litho_dl.core.errors import GridMismatchError, LithoError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.optics.imaging import intensity_spectrum
from litho_dl.optics.kernels import Tail
from litho_dl.optics.tail import shortened, tail_image
from litho_dl.process.chemistry import ChemicalResist
from litho_dl.process.files import load_process
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.process.resist import diffusion_transfer, with_flare
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.latent import LatentImages
from litho_dl.simulation.mask_spectrum import MaskSpectrum, MaskTransforms, mask_spectrum, mask_transforms
from litho_dl.simulation.mask_values import MaskValues, mask_tensor
from litho_dl.simulation.passband import Passband, socs_passband

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Transform = TypeVar("Transform", PartialDft, MaskTransforms)


class Simulator(nn.Module):
    """Simulates aerial images and prints of a batch of masks; exact for band-limited optics, and differentiable.

    Example:
        >>> simulator = Simulator("duv193-immersion-annular")          # .to("cuda") for a GPU
        >>> exposure = simulator(masks, out_pixel_nm=1)                # masks (B, 512, 512) on the field of 2048 nm
        >>> exposure.print("nominal")                                  # (B, 2048, 2048)
    """

    def __init__(
        self,
        optics: str | Path | ProcessModel,
        *,
        field_nm: float | None = None,
        dtype: torch.dtype = torch.float32,
        passband: Passband | None = None,
    ) -> None:
        """Loads or builds the kernels.

        Args:
            optics: A recipe's name or .toml file, a kernel file (.safetensors), a folder of contest kernels, or a
                process model.
            field_nm: Side of the square field, in place of the recipe's; kernels must already have it.
            dtype: float32 or float64.
            passband: Kernels in place of the process's own, for subclasses that compute images in another way.

        Raises:
            RecipeError, KernelError: The optics cannot be found or read.
            GridMismatchError: The kernels belong to another field, or the field is not positive.
            LithoError: The dtype is another.
        """
        super().__init__()
        if dtype not in (torch.float32, torch.float64):
            raise LithoError(f"Expected torch.float32 or torch.float64, got dtype {dtype}.")
        self.process = process = process_of(optics, field_nm)
        self.passband = socs_passband(process) if passband is None else passband
        chemical = isinstance(process.resist, ChemicalResist)
        self.latent = LatentImages(process, self.passband.intensity_half) if chemical else None
        self._buffer_names = {name: f"kernels_{index}" for index, name in enumerate(self.passband.kernels)}
        self._transforms: dict[tuple[str, tuple[int, int], float], Any] = {}
        self._with_corners: dict[tuple, Simulator] = {}
        self._fill_buffers(dtype, torch.device("cpu"))

    diffusion: Tensor

    def __repr__(self) -> str:
        process = self.process
        counts = (f"{name} {len(kernels)}" for name, kernels in self.passband.kernels.items())
        height, width = process.field_nm
        return (
            f"{type(self).__name__}({process.optics_summary}\n"
            f"  field    {width:g} x {height:g} nm\n"
            f"  corners  {', '.join(process.corners)}\n"
            f"  kernels  {', '.join(counts)}\n"
            f"  device   {self.device}, {str(self.dtype).removeprefix('torch.')})"
        )

    def plot(self, kernels: str = "focus") -> "Figure":
        """Draws the optics of one focus; see `ProcessModel.plot`.

        Args:
            kernels: Name of a kernel set.

        Raises:
            KernelError: There is no such kernel set.
        """
        return self.process.plot(kernels, title=self.process.optics_summary)

    @property
    def field_nm(self) -> tuple[float, float]:
        """(height, width) of the periodic field in nm."""
        return self.process.field_nm

    @property
    def scale(self) -> float:
        """What lengths chosen for some 50 nm of resolution are multiplied by; see `process.recipe.Recipe`."""
        return self.process.scale

    @property
    def corners(self) -> dict[str, Corner]:
        """The corners of exposures by name: the process's, or those of the latent images; see `LatentImages`."""
        return self.process.corners if self.latent is None else self.latent.corners

    @property
    def image_half(self) -> tuple[int, int]:
        """The highest frequencies of the images in resist: of intensities, or of latent images."""
        return self.passband.intensity_half if self.latent is None else self.latent.half

    @property
    def device(self) -> torch.device:
        """The device of the kernels."""
        return self.diffusion.device

    @property
    def dtype(self) -> torch.dtype:
        """float32 or float64."""
        return self.diffusion.dtype

    def _fill_buffers(self, dtype: torch.dtype, device: torch.device) -> None:
        """Rounds the kernels to `dtype`, complex ones as pairs of reals, which `Module.to` converts correctly."""
        complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
        for name, kernels in self.passband.kernels.items():
            pairs = torch.view_as_real(kernels.to(device, complex_dtype).resolve_conj())
            self.register_buffer(self._buffer_names[name], pairs)
        for name, tail in self.passband.tails.items():
            buffer = self._buffer_names[name]
            for part, values in (("linear", tail.linear), ("root", tail.root)):
                pairs = torch.view_as_real(values.to(device, complex_dtype).resolve_conj())
                self.register_buffer(f"{buffer}_{part}", pairs)
            self.register_buffer(f"{buffer}_disc", tail.disc.to(device, dtype))
        transfer = diffusion_transfer(
            self.passband.intensity_half, self.process.field_nm, self.process.resist.diffusion_nm
        )
        self.register_buffer("diffusion", with_flare(transfer, self.process.flare).to(device, dtype))

    def _apply(self, fn, recurse: bool = True) -> Self:  # type: ignore[no-untyped-def]
        """Drops the matrices of another device or dtype; a new dtype rounds the original kernels again."""
        before = self.dtype, self.device
        super()._apply(fn, recurse)
        if (self.dtype, self.device) != before:
            self._transforms, self._with_corners = {}, {}
        if self.dtype != before[0]:
            self._fill_buffers(self.dtype, self.device)
        return self

    def grid(self, pixel_nm: float) -> Grid:
        """The field's grid at a pixel in nm.

        Raises:
            GridMismatchError: The pixel does not divide the field.
        """
        return Grid.of_field(self.process.field_nm, pixel_nm)

    def spectrum(self, mask: Tensor, pixel_nm: float) -> MaskSpectrum:
        """The spectra of what masks transmit; see `MaskSpectrum`.

        Args:
            mask: Real mask values (..., H, W) that fill the field.
            pixel_nm: The mask's pixel.

        Raises:
            MaskError: The mask is not a real tensor of at least two dimensions.
            GridMismatchError: The mask does not fill the kernels' field.
        """
        self.require_grid(mask, pixel_nm)
        return mask_spectrum(mask.to(self.device, self.dtype), self.process.mask, self._mask_transforms(pixel_nm))

    def intensity_spectrum(self, spectrum: MaskSpectrum, kernels: str) -> Tensor:
        """The half spectrum of the intensity in resist.

        Args:
            spectrum: The masks' spectra, as `spectrum` returns them.
            kernels: Name of the kernels, i.e. of the focus.

        Returns:
            Complex, (..., 4 h_y + 1, 2 h_x + 1).
        """
        image = intensity_spectrum(spectrum.amplitude, self.kernels(kernels))
        tail = self.tail(kernels)
        if tail is not None:
            assert spectrum.intensity is not None
            image = image + tail_image(spectrum.amplitude, spectrum.intensity, tail)
        return image * self.diffusion

    def tail(self, name: str) -> Tail | None:
        """What the kernels of one focus lack, on the simulator's device; None: nothing."""
        if name not in self.passband.tails:
            return None
        buffer = self._buffer_names[name]
        linear, root = (torch.view_as_complex(self.get_buffer(f"{buffer}_{part}")) for part in ("linear", "root"))
        return Tail(linear, root, self.get_buffer(f"{buffer}_disc"))

    def kernels(self, name: str) -> Tensor:
        """The complex kernels of one focus, on the simulator's device."""
        return torch.view_as_complex(self.get_buffer(self._buffer_names[name]))

    def forward(
        self, mask: MaskValues, pixel_nm: float | None = None, *, out_pixel_nm: float | None = None
    ) -> Exposure:
        """Exposes a batch of masks, after checking their values.

        Args:
            mask: Mask values (..., H, W) that fill the field: a tensor or array of bool or of numbers in [0, 1]; for an
                alternating mask in [-1, 1].
            pixel_nm: The mask's pixel; None: it follows from the shape.
            out_pixel_nm: Pixel of the images, which are sampled at pixel centres; None: the mask's.

        Returns:
            Aerial images and prints.

        Raises:
            MaskError: The mask is not an array of real numbers (..., H, W), or has NaN or values outside the range.
            GridMismatchError: The mask does not fill the kernels' field, or the output pixel does not divide it.
        """
        values = mask_tensor(mask, lowest=self.process.mask.lowest)
        if pixel_nm is None:
            pixel_nm = Grid.of_shape((values.shape[-2], values.shape[-1]), self.field_nm).pixel_nm
        return self.expose(values, pixel_nm, out_pixel_nm=out_pixel_nm)

    def expose(self, mask: Tensor, pixel_nm: float, *, out_pixel_nm: float | None = None) -> Exposure:
        """Exposes a batch of masks without checking their values, for loops over many steps.

        Args:
            mask: Real mask values (..., H, W) that fill the field.
            pixel_nm: The mask's pixel.
            out_pixel_nm: Pixel of the images, which are sampled at pixel centres; None: the mask's.

        Returns:
            Aerial images and prints.

        Raises:
            MaskError: The mask is not a real tensor of at least two dimensions.
            GridMismatchError: The mask does not fill the kernels' field, or the output pixel does not divide it.
        """
        images_nm = pixel_nm if out_pixel_nm is None else out_pixel_nm
        return self.sampled(self.image_spectra(mask, pixel_nm), images_nm, self.synthesis(images_nm))

    def image_spectra(self, mask: Tensor, pixel_nm: float) -> dict[str, Tensor]:
        """The images in resist, as half spectra (..., 4 h_y + 1, 2 h_x + 1), by the names that `corners` have of them.

        They are intensities at each focus; with a chemical resist, latent images of `image_half` at each corner.

        Args:
            mask: Real mask values (..., H, W) that fill the field.
            pixel_nm: The mask's pixel.

        Raises:
            MaskError: The mask is not a real tensor of at least two dimensions.
            GridMismatchError: The mask does not fill the kernels' field.
        """
        spectrum = self.spectrum(mask, pixel_nm)
        intensities = {name: self.intensity_spectrum(spectrum, name) for name in self._buffer_names}
        return intensities if self.latent is None else self.latent(intensities)

    def synthesis(self, pixel_nm: float, window: tuple[range, range] | None = None) -> PartialDft:
        """The transform from image spectra to images, for `sampled`.

        Args:
            pixel_nm: Pixel of the images.
            window: Rows and columns of the field's pixels; None: all.

        Raises:
            GridMismatchError: The pixel does not divide the field.
        """

        def make(grid: Grid) -> PartialDft:
            return synthesis(grid, self.image_half, dtype=self.dtype, device=self.device, window=window)

        return self._kept("synthesis", pixel_nm, make) if window is None else make(self.grid(pixel_nm))

    def sampled(self, spectra: dict[str, Tensor], pixel_nm: float, transform: PartialDft) -> Exposure:
        """The exposure with given image spectra.

        Args:
            spectra: As `image_spectra` returns them.
            pixel_nm: Pixel of the images.
            transform: From spectra to images, of `synthesis`.
        """
        intensity = {name: synthesise(image, transform) for name, image in spectra.items()}
        own = self.process
        return Exposure(intensity, spectra, self.corners, own.resist.lumped, own.field_nm, pixel_nm, own.mask.field)

    def in_double(self) -> "Simulator":
        """The same simulator in float64, on the same device; scores are computed with it."""
        return Simulator(self.process, dtype=torch.float64, passband=self.passband).to(self.device)

    def with_corners(self, corners: dict[str, tuple[float, float]]) -> "Simulator":
        """A simulator with further corners, kept for the next call; see `ProcessModel.with_corners`."""
        key = tuple(corners.items())
        if key not in self._with_corners:
            process = self.process.with_corners(corners)
            self._with_corners = {key: Simulator(process, dtype=self.dtype).to(self.device)}
        return self._with_corners[key]

    def shortened(self, count: int) -> "Simulator":
        """A simulator with at most so many kernels for each focus, and what these lack in tails; see `optics.tail`.

        Latent images are computed as coarsely; see `LatentImages.coarser`.
        """
        kernels = {name: shortened(kernels, count) for name, kernels in self.process.kernels.items()}
        simulator = Simulator(replace(self.process, kernels=kernels), dtype=self.dtype).to(self.device)
        simulator.latent = None if self.latent is None else self.latent.coarser()
        return simulator

    def _mask_transforms(self, pixel_nm: float) -> MaskTransforms:
        return self._kept("mask", pixel_nm, self._make_mask_transforms)

    def _make_mask_transforms(self, grid: Grid) -> MaskTransforms:
        return mask_transforms(
            self.process.mask,
            grid,
            self.passband.half,
            wide=bool(self.passband.tails),
            reference_nm=self.process.mask_pixel_nm,
            dtype=self.dtype,
            device=self.device,
        )

    def _kept(self, kind: str, pixel_nm: float, make: Callable[[Grid], Transform]) -> Transform:
        """What was made for a pixel, now or before."""
        grid = self.grid(pixel_nm)
        key = (kind, grid.shape, pixel_nm)
        if key not in self._transforms:
            with torch.inference_mode(False):  # inference tensors cannot be used in a later backward pass
                self._transforms[key] = make(grid)
        return self._transforms[key]

    def require_grid(self, mask: Tensor, pixel_nm: float) -> None:
        """Checks that a mask fills the field.

        Raises:
            MaskError: It is not a real mask (..., H, W).
            GridMismatchError: It does not fill the field with pixels of this size.
        """
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


def process_of(optics: str | Path | ProcessModel, field_nm: float | None) -> ProcessModel:
    """The process that optics name or are.

    Args:
        optics: As for `Simulator`.
        field_nm: As for `Simulator`.

    Raises:
        RecipeError, KernelError: The optics cannot be found or read.
        GridMismatchError: The kernels belong to another field, or the field is not positive.
    """
    require_numbers(field_nm=field_nm)
    process = optics if isinstance(optics, ProcessModel) else load_process(optics, field_nm=field_nm)
    if field_nm is not None:
        next(iter(process.kernels.values())).require_field((field_nm, field_nm))
    return process
