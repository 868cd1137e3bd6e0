"""Clips, methods and hand-made scenes that the tests of inverse lithography share."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.objective import ObjectiveInputs, background, evaluate_terms
from litho_dl.ilt.probes import epe_probes, probe_pairs
from litho_dl.layout.clips import Clip, place
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules
from litho_dl.process.model import Corner, build_process
from litho_dl.process.resist import Resist
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.simulator import Simulator
from scenes.coarse_optics import coarse_recipe

FIELD = (512.0, 512.0)
RECIPE = coarse_recipe("duv193-dry-annular")


def clip(name: str, *corners: tuple[float, float, float, float]) -> Clip:
    """Rectangles x0, y0, x1, y1 in nm, centred on the field."""
    boxes = (np.array([(a, b), (c, b), (c, d), (a, d)], dtype=float) for a, b, c, d in corners)
    return place(Layout(name, tuple(Polygon(box) for box in boxes)), Grid.of_field(FIELD, 1.0), name)


CLIPS = (
    clip("cross", (0, 100, 320, 220), (100, 0, 220, 320)),
    clip("lines", (0, 0, 120, 360), (220, 0, 340, 360)),
)


@cache
def _targets(pixel_nm: float) -> Tensor:
    return torch.stack([clip.coverage(pixel_nm) for clip in CLIPS]).double()


def targets(pixel_nm: float) -> Tensor:
    """Both clips' coverage, float64 (2, H, W)."""
    return _targets(pixel_nm).clone()


@cache
def small_simulator() -> Simulator:
    """Few kernels, float64; nobody changes it."""
    return Simulator(build_process(RECIPE, field_nm=FIELD, count=6), dtype=torch.float64)


SIMPLE = Method(
    description="for tests",
    parameterization="pixel",
    optimizer="adam",
    objective={"l2": 1.0, "pvb": 1.0},
    levels=(
        Level(pixel_nm=16, steps=4, learning_rate=(0.1, 0.1), mask_sharpness=(8, 8), resist_steepness=(50, 50)),
        Level(pixel_nm=8, steps=3, learning_rate=(0.05, 0.02), mask_sharpness=(8, 16), resist_steepness=(50, 80)),
    ),
)


def with_levels(*levels: Level, **changes: object) -> Method:
    """The simple method with other levels."""
    return SIMPLE.model_copy(update={"levels": levels, **changes})


def changed(level: Level, **changes: object) -> Level:
    """The level with other values; a single rate, sharpness or steepness holds throughout."""
    ramps = ("learning_rate", "mask_sharpness", "resist_steepness")
    pairs = {k: (v, v) if k in ramps and not isinstance(v, tuple) else v for k, v in changes.items()}
    return level.model_copy(update=pairs)


def printed_objective(
    mask: Tensor,
    pixel_nm: float,
    weights: dict[str, float],
    rules: MaskRules | None = None,
    *,
    image_nm: float | None = None,
    method: Method | None = None,
) -> Tensor:
    """The objective of binary masks of both clips with binary prints, also at the corners of a method, (B,)."""
    image_nm = image_nm or pixel_nm
    target, mask = targets(image_nm), mask.double()
    maps = epe_probes(target, image_nm), background(target, image_nm)
    simulator = small_simulator() if method is None else method.on_process(small_simulator())
    exposure = simulator(mask, pixel_nm, out_pixel_nm=image_nm)
    inputs = ObjectiveInputs(target, exposure, mask, *maps, image_nm, pixel_nm, rules, binary=True)
    corner_weights = {} if method is None else method.corner_weights
    inputs = replace(inputs, corner_weights=corner_weights, pairs=probe_pairs(target, image_nm))
    return evaluate_terms(inputs, weights)[0]


def objective_inputs(
    nominal: Tensor,
    target: Tensor,
    *,
    inner: Tensor | None = None,
    mask: Tensor | None = None,
    rules: MaskRules | None = None,
    binary: bool = True,
) -> ObjectiveInputs:
    """One clip at 2 nm, its mask at 5 nm; focus intensity `nominal`, defocus `inner`; threshold 0.5, steepness 10."""
    intensity = {"focus": nominal[None], "defocus": (nominal if inner is None else inner)[None]}
    corners = {"nominal": Corner(1.0, "focus"), "outer": Corner(1.5, "focus"), "inner": Corner(1.0, "defocus")}
    exposure = Exposure(intensity, {}, corners, Resist(threshold=0.5, steepness=10.0), (256.0, 256.0), 2.0)
    drawn = (target if mask is None else mask)[None]
    none = torch.zeros_like(target)[None]
    return ObjectiveInputs(target[None], exposure, drawn, none, none, 2.0, 5.0, rules, binary)


def rectangle(height: int, width: int, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """One rectangle in an empty image, float64."""
    image = torch.zeros(height, width, dtype=torch.float64)
    image[slice(*rows), slice(*columns)] = 1
    return image
