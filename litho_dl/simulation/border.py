"""The field's border: how far the periodic images of a layout move its edges."""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from litho_dl.core.grid import Grid, same_length
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.simulation.simulator import Simulator

# Lengths at a scale of 1; see `process.recipe.Recipe`.
TOLERANCE_NM = 0.25  # largest shift of an edge that is not worth a warning
OPTIMISED = 5.0  # optimised masks, with assist features up to the border, move edges by up to so much more
PIXEL_NM = 8.0
FIELD_UNIT_NM = 1e-3
RANGE_NM = 1024.0  # distance up to which features are taken to influence an edge
FIELD_STEP_NM = 256.0
FEWEST_KERNELS = 48  # on the larger field; fewer may be enough with a tail, which these lack
LEAST_SLOPE = 0.5  # of the median edge's; weaker edges, as at corners, count as if they had it


def border_shift_nm(process: ProcessModel, target: Layout) -> float:
    """How far the periodic images of a layout, drawn as the mask, move its edges.

    The image of the layout among its periodic images and that of the layout alone are both computed on a larger field,
    on pixels of about 8 nm. An edge moves by their difference over the slope of the image there.

    Args:
        process: The process; its nominal corner is taken.
        target: The layout; its place on the process's field does not matter.

    Returns:
        The largest shift over the drawn edges, in nm; 0 where the images are beyond the range of the optics.
    """
    if image_gap_nm(target, process.field_nm) >= RANGE_NM * process.scale:
        return 0.0
    return _shift_nm(_wide(process), target, process.field_nm)


def sufficient_field_nm(process: ProcessModel, target: Layout) -> float:
    """The side of the smallest square field, in steps of 256 nm, on which also optimised masks keep a layout's edges.

    Args:
        process: The process; its nominal corner is taken.
        target: The layout.

    Returns:
        The side in nm, larger than the process's field.
    """
    wide, side = _wide(process), max(process.field_nm)
    step_nm, range_nm, allowed_nm = (
        length * process.scale for length in (FIELD_STEP_NM, RANGE_NM, TOLERANCE_NM / OPTIMISED)
    )
    while True:
        side = (math.floor(side / step_nm + 1e-9) + 1) * step_nm
        gap_nm = image_gap_nm(target, (side, side))
        if gap_nm >= range_nm or (gap_nm > 0 and _shift_nm(wide, target, (side, side)) <= allowed_nm):
            return side


def image_gap_nm(target: Layout, field_nm: tuple[float, float]) -> float:
    """The distance between a layout's bounding box and its nearest periodic image in nm."""
    x0, y0, x1, y1 = target.bbox_nm
    return min(field_nm[1] - (x1 - x0), field_nm[0] - (y1 - y0))


@lru_cache(maxsize=1)  # for the layouts of one command
def _wide(process: ProcessModel) -> ProcessModel:
    """The nominal corner of a process; kernels of small fields, which end too near, are built for a larger one."""
    range_nm = RANGE_NM * process.scale
    corner, times = process.corners["nominal"], math.ceil(2 * range_nm / max(process.field_nm) - 1e-9)
    if times > 1 and process.recipe is not None:
        recipe = process.recipe.model_copy(update={"corners": {"nominal": process.recipe.corners["nominal"]}})
        count = max(FEWEST_KERNELS, *(len(kernels.weights) for kernels in process.kernels.values()))
        height, width = process.field_nm
        process = build_process(recipe, field_nm=(times * height, times * width), count=count)
        corner = process.corners["nominal"]
    own = replace(process, kernels={corner.kernels: process.kernels[corner.kernels]}, corners={"nominal": corner})
    return own.without_flare()  # the mean over the field, which a larger one would change


def _shift_nm(wide: ProcessModel, target: Layout, field_nm: tuple[float, float]) -> float:
    """The largest shift of an edge by the images that a field repeats; the kernels may be of a larger field."""
    height, width = field_nm
    copies = max(2, *(math.ceil(own / side - 1e-9) for own, side in zip(wide.field_nm, field_nm, strict=True)))
    around = (copies * height, copies * width)
    own = all(same_length(side, other) for side, other in zip(wide.field_nm, around, strict=True))
    simulator = Simulator(wide if own else wide.on_field(around))
    grid = Grid.of_field(field_nm, _pixel_nm(field_nm, PIXEL_NM * wide.scale))
    x0, y0, x1, y1 = target.bbox_nm
    tile = rasterize(target.translated((width - x1 - x0) / 2, (height - y1 - y0) / 2), grid)
    repeated = np.tile(tile, (copies, copies))
    alone = np.zeros_like(repeated)
    alone[: grid.shape[0], : grid.shape[1]] = tile
    with torch.no_grad():
        exposure = simulator.expose(torch.from_numpy(np.stack((alone, repeated))), grid.pixel_nm)
    single, among = exposure.aerial("nominal").double().numpy()
    edges = _edges(alone >= 0.5) & _edges(repeated >= 0.5)  # shapes that go on across the border have none there
    slope = _slope(single, grid.pixel_nm)[edges]
    if not slope.size:
        return 0.0
    return float((np.abs(among - single)[edges] / np.maximum(slope, LEAST_SLOPE * np.median(slope))).max())


def _pixel_nm(field_nm: tuple[float, float], wanted_nm: float) -> float:
    """The pixel nearest to a wanted one, or smaller, that divides both sides of a field."""
    common = math.gcd(*(round(side / FIELD_UNIT_NM) for side in field_nm)) * FIELD_UNIT_NM
    return common / max(1, math.ceil(common / wanted_nm - 0.5))


def _edges(inside: np.ndarray) -> np.ndarray:
    """True at pixels whose lower or left neighbour lies on the other side of an edge, on a periodic field."""
    return (inside != np.roll(inside, 1, 0)) | (inside != np.roll(inside, 1, 1))


def _slope(image: np.ndarray, pixel_nm: float) -> np.ndarray:
    """The modulus of the gradient of an image on a periodic field, per nm."""
    differences = (np.roll(image, -1, axis) - np.roll(image, 1, axis) for axis in (0, 1))
    return np.hypot(*differences) / (2 * pixel_nm)
