"""The resist model: from intensity to print."""

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from litho_dl.core.settings import Settings, Slope
from litho_dl.optics.print_rule import MaskField, PrintRule

ResistShape = Literal["line", "trench"]
Tone = Literal["positive", "negative"]


class Resist(Settings):
    """Constant-threshold resist, which changes where the intensity reaches `threshold`; see `optics.print_rule`.

    Attributes:
        model: `threshold`; the other is `process.chemistry.ChemicalResist`.
        threshold: Intensity at which the resist prints; a clear mask has intensity 1.
        steepness: Slope of the sigmoid that replaces the threshold where gradients are needed, per unit intensity.
        diffusion_nm: Standard deviation of the Gaussian acid diffusion.
        tone: Whether developing removes the resist where light fell (`positive`), or where none did (`negative`). It
            decides only whether a print is a line or a trench (or hole) of resist, not where it is.
    """

    model: Literal["threshold"] = "threshold"
    threshold: Annotated[float, Field(gt=0, le=100)]
    steepness: Slope = 50.0
    diffusion_nm: Annotated[float, Field(ge=0, le=1000)] = 0.0
    tone: Tone = "positive"

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain values, without `model`, and `tone` if it is positive: digests are those of versions without them."""
        table: dict[str, Any] = dump(self)
        table.pop("model", None)
        if self.tone == "positive":
            table.pop("tone", None)
        return table

    def shape_of(self, field: MaskField, *, drawn: bool = True) -> ResistShape:
        """What the resist forms where something is drawn, or beside it.

        Args:
            field: The mask's field.
            drawn: Whether it is asked for the drawn shapes; otherwise for the spaces between them.

        Returns:
            `line` where the resist stays: in the shapes of a dark field if it is negative, of a clear one if positive;
            `trench` where it goes, which is a hole if it is short.
        """
        return shape_of(self.tone, field, drawn=drawn)

    @property
    def lumped(self) -> "Resist":
        """Itself; see `process.chemistry.ChemicalResist.lumped`."""
        return self


def shape_of(tone: Tone, field: MaskField, *, drawn: bool = True) -> ResistShape:
    """`Resist.shape_of` of a tone."""
    stays = (field == "clear") == (tone == "positive")
    return "line" if stays == drawn else "trench"


def diffusion_transfer(half: tuple[int, int], field_nm: tuple[float, float], diffusion_nm: float) -> Tensor:
    """The transfer function of acid diffusion, exp(-2 pi^2 sigma^2 |f|^2), on a half spectrum.

    Args:
        half: (h_y, h_x), the highest frequencies.
        field_nm: (height, width) of the field in nm.
        diffusion_nm: Standard deviation sigma of the Gaussian.

    Returns:
        float64 (2 h_y + 1, h_x + 1), to multiply spectra by.
    """
    f_y = torch.arange(-half[0], half[0] + 1, dtype=torch.float64) / field_nm[0]
    f_x = torch.arange(half[1] + 1, dtype=torch.float64) / field_nm[1]
    return torch.exp(-2 * torch.pi**2 * diffusion_nm**2 * (f_y[:, None].square() + f_x.square()))


def with_flare(transfer: Tensor, flare: float) -> Tensor:
    """A transfer function followed by flare: (1 - F) I + F mean(I), which leaves the mean of an image as it is.

    Args:
        transfer: On a half spectrum, (2 h_y + 1, h_x + 1).
        flare: F, in [0, 1).

    Returns:
        Of the same shape.
    """
    flared = (1 - flare) * transfer
    flared[transfer.shape[0] // 2, 0] = transfer[transfer.shape[0] // 2, 0]
    return flared


def sigmoid_print(intensity: Tensor, resist: Resist, dose: float = 1.0, field: MaskField = "dark") -> Tensor:
    """The differentiable print, sigmoid(steepness (dose I - threshold)); of a clear field, 1 minus that.

    Args:
        intensity: Image I at dose 1, any shape.
        resist: The resist.
        dose: Factor on the intensity; > 0.
        field: The mask's field.

    Returns:
        Values in (0, 1), of the same shape.
    """
    steepness = PrintRule(resist.threshold, field).sign * resist.steepness
    bias = intensity.new_full((), -steepness * resist.threshold)
    return torch.sigmoid(torch.add(bias, intensity, alpha=steepness * dose))  # sum and product in one pass


def threshold_print(intensity: Tensor, resist: Resist, dose: float = 1.0, field: MaskField = "dark") -> Tensor:
    """The binary print, dose I >= threshold; of a clear field, dose I < threshold.

    Args:
        intensity: Image I at dose 1, any shape.
        resist: The resist.
        dose: Factor on the intensity; > 0.
        field: The mask's field.

    Returns:
        bool, of the same shape.
    """
    return PrintRule(resist.threshold, field).printed(intensity, dose)
