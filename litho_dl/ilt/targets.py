"""The targets of an optimisation, and checks of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import Grid
from litho_dl.ilt.method import Method
from litho_dl.ilt.probes import Edges
from litho_dl.ilt.problem import Surroundings
from litho_dl.ilt.start import outlines
from litho_dl.layout.polygon import Polygon
from litho_dl.simulation.simulator import Simulator


@dataclass(frozen=True, eq=False)
class Targets:
    """The targets of an optimisation, with what is drawn and what is fixed there.

    Attributes:
        coverage: Area coverage (B, H, W) in [0, 1].
        pixel_nm: Its pixel, for a process of scale 1.
        polygons: The drawn polygons of each target in nm, for a process of scale 1; None: the edges of its pixels.
        edges: The drawn edges of each target in nm; None: the edges of its pixels.
        surroundings: Fixed masks around the optimised part of the field; None: all is optimised.
    """

    coverage: Tensor
    pixel_nm: float
    polygons: Sequence[Sequence[Polygon] | None]
    edges: Edges
    surroundings: Surroundings | None

    def of(self, rows: Tensor) -> Self:
        """Those with these indices, of which some may occur several times."""
        return replace(
            self,
            coverage=self.coverage[rows],
            polygons=[self.polygons[row] for row in rows.tolist()],
            edges=[self.edges[row] for row in rows.tolist()],
            surroundings=self.surroundings and self.surroundings.of(rows),
        )

    def outlines(self) -> list[Sequence[Polygon]]:
        """The drawn polygons of each target in nm, or those of its pixels."""
        return outlines(self.coverage, self.pixel_nm, self.polygons)


def require_targets(
    simulator: Simulator,
    target: Tensor,
    pixel_nm: float,
    method: Method,
    init: Tensor | None,
    surroundings: Surroundings | None,
) -> None:
    """Checks what an optimisation is given; see `solve.solve_targets`.

    Raises:
        MaskError, GridMismatchError: As there.
    """
    if target.ndim != 3 or not target.numel():
        raise MaskError(f"Expected one or more targets (B, H, W), got shape {tuple(target.shape)}.")
    if abs(method.bias_nm) * simulator.scale > min(target.shape[1:]) * pixel_nm / 2:
        raise MaskError(
            f"Expected a bias_nm of up to half the field of {min(target.shape[1:]) * pixel_nm:g} nm, got "
            f"{method.bias_nm * simulator.scale:g} nm."
        )
    around = None if surroundings is None else surroundings.mask
    if surroundings is not None:
        shapes = [tuple(images.shape) for images in (target, surroundings.mask, surroundings.free)]
        if len(set(shapes)) > 1:
            raise MaskError(
                f"Expected surroundings of the targets' shape {shapes[0]}, got {shapes[1]} and {shapes[2]}."
            )
    for name, images in (("target coverage", target), ("start masks", init), ("surrounding masks", around)):
        if images is not None and not (torch.isfinite(images).all() and images.amin() >= 0 and images.amax() <= 1):
            raise MaskError(f"Expected {name} in [0, 1], got values outside it or NaN.")
    if (init is not None or around is not None) and "manhattan" in method.parameterizations:
        raise MaskError("Manhattan masks start from the drawn edges; continue from a mask with another method.")
    if init is not None and init.shape != target.shape:
        raise MaskError(f"Expected start masks of the targets' shape {tuple(target.shape)}, got {tuple(init.shape)}.")
    empty = (target.sum((-2, -1)) == 0).nonzero().flatten().tolist()
    if empty:
        raise MaskError(f"Expected something to print in every clip, got empty targets at batch index {empty}.")
    if simulator.process.mask.type == "alternating":
        raise MaskError("Alternating masks have three values; optimise a binary or attenuated mask.")
    Grid.of_field(simulator.process.field_nm, pixel_nm)
