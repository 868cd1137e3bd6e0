"""The interface of parameterizations."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.errors import GridMismatchError
from litho_dl.layout.polygon import Polygon
from litho_dl.simulation.exposure import Exposure


@dataclass(frozen=True)
class Start:
    """The masks that a parameterization starts from.

    Attributes:
        mask: Start masks (B, h, w) in [0, 1].
        pixel_nm: Their pixel, and that of the level's masks.
        drawn: Area coverage (B, H, W) of the targets.
        drawn_nm: Pixel of the targets, as fine as given.
        polygons: The drawn polygons of each target, merged, in nm; None, or None for some targets: their pixels' edges.
    """

    mask: Tensor
    pixel_nm: float
    drawn: Tensor
    drawn_nm: float
    polygons: Sequence[Sequence[Polygon] | None] | None = None


def control_values(mask: Tensor, control: int, name: str) -> Tensor:
    """Values of control points: the mask's mean around each, minus 0.5.

    Args:
        mask: (B, h, w) in [0, 1].
        control: Distance of control points in pixels.
        name: Name of the parameterization in error messages.

    Returns:
        (B, h / control, w / control).

    Raises:
        GridMismatchError: The mask's sides are not multiples of the distance.
    """
    if mask.shape[-2] % control or mask.shape[-1] % control:
        raise GridMismatchError(
            f"Expected a mask of whole blocks of {control} pixels for the {name} parameterization, got "
            f"{mask.shape[-2]} x {mask.shape[-1]} pixels; choose another field or pixel_nm."
        )
    return avg_pool2d(mask[:, None], control)[:, 0] - 0.5


class Parameterization(abc.ABC):
    """A mapping between free parameters (B, ...) and masks (B, h, w) on a level's pixel, made for one optimisation.

    Attributes:
        block: Masks are a whole number of blocks of so many pixels on a side.
    """

    block: ClassVar[int] = 1

    @abc.abstractmethod
    def start(self, start: Start) -> Tensor:
        """Parameters (B, ...) whose masks resemble the start masks."""

    @abc.abstractmethod
    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """The soft masks; differentiable.

        Args:
            parameters: (B, ...); of `manhattan` those of all its clips (see `of`), of others of any.
            sharpness: Slope of the sigmoid; the larger, the closer the masks are to binary.

        Returns:
            (B, h, w) in [0, 1].
        """

    @abc.abstractmethod
    def open_pixels(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """Where shapes of the masks cover at least half of a pixel.

        Args:
            parameters: (B, ...).
            finer: How many times finer than the level's the pixels are.

        Returns:
            bool (B, finer h, finer w).
        """

    @abc.abstractmethod
    def function(self, parameters: Tensor) -> Tensor:
        """A function whose zero line, interpolated between pixel centres, is the masks' edge.

        Args:
            parameters: (B, ...).

        Returns:
            (B, h, w), positive where masks are open.
        """

    def of(self, clips: slice) -> "Parameterization":
        """The parameterization of some of the clips."""
        return self

    def binary(self, parameters: Tensor) -> Tensor:
        """The binary masks (B, h, w) as 0 or 1, or as area coverage where edges lie between pixels."""
        return self.open_pixels(parameters).to(parameters.dtype)

    def output_mask(self, parameters: Tensor, pixel_nm: float, finer: int = 1) -> tuple[Tensor, float]:
        """The masks to write to files.

        Args:
            parameters: (B, ...).
            pixel_nm: The level's pixel.
            finer: How many times finer than that the written pixels are.

        Returns:
            bool (B, H, W), and their pixel in nm.
        """
        return self.open_pixels(parameters, finer), pixel_nm / finer

    @abc.abstractmethod
    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """The parameters of the same masks on a finer level.

        Args:
            parameters: (B, ...).
            ratio: How many times finer the new mask pixels are.

        Returns:
            Parameters of the new level.
        """

    def project(self, parameters: Tensor, step: int) -> Tensor:
        """The parameters, corrected to be valid after a step.

        Args:
            parameters: (B, ...).
            step: Number of the step within the level, from 0.

        Returns:
            The corrected parameters.
        """
        return parameters


class EdgeParameterization(Parameterization):
    """A parameterization by outward moves of edges in nm, to which edge placement errors can be fed back."""

    @abc.abstractmethod
    def edge_errors(self, parameters: Tensor, exposure: Exposure, image_nm: float) -> Tensor:
        """Placement errors of the nominal print at the moving edges.

        Args:
            parameters: (B, n) moves in nm.
            exposure: The exposure of their masks.
            image_nm: Pixel of the images.

        Returns:
            (B, n) in nm, positive where the print is too large.
        """
