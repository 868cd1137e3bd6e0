"""What the loop needs to know of a parameterization."""

import abc
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.errors import GridMismatchError
from litho_dl.simulation.exposure import Exposure


@dataclass(frozen=True)
class Start:
    """Where a parameterization begins.

    Attributes:
        mask: (B, h, w) in [0, 1]; the parameters shall resemble it.
        pixel_nm: Its pixel, and that of the masks to come.
        drawn: Area coverage (B, H, W) of what shall print.
        drawn_nm: Its pixel, as fine as the loop knows it.
    """

    mask: Tensor
    pixel_nm: float
    drawn: Tensor
    drawn_nm: float


def control_values(mask: Tensor, control: int, name: str) -> Tensor:
    """Distance from one half of the mask's mean around each control point, `control` pixels apart.

    Raises:
        GridMismatchError: The mask's sides are no multiples of that.
    """
    if mask.shape[-2] % control or mask.shape[-1] % control:
        raise GridMismatchError(
            f"Expected a mask of whole blocks of {control} pixels for the {name} parameterization, got "
            f"{mask.shape[-2]} x {mask.shape[-1]} pixels; choose another field or pixel_nm."
        )
    return avg_pool2d(mask[:, None], control)[:, 0] - 0.5


class Parameterization(abc.ABC):
    """Free parameters (B, ...) <-> masks (B, h, w) on a level's pixel. An object serves one `solve`."""

    @abc.abstractmethod
    def start(self, start: Start) -> Tensor:
        """Parameters whose mask resembles a given one."""

    @abc.abstractmethod
    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """The mask in [0, 1], differentiable; nearer to binary the larger the sharpness."""

    @abc.abstractmethod
    def inside(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """Where the mask is at least half open, bool (B, h, w), on pixels `finer` times smaller than the mask's own."""

    def binary(self, parameters: Tensor) -> Tensor:
        """The mask as 0 or 1, or area coverage where its edges lie between pixels."""
        return self.inside(parameters).to(parameters.dtype)

    def written(self, parameters: Tensor, pixel_nm: float, finer: int = 1) -> tuple[Tensor, float]:
        """What is written, bool (B, H, W), and its pixel: `finer` times smaller than the masks' own `pixel_nm`."""
        return self.inside(parameters, finer), pixel_nm / finer

    @abc.abstractmethod
    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """The same mask's parameters where mask pixels are `ratio` times smaller."""

    def settled(self, parameters: Tensor, step: int) -> Tensor:
        """The parameters put back where they are valid, after step 0, 1, ... of a level."""
        return parameters


class EdgeParameterization(Parameterization):
    """Parameters that are moves of edges outwards, in nm, to which the print's placement errors can be fed back."""

    @abc.abstractmethod
    def edge_errors(self, parameters: Tensor, exposure: Exposure, image_nm: float) -> Tensor:
        """Placement error of the nominal print at each moving edge, in the parameters' shape; nm, + = too large."""
