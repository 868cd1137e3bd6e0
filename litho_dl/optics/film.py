"""Films on the wafer: the stack's settings, and the field in its resist by reflection recursion.

Amplitudes are those of the field's tangential component; d is the wave down into the wafer, u the one up. The time
dependence is exp(-i omega t), so that exp(i k z) travels down and n + i k absorbs. Only decaying exponentials occur, so
thick absorbing layers are exact as well.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from litho_dl.core.settings import Settings
from litho_dl.optics.quadrature import legendre

RealIndex = Annotated[float, Field(gt=0, le=10)]
Extinction = Annotated[float, Field(ge=0, le=10)]
GRAZING = 1e-12  # normal component in place of an exact 0, where a wave runs along a layer


class Layer(Settings):
    """One layer of the stack.

    Attributes:
        n: Refractive index at the exposure wavelength.
        k: Extinction coefficient; the intensity falls as exp(-4 pi k z / wavelength).
        thickness_nm: Thickness.
        resist: Whether the image forms here; true of exactly one layer.
    """

    n: RealIndex
    k: Extinction = 0.0
    thickness_nm: Annotated[float, Field(ge=0, le=1e5)]
    resist: bool = False


class Substrate(Settings):
    """What lies below all layers, without end.

    Attributes:
        n: Refractive index.
        k: Extinction coefficient.
    """

    n: RealIndex
    k: Extinction = 0.0


class Film(Settings):
    """The films on the wafer, under the immersion medium.

    Attributes:
        layers: From the top; one of them is the resist.
        substrate: What lies below.
        image: Where the image is taken: `mean` over the resist's depth, or a depth in nm below the resist's top.
    """

    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=1000)]
    substrate: Substrate
    image: Literal["mean"] | Annotated[float, Field(ge=0)] = "mean"

    @model_validator(mode="after")
    def _one_resist(self) -> Self:
        marked = sum(layer.resist for layer in self.layers)
        if marked != 1:
            raise ValueError(f"exactly one layer must have resist = true, got {marked}")
        if self.resist.thickness_nm <= 0:
            raise ValueError("the resist's thickness_nm must be positive, got 0")
        if self.image != "mean" and self.image > self.resist.thickness_nm:
            raise ValueError(
                f"image must lie within the resist, 0 to {self.resist.thickness_nm:g} nm below its top, got "
                f"{self.image:g}"
            )
        return self

    @property
    def resist_place(self) -> int:
        """Index of the resist among the layers."""
        return next(place for place, layer in enumerate(self.layers) if layer.resist)

    @property
    def resist(self) -> Layer:
        """The resist."""
        return self.layers[self.resist_place]

    def with_thickness(self, place: int, thickness_nm: float) -> "Film":
        """The stack with another thickness of one layer; an image at a depth keeps its share of the resist."""
        changed = self.layers[place].model_copy(update={"thickness_nm": thickness_nm})
        image = self.image
        if place == self.resist_place and image != "mean":
            image *= thickness_nm / self.resist.thickness_nm
        return self.model_copy(
            update={"layers": (*self.layers[:place], changed, *self.layers[place + 1 :]), "image": image}
        )

    def depths(self, wavelength_nm: float) -> tuple[Tensor, Tensor]:
        """Depths of the image below the resist's top in nm, and their weights, which sum to 1; float64 (Z,).

        The mean over the resist takes Gauss-Legendre depths, so many that standing waves of twice the resist's wave
        number are integrated to 1e-7; doubling them changes an image by less than 1e-6.
        """
        if self.image != "mean":
            return torch.tensor([self.image], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        fastest = 4 * math.pi * abs(complex(self.resist.n, self.resist.k)) / wavelength_nm
        return legendre(self.resist.thickness_nm, fastest)


class Response(NamedTuple):
    """The field in the resist, for incident waves whose tangential field is 1.

    Attributes:
        s: Tangential field of the s wave, (Z, ...) complex128.
        p: Tangential field of the p wave.
        axial: Axial field of the p wave, positive downwards.
    """

    s: Tensor
    p: Tensor
    axial: Tensor


class _Waves(NamedTuple):
    """One medium: cosine times index (normal component), and admittances (2, ...) of the s and the p wave."""

    normal: Tensor
    admittance: Tensor


def _waves(index: complex, sine: Tensor) -> _Waves:
    normal = torch.sqrt(
        torch.complex(torch.full_like(sine, (index**2).real), torch.full_like(sine, (index**2).imag)) - sine**2
    )
    normal = torch.where(normal == 0, torch.full_like(normal, GRAZING), normal)
    return _Waves(normal, torch.stack((normal, index**2 / normal)))


def _interface(above: _Waves, below: _Waves) -> Tensor:
    """Fresnel's reflection coefficients of the tangential field, (2, ...)."""
    return (above.admittance - below.admittance) / (above.admittance + below.admittance)


class Recursion(NamedTuple):
    """Waves of media from the top, and u / d of each, s and p, at its top and bottom.

    Attributes:
        waves: Of each medium.
        tops: (2, ...) of each medium but the first, which has no top.
        bottoms: (2, ...) of each medium but the last, which has no bottom.
    """

    waves: list[_Waves]
    tops: list[Tensor]
    bottoms: list[Tensor]


def recursion(
    indices: Sequence[complex], thicknesses_nm: Sequence[float], wavelength_nm: float, sine: Tensor
) -> Recursion:
    """The recursion of reflected waves from the substrate upwards.

    Args:
        indices: n + i k of the media from the top, the first and the last without end.
        thicknesses_nm: Of those between.
        wavelength_nm: Vacuum wavelength.
        sine: Index times the sine of the angle (NA units), float64, any shape.
    """
    waves = [_waves(one, sine) for one in indices]
    top = torch.zeros_like(waves[-1].admittance)
    tops, bottoms = [top], list[Tensor]()
    for place in range(len(thicknesses_nm), -1, -1):
        step = _interface(waves[place], waves[place + 1])
        bottoms.insert(0, (step + top) / (1 + step * top))
        if place:
            top = bottoms[0] * _travel(waves[place], 2 * thicknesses_nm[place - 1], wavelength_nm)
            tops.insert(0, top)
    return Recursion(waves, tops, bottoms)


def _film_recursion(film: Film, wavelength_nm: float, index: float, sine: Tensor) -> Recursion:
    indices = [complex(index), *(complex(layer.n, layer.k) for layer in film.layers)]
    indices.append(complex(film.substrate.n, film.substrate.k))
    return recursion(indices, [layer.thickness_nm for layer in film.layers], wavelength_nm, sine)


def _travel(waves: _Waves, way_nm: float | Tensor, wavelength_nm: float) -> Tensor:
    return torch.exp(2j * math.pi / wavelength_nm * waves.normal * way_nm)


def reflection(film: Film, wavelength_nm: float, index: float, sine: Tensor, *, inside: bool = False) -> Tensor:
    """Reflection coefficients of the tangential field.

    Args:
        film: The stack.
        wavelength_nm: Vacuum wavelength.
        index: Index of the medium above the stack.
        sine: Index times the sine of the angle (NA units), float64, any shape.
        inside: Seen from the resist, at its bottom, instead of from the medium above the stack.

    Returns:
        (2, ...) complex128: of the s and the p wave.
    """
    return _film_recursion(film, wavelength_nm, index, sine).bottoms[film.resist_place + 1 if inside else 0]


def resist_response(film: Film, wavelength_nm: float, index: float, sine: Tensor, depths_nm: Tensor) -> Response:
    """The field in the resist at given depths.

    With the tangential amplitudes d and u of the waves down and up, E_tan = d + u, and E_z = -tan(theta) (d - u) for p.

    Args:
        film: The stack.
        wavelength_nm: Vacuum wavelength.
        index: Index of the medium above the stack.
        sine: Index times the sine of the angle (NA units), float64, any shape.
        depths_nm: (Z,) depths below the resist's top, within the resist.

    Returns:
        Fields (Z, ...).

    Source: O. S. Heavens, Optical Properties of Thin Solid Films, ch. 4; D. G. Flagello, T. Milster, A. E. Rosenbluth,
        J. Opt. Soc. Am. A 13, 53 (1996).
    """
    waves, tops, bottoms = _film_recursion(film, wavelength_nm, index, sine)
    place = film.resist_place + 1
    down = torch.ones_like(bottoms[0])
    for layer in range(1, place + 1):
        step = _interface(waves[layer - 1], waves[layer])
        down = down * (1 + step) / (1 + step * tops[layer - 1])
        if layer < place:
            down = down * _travel(waves[layer], film.layers[layer - 1].thickness_nm, wavelength_nm)
    own = waves[place]
    ways = depths_nm.view(-1, *[1] * sine.ndim)
    falling, rising = (_travel(own, way, wavelength_nm) for way in (ways, 2 * film.resist.thickness_nm - ways))
    d, u = down[:, None] * falling, (down * bottoms[place])[:, None] * rising
    tangential, slope = d + u, sine / own.normal
    return Response(tangential[0], tangential[1], -slope * (d[1] - u[1]))
