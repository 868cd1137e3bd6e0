"""Masks that keep mask rules, in place of those that an optimisation ends with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.core.threads import Team
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.narrow import narrowed
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.layout.repair import repaired
from litho_dl.layout.rules import MaskRules


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Masks that keep mask rules.

    Attributes:
        coverage: Area coverage (B, H, W) in [0, 1].
        polygons: The polygons of each mask, in nm.
    """

    coverage: Tensor
    polygons: tuple[tuple[Polygon, ...], ...]


def clean(
    function: Tensor,
    pixel_nm: float,
    rules: MaskRules,
    written_nm: float,
    team: Team,
    narrow: tuple[Sequence[Sequence[Polygon]], float] | None = None,
) -> Cleaned:
    """Masks that keep mask rules, from functions whose zero lines are their edges; see `layout.repair`.

    Args:
        function: (B, h, w), positive where masks are open; between pixel centres it is interpolated.
        pixel_nm: Its pixel.
        rules: The rules.
        written_nm: Pixel of the masks; divides the field.
        team: Threads that share the clips.
        narrow: The drawn polygons of each clip, and the largest width in nm of shapes that touch none of them; None: no
            limit. See `layout.narrow`.

    Returns:
        The masks.
    """
    height, width = function.shape[-2:]
    grid = Grid.of_field((height * pixel_nm, width * pixel_nm), written_nm)
    drawn, widest_nm = narrow or ([()] * len(function), math.inf)
    clips = list(zip(function.unbind(), drawn, strict=True))
    each = team.map(partial(_cleaned, pixel_nm=pixel_nm, rules=rules, grid=grid, widest_nm=widest_nm), clips)
    coverage, polygons = zip(*each, strict=True)
    return Cleaned(torch.stack(coverage).to(function), polygons)


def _cleaned(
    clip: tuple[Tensor, Sequence[Polygon]], pixel_nm: float, rules: MaskRules, grid: Grid, widest_nm: float
) -> tuple[Tensor, tuple[Polygon, ...]]:
    """One mask's coverage and polygons."""
    function, drawn = clip
    outline = contour_polygons(function.detach().cpu().numpy(), pixel_nm, 0.0)
    shapes = repaired(outline, rules) if math.isinf(widest_nm) else narrowed(outline, drawn, widest_nm, rules)
    height, width = grid.field_nm
    mask = Layout("mask", shapes).clipped((0.0, 0.0, width, height))  # what is widened may leave it
    return torch.from_numpy(rasterize(mask, grid)), mask.polygons
