"""The projection lens: aperture, obliquity, aberrations, exact defocus."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator
from torch import Tensor

from litho_dl.core.settings import ProperFraction, Settings
from litho_dl.optics.zernike import zernike

HIGHEST_NOLL = 231  # radial order 20; the explicit sum is inaccurate at much higher orders
SMALLEST_SPOT = 0.5  # wavelength / NA; the FWHM of an Airy disc is 0.51
NOT_OF_SPOTS = ("reduction", "obscuration", "obliquity", "zernike_waves", "jones", "focus_blur_nm")
EDGE_TOLERANCE = 1e-12  # a frequency exactly on the edge passes in spite of the rounding of rho
Reduction = Annotated[float, Field(ge=1, le=100)]


class Pupil(Settings):
    """The projection lens.

    Attributes:
        wavelength_nm: Vacuum wavelength.
        na: Numerical aperture on the image side.
        immersion_index: Refractive index of the medium above the wafer.
        reduction: Magnification from wafer to mask, for the obliquity factor; two numbers: along x and y (anamorphic).
        obscuration: Radius of the central part of the pupil that passes no light, in units of NA.
        obliquity: Whether the pupil has the obliquity factor.
        zernike_waves: Aberrations: coefficients in waves by Noll index.
        imaging: `scalar`, or `vector`: with polarisation and the directions of the field, or `spot`: a focused laser
            beam writes shapes without a mask (see `optics.spot`), and `NOT_OF_SPOTS` have no meaning.
        jones: Polarisation aberrations: a .npy file as `optics.jones.read_jones` describes it; vector imaging only. In
            a recipe, the path is relative to the recipe's file.
        focus_blur_nm: Standard deviation of a Gaussian distribution of foci during the exposure (vibration of the stage
            along z, the laser's bandwidth).
        flare: Share F of the light that the lens scatters over the whole field: the image is (1 - F) I + F mean(I).
        fwhm_nm: Full width at half maximum of the spot's intensity at best focus; for `imaging = "spot"` alone.
    """

    wavelength_nm: Annotated[float, Field(ge=1, le=100_000)]
    na: Annotated[float, Field(ge=0.001)]
    immersion_index: Annotated[float, Field(ge=1, le=4)] = 1.0
    reduction: Reduction | tuple[Reduction, Reduction] = 4.0
    obscuration: ProperFraction = 0.0
    obliquity: bool = True
    zernike_waves: dict[int, Annotated[float, Field(ge=-100, le=100)]] = Field(default_factory=dict)
    imaging: Literal["scalar", "vector", "spot"] = "scalar"
    jones: Path | None = None
    focus_blur_nm: Annotated[float, Field(ge=0, le=1e5)] = 0.0
    flare: ProperFraction = 0.0
    fwhm_nm: Annotated[float, Field(gt=0, le=1e5)] | None = None

    @field_validator("zernike_waves", mode="before")
    @classmethod
    def _noll_keys(cls, value: object) -> object:
        """Accepts Z9 as well as 9, as TOML keys are strings."""
        if not isinstance(value, dict):
            return value
        waves = {str(key).lstrip("Zz"): amount for key, amount in value.items()}
        if len(waves) < len(value):
            raise ValueError(f"expected each Zernike term once, got {', '.join(map(str, value))}")
        return waves

    @model_validator(mode="after")
    def _physical(self) -> Self:
        if self.na >= self.immersion_index:
            raise ValueError(
                f"na must be below immersion_index (a wave of larger angle does not propagate), got na = {self.na:g} "
                f"with immersion_index = {self.immersion_index:g}; water at 193 nm has 1.44"
            )
        if self.obliquity and self.na >= min(self.reductions):
            raise ValueError(
                f"na must be below reduction, or the mask side has no such angle, got na = {self.na:g} with "
                f"reduction = {min(self.reductions):g}; scanners reduce by 4"
            )
        if not all(1 <= j <= HIGHEST_NOLL for j in self.zernike_waves):
            raise ValueError(
                f"zernike_waves: Noll indices run from 1 to {HIGHEST_NOLL}, got {list(self.zernike_waves)}"
            )
        if self.jones is not None and self.imaging == "scalar":
            raise ValueError('a Jones pupil acts on polarisations, which scalar imaging lacks; set imaging = "vector"')
        return self

    @model_validator(mode="after")
    def _spot(self) -> Self:
        if self.imaging != "spot":
            if self.fwhm_nm is not None:
                raise ValueError(f'fwhm_nm is the width of a spot, got imaging = "{self.imaging}"; leave it out')
            return self
        if self.fwhm_nm is None:
            raise ValueError("a spot needs fwhm_nm, the full width at half maximum of its intensity")
        given = [key for key in NOT_OF_SPOTS if key in self.model_fields_set]
        if given:
            raise ValueError(f"{', '.join(given)}: no meaning for a spot, which is Gaussian; leave it out")
        smallest = SMALLEST_SPOT * self.wavelength_nm / self.na
        if self.fwhm_nm < smallest:
            raise ValueError(
                f"fwhm_nm must be at least {SMALLEST_SPOT:g} wavelength / na, {smallest:.4g} nm: no lens of this "
                f"aperture focuses more tightly, got {self.fwhm_nm:g}"
            )
        return self

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain values, of a spot or of a pupil without the keys of the other, so that digests are as they were."""
        table: dict[str, Any] = dump(self)
        dropped = NOT_OF_SPOTS if self.imaging == "spot" else ("fwhm_nm",)
        if not self.obscuration:
            dropped = (*dropped, "obscuration")
        return {key: value for key, value in table.items() if key not in dropped}

    @property
    def reductions(self) -> tuple[float, float]:
        """Magnification from wafer to mask along x, and along y."""
        return self.reduction if isinstance(self.reduction, tuple) else (self.reduction, self.reduction)

    @property
    def rayleigh_unit_nm(self) -> float:
        """lambda / (2 n (1 - cos theta)): the scale of depths of focus; lambda n / NA^2 at low NA.

        Of a spot, a Gaussian beam's Rayleigh range pi w^2 n / lambda, w = FWHM / sqrt(2 ln 2): there it is
        sqrt(2) times as wide.
        """
        if self.fwhm_nm is not None:
            return math.pi * self.fwhm_nm**2 / (2 * math.log(2)) * self.immersion_index / self.wavelength_nm
        cosine = math.sqrt(1 - (self.na / self.immersion_index) ** 2)
        return self.wavelength_nm / (2 * self.immersion_index * (1 - cosine))


def pupil_function(pupil: Pupil, rho_x: Tensor, rho_y: Tensor, defocus_nm: float = 0.0) -> Tensor:
    """P(rho) = [obscuration <= |rho| <= 1] R(rho) exp(2 pi i W(rho)) exp(i 2 pi/lambda z (sqrt(n^2 - NA^2 rho^2) - n)).

    Args:
        pupil: The lens.
        rho_x: Normalised frequency lambda f / NA along x, float64, any shape.
        rho_y: The same along y.
        defocus_nm: z, the distance of the image plane from best focus.

    Returns:
        complex128 of rho's shape.

    Source: scalar imaging as in A. K.-K. Wong, Optical Imaging in Projection Microlithography, ch. 4.
    """
    rho2 = rho_x.square() + rho_y.square()
    inside = rho2 <= 1 + EDGE_TOLERANCE
    if pupil.obscuration:
        inside = inside & (rho2 >= pupil.obscuration**2)
    rho2 = rho2.clamp(max=1.0)
    index, sine2 = pupil.immersion_index, pupil.na**2 * rho2
    phase = 2 * torch.pi / pupil.wavelength_nm * defocus_nm * ((index**2 - sine2).sqrt() - index)
    for j, waves in pupil.zernike_waves.items():
        phase = phase + 2 * torch.pi * waves * zernike(j, rho_x, rho_y)
    amplitude = inside.to(rho2.dtype)
    if pupil.obliquity:
        at_mask_x, at_mask_y = (pupil.na * rho / m for rho, m in zip((rho_x, rho_y), pupil.reductions, strict=True))
        at_mask2 = at_mask_x.square() + at_mask_y.square()
        amplitude = amplitude * (torch.clamp(1 - at_mask2, min=0) / (1 - sine2 / index**2)) ** 0.25
    return torch.polar(amplitude, phase)


def sampled_pupil(pupil: Pupil, defocus_nm: float = 0.0, samples: int = 201) -> Tensor:
    """The pupil function on a square grid of normalised frequencies over [-1, 1]^2.

    Args:
        pupil: The lens.
        defocus_nm: Distance of the image plane from best focus in nm.
        samples: Samples along a side.

    Returns:
        (samples, samples) complex128, rows along rho_y.
    """
    axis = torch.linspace(-1, 1, samples, dtype=torch.float64)
    rho_y, rho_x = torch.meshgrid(axis, axis, indexing="ij")
    return pupil_function(pupil, rho_x, rho_y, defocus_nm)
