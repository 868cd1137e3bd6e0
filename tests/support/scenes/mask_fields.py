"""A layout on a clear field, and its complement on a dark one, which are the same mask."""

from functools import cache

import klayout.db as db
import numpy as np

from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.region import from_region, to_region
from litho_dl.process.model import Corner, ProcessModel, build_process
from litho_dl.process.recipe import Recipe, load_recipe
from scenes.shapes import box

SIDE_NM = 512.0
FIELD = (SIDE_NM, SIDE_NM)
KINDS = ("binary", "attenuated")
# The same two conditions, of which a dark field prints more in the first, and a clear one in the second.
BRIGHT, DIM = {"dose": 1.06, "defocus_nm": 0.0}, {"dose": 0.95, "defocus_nm": 40.0}


def recipe_of(kind: str, field: str, **resist: object) -> Recipe:
    """Dry optics of a mask; the bright and the dim corner are those of the field."""
    recipe = load_recipe("duv193-dry-annular")
    outer, inner = (BRIGHT, DIM) if field == "dark" else (DIM, BRIGHT)
    changes = {
        "mask": {"type": kind, "transmission": 0.08, "field": field},
        "resist": recipe.resist.model_dump() | resist,
        "corners": {"nominal": {"dose": 1.0, "defocus_nm": 0.0}, "outer": outer, "inner": inner},
        "kernels": {"field_nm": SIDE_NM, "source_samples": 11, "count": 10},
    }
    return Recipe.model_validate(recipe.model_dump() | changes)


@cache
def process_of(kind: str, field: str) -> ProcessModel:
    """The process of `recipe_of`; nobody changes it."""
    return build_process(recipe_of(kind, field))


def random_layout(seed: int) -> Layout:
    """Some rectangles on whole nm that stay 40 nm clear of the border, merged; none prints alone, all may together."""
    rng = np.random.default_rng(seed)
    boxes = []
    for _ in range(5):
        width, height = rng.permutation([int(rng.integers(70, 120)), int(rng.integers(150, 330))])
        x, y = (int(rng.integers(40, SIDE_NM - 40 - side)) for side in (width, height))
        boxes.append(box(x, y, x + width, y + height))
    return Layout(f"random {seed}", tuple(boxes)).merged()


def complement(layout: Layout) -> Layout:
    """All of the field but a layout's shapes."""
    whole = to_region((Polygon(box(0, 0, SIDE_NM, SIDE_NM).hull),), 1000)
    rest: db.Region = whole - to_region(layout.polygons, 1000)
    return Layout(f"all but {layout.name}", from_region(rest.merged(), 1000))


def exchanged(corner: str) -> str:
    """The corner of the other field with the same condition."""
    return {"outer": "inner", "inner": "outer"}.get(corner, corner)


def same_conditions(clear: dict[str, Corner], dark: dict[str, Corner]) -> bool:
    return all(dark[exchanged(name)] == corner for name, corner in clear.items())
