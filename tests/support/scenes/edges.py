"""Shapes for the tests of moving edges."""

import pytest
import torch
from torch import Tensor

from litho_dl.ilt.fragments import FragmentRules, Fragments, fragment
from litho_dl.ilt.parameterization import Start
from litho_dl.ilt.parameterization.manhattan import Manhattan
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.polygon import Polygon

SIDE = 400  # nm
RULES = FragmentRules()


def drawn(*boxes: tuple[int, int, int, int], holes: tuple[tuple[int, int, int, int], ...] = ()) -> Tensor:
    """Boxes x0, y0, x1, y1 in nm with holes, (1, 400, 400) on 1 nm, float64."""
    image = torch.zeros(1, SIDE, SIDE, dtype=torch.float64)
    for value, (x0, y0, x1, y1) in [(1.0, box) for box in boxes] + [(0.0, hole) for hole in holes]:
        image[0, y0:y1, x0:x1] = value
    return image


SHAPES = {
    "bar": drawn((80, 120, 320, 201)),
    "ell": drawn((80, 80, 320, 180), (80, 180, 170, 330)),
    "jog": drawn((60, 120, 190, 220), (190, 133, 340, 233)),
    "frame": drawn((60, 60, 340, 340), holes=((150, 140, 261, 260),)),
    "two": drawn((60, 60, 150, 340), (230, 60, 330, 340)),
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def polygons(target: Tensor) -> list[Polygon]:
    """The outlines of a drawn image, in nm."""
    return list(pixel_polygons(target[0].numpy() >= 0.5, 1.0))


def cut(target: Tensor) -> Fragments:
    """The fragments of a drawn image, alone on its field."""
    return fragment(polygons(target), [], RULES)


def edges(target: Tensor, pixel_nm: float = 4.0, mask: Tensor | None = None) -> tuple[Manhattan, Tensor]:
    """The parameterization of drawn shapes, and its zero moves."""
    form = Manhattan()
    factor = round(pixel_nm)
    coarse = torch.nn.functional.avg_pool2d(target, factor) if mask is None else mask
    return form, form.start(Start(coarse, pixel_nm, target, 1.0))
