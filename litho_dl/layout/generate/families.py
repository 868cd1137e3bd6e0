"""The families of random clips, and one clip of a family from a seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.core.settings import suggestion
from litho_dl.layout.design_rules import DesignRules, check_design, require_extent
from litho_dl.layout.generate import cell, metal, pads, structures, via
from litho_dl.layout.generate.sketch import Sketch, Steps
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

DRAWS = 50


@dataclass(frozen=True)
class Family:
    """A family of random clips.

    Attributes:
        description: The family in one line.
        layer: The kind of layer whose rules it keeps.
        styles: Functions that draw a clip, by name; the seed selects one.
    """

    description: str
    layer: Literal["metal", "via"]
    styles: Mapping[str, Callable[[Sketch], None]]


FAMILIES: dict[str, Family] = {
    "metal": Family(
        "Routed metal: tracks, bars, random-walk wires, islands, buses; dense to isolated", "metal", metal.STYLES
    ),
    "via": Family("Vias: arrays, staggered arrays, random places, redundant clusters, rows", "via", via.STYLES),
    "cell": Family("Standard-cell metal 1: rails, straps, pins and internal wires", "metal", cell.STYLES),
    "structures": Family(
        "Calibration structures: gratings, ramps, tips, elbows, combs, islands", "metal", structures.STYLES
    ),
    "pads": Family("Islands packed in both directions, some joined into bars and combs", "metal", pads.STYLES),
}


def generate(family: str, rules: DesignRules, seed: int, extent_nm: float) -> Layout:
    """One random clip that keeps the rules, in [0, extent] x [0, extent].

    The same arguments give the same polygons on every machine. A drawing that violates a rule (see `check_design`) is
    repeated with a sub-seed.

    Args:
        family: A key of `FAMILIES`.
        rules: The rules to keep, of the family's kind of layer.
        seed: Zero or more.
        extent_nm: Side of the clip's square in nm; rounded down to the grid.

    Returns:
        The clip.

    Raises:
        LayoutError: The family is unknown, the rules are of another layer, or nothing that keeps them fits the extent.
    """
    layout, _ = drawn(family, rules, seed, extent_nm)
    return layout


def drawn(family: str, rules: DesignRules, seed: int, extent_nm: float) -> tuple[Layout, int]:
    """One random clip, and how many drawings were discarded before it.

    Args:
        family: As for `generate`.
        rules: As for `generate`.
        seed: As for `generate`.
        extent_nm: As for `generate`.

    Returns:
        The clip, and the number of discarded drawings.

    Raises:
        LayoutError: As `generate`.
    """
    chosen = _chosen(family, rules, seed)
    steps, size = Steps.of(rules), int(require_extent(extent_nm) / rules.grid_nm + 1e-9)
    if size < 3 * steps.pitch:
        raise LayoutError(
            f"Expected an extent of at least {3 * rules.pitch_nm:g} nm for {family}, got {extent_nm:g} nm."
        )
    broken: dict[str, int] = {}
    for draw in range(DRAWS):
        sketch = Sketch(steps, size, (seed, draw))
        try:
            sketch.choice(list(chosen.styles.values()))(sketch)
        except LayoutError as error:
            raise LayoutError(
                f"Expected an extent that holds {family}, got {extent_nm:g} nm: {error}; enlarge it."
            ) from error
        turned = family != "cell" and sketch.chance(0.5)
        boxes = sketch.boxes[:, [1, 0, 3, 2]] if turned else sketch.boxes
        layout = Layout(f"{family}_{seed}", _polygons(boxes * rules.grid_nm)).merged()
        broken = {rule: count for rule, count in check_design(layout, rules, extent_nm).items() if count}
        if layout.polygons and not broken:
            return layout, draw
    raise LayoutError(
        f"Expected a clip of {family} that keeps the rules in {extent_nm:g} nm, got none in {DRAWS} draws (the last "
        f"breaks {', '.join(broken) or 'none, but is empty'}); enlarge the extent or relax the rules."
    )


def _chosen(family: str, rules: DesignRules, seed: int) -> Family:
    """The family of a name, after checking the arguments of `generate`."""
    if family not in FAMILIES:
        raise LayoutError(f"No family of clips named {family!r}; {suggestion(family, FAMILIES)}")
    chosen = FAMILIES[family]
    if chosen.layer != rules.layer:
        raise LayoutError(f"Expected rules of a {chosen.layer} layer for {family}, got those of a {rules.layer} layer.")
    if seed < 0:
        raise LayoutError(f"Expected a seed of zero or more, got {seed}.")
    return chosen


def _polygons(boxes: np.ndarray) -> tuple[Polygon, ...]:
    return tuple(Polygon(box[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)) for box in boxes)
