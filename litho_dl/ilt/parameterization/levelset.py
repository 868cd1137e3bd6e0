"""Level-set masks: the mask's edge is the zero line of a signed distance, and moves along its normal."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from litho_dl.ilt.parameterization.base import Parameterization, Start
from litho_dl.ilt.parameterization.multilevel import interpolated

REDISTANCE_EVERY = 10  # steps
WRAP_PX = 32


class LevelSet(Parameterization):
    """mask = sigmoid(sharpness phi), phi the signed distance to the edge in nm, positive inside.

    The gradient dL/dphi = dL/dmask sharpness sigmoid' is non-zero in a band along the edge, and is its normal velocity;
    no shape appears away from an edge. Steps distort phi, so that the sigmoid's width varies along the edge; therefore
    phi is made a distance again every `REDISTANCE_EVERY` steps.

    Source: S. Osher, J. Sethian, J. Comput. Phys. 79, 12 (1988); Y. Shen et al., Opt. Express 17, 23690 (2009).
    """

    def __init__(self) -> None:
        self.pixel_nm = 0.0

    def start(self, start: Start) -> Tensor:
        """The signed distance of the mask binarised at 0.5."""
        self.pixel_nm = start.pixel_nm
        return redistanced(start.mask - 0.5, self.pixel_nm)

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness phi); the sharpness is in 1/nm."""
        return torch.sigmoid(sharpness * parameters)

    def open_pixels(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """phi >= 0, with phi interpolated bilinearly between its pixels."""
        return interpolated(parameters, finer) >= 0

    def function(self, parameters: Tensor) -> Tensor:
        """phi."""
        return parameters

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """The same function on finer pixels."""
        self.pixel_nm /= ratio
        return interpolated(parameters, ratio)

    def project(self, parameters: Tensor, step: int) -> Tensor:
        """Makes phi a distance again, every `REDISTANCE_EVERY` steps."""
        return redistanced(parameters, self.pixel_nm) if (step + 1) % REDISTANCE_EVERY == 0 else parameters


def redistanced(values: Tensor, pixel_nm: float) -> Tensor:
    """The signed distance to the zero line of a function, positive where the function is.

    Pixels beside the line get values / |gradient|, which preserves its sub-pixel position; every other pixel adds its
    distance to the nearest of them on its own side. A function without a zero line is returned unchanged. The field
    counts as periodic up to `WRAP_PX` pixels across its border.

    Args:
        values: The function, (B, h, w).
        pixel_nm: Its pixel.

    Returns:
        (B, h, w) in nm.
    """
    slope = torch.stack([(values.roll(-1, axis) - values.roll(1, axis)) / 2 for axis in (-2, -1)]).norm(dim=0)
    inside = values > 0
    beside = torch.stack([inside.roll(step, axis) != inside for axis in (-2, -1) for step in (-1, 1)]).any(0)
    nearby = (values / slope.clamp(min=1e-12) * pixel_nm).clamp(-pixel_nm, pixel_nm)
    clips = zip(*(part.cpu().numpy() for part in (nearby, inside, beside)), strict=True)
    distances = [_distance(near, side, edge, pixel_nm) if edge.any() else None for near, side, edge in clips]
    return torch.stack(
        [old if new is None else torch.from_numpy(new).to(old) for old, new in zip(values, distances, strict=True)]
    )


def _distance(nearby: np.ndarray, inside: np.ndarray, beside: np.ndarray, pixel_nm: float) -> np.ndarray:
    """The signed distance of one clip, from that of the pixels beside the edge."""
    wrap = [(min(WRAP_PX, n),) * 2 for n in inside.shape]
    centre = tuple(slice(low, low + n) for (low, _), n in zip(wrap, inside.shape, strict=True))
    distance = np.empty_like(nearby)
    for side in (inside, ~inside):
        reached, nearest = distance_transform_edt(np.pad(~(side & beside), wrap, mode="wrap"), return_indices=True)
        source = tuple((nearest[axis][centre] - wrap[axis][0]) % inside.shape[axis] for axis in (0, 1))
        magnitude = np.abs(nearby[source]) + reached[centre] * pixel_nm
        distance[side] = np.where(inside, magnitude, -magnitude)[side]
    return distance
