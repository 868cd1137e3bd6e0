"""Assist features that would print, in masks that keep mask rules, made smaller until they do not."""

from collections.abc import Sequence

import numpy as np
import shapely
import torch

from litho_dl.core.grid import Grid
from litho_dl.ilt.cleanup import Cleaned
from litho_dl.ilt.problem import LevelProblem
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.layout.repair import opened
from litho_dl.layout.rules import MaskRules
from litho_dl.layout.shapes import Shapes, parts, to_polygons, to_shapes

STEP_NM = 2.0  # by which all sides of a shape that prints move inwards in each round
ROUNDS = 8
REACH_NM = 60.0  # from a stray print to the shape that causes it


def without_stray_prints(
    cleaned: Cleaned, problem: LevelProblem, drawn: Sequence[Sequence[Polygon]], rules: MaskRules, written_nm: float
) -> Cleaned:
    """Masks whose assist features do not print at any of the corners that are scored.

    The shape nearest to each stray print, of those that touch nothing drawn, is shrunk until the print is gone, or
    until the shape is, by the rules. Prints without such a shape nearby stay: they are side lobes of drawn features.

    Args:
        cleaned: The masks.
        problem: The level that they are of.
        drawn: The drawn polygons of each clip, in nm.
        rules: The mask rules.
        written_nm: Pixel of the masks.

    Returns:
        The masks, of which those without stray prints are as they were.
    """
    coverage, polygons = cleaned.coverage.clone(), list(cleaned.polygons)
    suspects = list(range(len(polygons)))
    for _ in range(ROUNDS):
        places = problem.stray_places_nm(coverage, written_nm)
        suspects = [index for index in suspects if len(places[index])]
        if not suspects:
            break
        for index in suspects:
            polygons[index] = _thinned(polygons[index], drawn[index], places[index], rules)
            grid = Grid((coverage.shape[-2], coverage.shape[-1]), written_nm)
            coverage[index] = torch.from_numpy(rasterize(Layout("mask", polygons[index]), grid)).to(coverage)
    return Cleaned(coverage, tuple(polygons))


def _thinned(
    polygons: tuple[Polygon, ...], drawn: Sequence[Polygon], places_nm: np.ndarray, rules: MaskRules
) -> tuple[Polygon, ...]:
    """A mask's polygons, of which the assist features nearest to places (n, 2) are smaller."""
    shapes = to_shapes(polygons)
    assists = np.flatnonzero(~shapely.intersects(shapes, shapely.union_all(to_shapes(drawn))))
    if not len(assists):
        return polygons
    distances = shapely.distance(shapes[assists], shapely.points(places_nm)[:, None])
    printing = np.unique(assists[distances.argmin(1)[distances.min(1) <= REACH_NM]])
    smaller = [_largest(opened(parts(shape), rules)) for shape in shapely.buffer(shapes[printing], -STEP_NM)]
    return to_polygons(np.concatenate([np.delete(shapes, printing), *smaller]))


def _largest(shapes: Shapes) -> Shapes:
    """The largest of the parts that a shape may have come apart into, as they are too close together; or none."""
    return shapes[np.argsort(-shapely.area(shapes))[:1]]
