"""Mask types: from area coverage to transmitted amplitude."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor

from litho_dl.core.settings import Settings
from litho_dl.optics.print_rule import MaskField
from litho_dl.optics.topography import Topography

LATER = (("field", "dark"), ("blur_nm", 0.0), ("bias_nm", 0.0), ("topography", None), ("phase_deg", 180))
Bias = Annotated[float, Field(ge=-1e4, le=1e4)]


class MaskType(Settings):
    """The meaning of a mask value m, which for masks of two values is the area coverage of the drawn shapes.

    In a dark field, shapes are openings; the background transmits nothing (binary), or the share T = `transmission` of
    the intensity at a phase of 180 degrees, or of `phase_deg` = 0 where an absorber leaks (attenuated). In a clear
    field, shapes are such a background's absorber, and all else is open.

    - binary: the amplitude is m, in a clear field 1 - m.
    - attenuated: the amplitude is m + a (1 - m) for a = -sqrt(T), or sqrt(T) in phase; in a clear field 1 - (1 - a) m.
    - alternating: m in [-1, 1]; clear areas have a phase of 0 (+1) or 180 degrees (-1); the amplitude is m. There is no
      clear field, as values say themselves what is open.

    The mask's writer rounds corners: the amplitude is that of the drawn shapes, convolved with a Gaussian of the
    standard deviation `blur_nm` (wafer scale). The mask itself, and so its files, shots and rules, stays as drawn.

    So it does where edges are displaced: drawn shapes act as if each side were drawn `bias_nm` further out (wafer
    scale; two numbers: sides that face along x, and along y), which is exact for lines (see `optics.edges`).
    `topography` adds boundary layers along edges, complex and different for TE and TM; see `optics.topography`.
    """

    type: Literal["binary", "attenuated", "alternating"] = "binary"
    transmission: Annotated[float, Field(gt=0, lt=1)] = 0.06
    phase_deg: Literal[0, 180] = 180
    field: MaskField = "dark"
    blur_nm: Annotated[float, Field(ge=0, le=1e5)] = 0.0
    bias_nm: Bias | tuple[Bias, Bias] = 0.0
    topography: Topography | None = None

    @model_validator(mode="after")
    def _meaningful(self) -> Self:
        if self.type == "alternating" and self.field == "clear":
            raise ValueError(
                'field = "clear" has no meaning for an alternating mask, whose values are amplitudes; draw its clear '
                'areas as +1 and -1, or choose type = "binary" or "attenuated"'
            )
        if self.type == "alternating" and self.has_edges:
            raise ValueError(
                "bias_nm and topography describe edges between drawn shapes and their background, which the amplitudes "
                "of an alternating mask do not tell; leave them out"
            )
        return self

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain values, without keys that earlier versions lacked if they stand at their defaults, as digests did."""
        table: dict[str, Any] = dump(self)
        if isinstance(self.bias_nm, tuple) and len(set(self.bias_nm)) == 1:
            table["bias_nm"] = self.bias_nm[0]
        return {key: value for key, value in table.items() if (key, value) not in LATER}

    def __str__(self) -> str:
        return f"{self.type} {self.field}-field mask" if self.field == "clear" else f"{self.type} mask"

    @property
    def has_edges(self) -> bool:
        """Whether edges transmit other light than areas do."""
        return any(self.biases_nm) or self.topography is not None

    @property
    def biases_nm(self) -> tuple[float, float]:
        """The bias of edges that face along x, and along y."""
        return self.bias_nm if isinstance(self.bias_nm, tuple) else (self.bias_nm, self.bias_nm)

    @property
    def background(self) -> float:
        """Amplitude behind the absorber, for one of 1 where the mask is open."""
        if self.type != "attenuated":
            return 0.0
        return -(self.transmission**0.5) if self.phase_deg == 180 else self.transmission**0.5

    @property
    def contrast(self) -> float:
        """Amplitude of drawn shapes, less that of what surrounds them."""
        return self.background - 1 if self.field == "clear" else 1 - self.background

    @property
    def transmitted_contrast(self) -> float:
        """Intensity |t|^2 of drawn shapes, less that of what surrounds them."""
        return self.background**2 - 1 if self.field == "clear" else 1 - self.background**2

    @property
    def lowest(self) -> float:
        """The smallest mask value allowed."""
        return -1.0 if self.type == "alternating" else 0.0

    def amplitude(self, mask: Tensor) -> Tensor:
        """Transmitted amplitude of mask values, real, same shape."""
        if self.field == "clear":
            return 1 + mask * self.contrast
        return mask * self.contrast + self.background if self.background else mask

    def transmitted(self, mask: Tensor) -> Tensor:
        """Transmitted intensity |t|^2, real, same shape: linear in coverage, so that it holds for pixels on edges."""
        if self.type == "alternating":
            return mask.abs()
        if self.field == "clear":
            return 1 + mask * self.transmitted_contrast
        return mask * self.transmitted_contrast + self.background**2 if self.background else mask

    @property
    def amplitude_of_intensity(self) -> tuple[float, float] | None:
        """(slope, offset) of the amplitude as a line in |t|^2 on areas of two values; None for alternating masks."""
        if self.type == "alternating":
            return None
        return 1 / (1 + self.background), self.background / (1 + self.background)
