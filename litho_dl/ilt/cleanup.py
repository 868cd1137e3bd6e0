"""Masks that keep mask rules, in place of those that an optimisation ends with."""

from functools import partial

import torch
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.core.threads import Team
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.layout.repair import repaired
from litho_dl.layout.rules import MaskRules


def clean(function: Tensor, pixel_nm: float, rules: MaskRules, written_nm: float, team: Team) -> Tensor:
    """Masks that keep mask rules, from functions whose zero lines are their edges; see `layout.repair`.

    Args:
        function: (B, h, w), positive where masks are open; between pixel centres it is interpolated.
        pixel_nm: Its pixel.
        rules: The rules.
        written_nm: Pixel of the masks; divides the field.
        team: Threads that share the clips.

    Returns:
        Area coverage (B, H, W) in [0, 1] of polygons that keep the rules.
    """
    height, width = function.shape[-2:]
    grid = Grid.of_field((height * pixel_nm, width * pixel_nm), written_nm)
    cleaned = team.map(partial(_cleaned, pixel_nm=pixel_nm, rules=rules, grid=grid), function.unbind())
    return torch.stack(cleaned).to(function)


def _cleaned(function: Tensor, pixel_nm: float, rules: MaskRules, grid: Grid) -> Tensor:
    """One mask's coverage."""
    outline = contour_polygons(function.detach().cpu().numpy(), pixel_nm, 0.0)
    height, width = grid.field_nm
    mask = Layout("mask", repaired(outline, rules)).clipped((0.0, 0.0, width, height))  # what is widened may leave it
    return torch.from_numpy(rasterize(mask, grid))
