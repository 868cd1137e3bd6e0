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
REACH_NM = 60.0  # from a stray print to the shape that causes it


def without_stray_prints(
    cleaned: Cleaned, problem: LevelProblem, drawn: Sequence[Sequence[Polygon]], rules: MaskRules, written_nm: float
) -> Cleaned:
    """Masks whose assist features do not print at any of the corners that are scored.

    The shape nearest to each stray print, of those that touch nothing drawn or fixed, is shrunk until the print is
    gone, or until the shape is, by the rules. Prints without such a shape nearby stay: they are side lobes of drawn
    or fixed shapes, or of features that are connected to them.

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
    grid = Grid((coverage.shape[-2], coverage.shape[-1]), written_nm)
    others = [[*own, *fixed] for own, fixed in zip(drawn, problem.fixed_parts(), strict=True)]
    suspects = list(range(len(polygons)))
    while suspects:
        rows = torch.tensor(suspects)
        places = problem.of(rows).stray_places_nm(coverage[rows], written_nm)
        printing, suspects = zip(suspects, places, strict=True), []
        for index, places_nm in printing:
            smaller = _thinned(polygons[index], others[index], places_nm, rules)
            if smaller is not None:
                polygons[index] = smaller
                coverage[index] = torch.from_numpy(rasterize(Layout("mask", smaller), grid)).to(coverage)
                suspects.append(index)
    return Cleaned(coverage, tuple(polygons))


def _thinned(
    polygons: tuple[Polygon, ...], drawn: Sequence[Polygon], places_nm: np.ndarray, rules: MaskRules
) -> tuple[Polygon, ...] | None:
    """A mask's polygons, of which the assist features nearest to places (n, 2) are smaller; None: there are none."""
    shapes = to_shapes(polygons)
    assists = np.flatnonzero(~shapely.intersects(shapes, shapely.union_all(to_shapes(drawn))))
    if not (len(assists) and len(places_nm)):
        return None
    distances = shapely.distance(shapes[assists], shapely.points(places_nm)[:, None])
    printing = np.unique(assists[distances.argmin(1)[distances.min(1) <= REACH_NM]])
    if not len(printing):
        return None
    smaller = [_largest(opened(parts(shape), rules)) for shape in shapely.buffer(shapes[printing], -STEP_NM)]
    return to_polygons(np.concatenate([np.delete(shapes, printing), *smaller]))


def _largest(shapes: Shapes) -> Shapes:
    """The largest of the parts that a shape may have come apart into, as they are too close together; or none."""
    return shapes[np.argsort(-shapely.area(shapes))[:1]]
