"""Mask rule checks of solved masks and of mask files, with table, markers and picture."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from litho_dl.core.errors import LithoError
from litho_dl.core.naming import require_name
from litho_dl.layout.clips import file_stem, load_mask_values
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.gds import write_layers
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.mask_file import read_mask
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import UNITS, MaskRules, RuleViolations
from litho_dl.metrics.mrc import block_size, mask_violations
from litho_dl.runs.masks import Masks, masks_on_pixel
from litho_dl.scoring.protocol import RULES
from litho_dl.simulation.simulator import Simulator

MASK_LAYER = (1, 0)
MARKER_LAYERS = {"width": (101, 0), "space": (102, 0), "area": (103, 0), "radius": (104, 0)}
MARKER_MARGIN_NM = 2.0  # so that a marker between two corners has an area
LISTED = 6  # places of each rule in the table
BORDER_RULES = ("width", "area", "radius")  # rules whose measured values a cut at the border changes
BORDER_NM = 1e-3


def check_mask_rules(
    simulator: Simulator, masks: Masks | Tensor | np.ndarray | Layout, rules: MaskRules | None = None
) -> list[RuleViolations]:
    """Finds the places where masks violate rules: least width, space, area and curvature radius.

    Args:
        simulator: A simulator with the field that the masks fill.
        masks: A `Solution`, a network's `Prediction`, or mask values (H, W) or (B, H, W) in [0, 1]; binarised at 0.5.
        rules: The limits; None: those of the protocol `default` at the process's scale.

    Returns:
        The violations of each mask, in the order of the batch; one mask gives a list of one.

    Raises:
        MaskError: The masks are of a wrong type, or have NaN or values outside [0, 1].
        GridMismatchError: They do not fill the field.
        LithoError: The rules are not `MaskRules`.
    """
    if rules is not None and not isinstance(rules, MaskRules):
        raise LithoError(f"Expected MaskRules, got {type(rules).__name__}; make them by MaskRules(20, 20, 1000).")
    given = masks_on_pixel(simulator, masks)
    rules = RULES.scaled(simulator.scale) if rules is None else rules
    return [mask_violations(mask.cpu().numpy(), given.pixel_nm, rules) for mask in given.mask >= 0.5]


def image_layout(path: Path, pixel_nm: float | None) -> tuple[Layout, float, Box]:
    """Reads a mask image as polygons along its pixels.

    Args:
        path: The image; binarised at 0.5.
        pixel_nm: Its pixel, as given by the user.

    Returns:
        The polygons, the pixel to smooth them by, and the image's border.

    Raises:
        LithoError: The pixel is missing or not positive, or the image cannot be read.
    """
    if pixel_nm is None:
        raise LithoError(
            f"{path}: expected the pixel (--pixel NM) of an image, which does not hold it, got none; pass it."
        )
    if not (math.isfinite(pixel_nm) and pixel_nm > 0):
        raise LithoError(f"{path}: expected a positive pixel (--pixel) in nm, got {pixel_nm:g}.")
    binary = np.asarray(load_mask_values(path)) >= 0.5
    height, width = binary.shape
    drawn = Layout(path.stem, pixel_polygons(binary, pixel_nm))
    return drawn, block_size(binary) * pixel_nm, (0.0, 0.0, width * pixel_nm, height * pixel_nm)


def polygon_layout(
    path: Path, layer: str | None, cell: str | None, window_nm: Box | None, *, allow_missing: bool = False
) -> Layout:
    """Reads a mask's polygons as `layout.mask_file.read_mask` does, and names them after the file.

    Args:
        path: The file.
        layer: Layer; None: the only one.
        cell: Cell; None: the only top cell.
        window_nm: x0, y0, x1, y1; None: everything.
        allow_missing: Read on where cells are missing.

    Returns:
        The polygons.

    Raises:
        LayoutError: As `read_layout`.
    """
    drawn = read_mask(path, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
    return Layout(file_stem(path), drawn.polygons)


def cut_places(violations: RuleViolations, border: Box | None, smooth_nm: float) -> dict[str, NDArray]:
    """Finds the violations at the border, which may only be due to the cut.

    Args:
        violations: All violations.
        border: x0, y0, x1, y1 in nm; None: nothing was cut.
        smooth_nm: Pixel by which a staircase outline was smoothed.

    Returns:
        bool (n,) for the n places of each rule, by rule.
    """
    cut = {rule: np.zeros(len(found.values), dtype=bool) for rule, found in violations.places.items()}
    if border is not None:
        low, high = np.array(border[:2]), np.array(border[2:])
        reach_nm = smooth_nm + BORDER_NM
        for rule in BORDER_RULES:
            boxes = violations.places[rule].boxes_nm
            cut[rule] |= ((boxes[:, :2] < low + reach_nm) | (boxes[:, 2:] > high - reach_nm)).any(1)
    return cut


def check_summary(mask: Path, rules: MaskRules, violations: RuleViolations, cut: dict[str, NDArray]) -> dict[str, Any]:
    """The result of a check as plain values.

    Args:
        mask: The mask's file.
        rules: The limits.
        violations: All violations.
        cut: Those at the border, as found by `cut_places`.

    Returns:
        Limits, counts and all places, by rule, the worst first and those at the border last.
    """
    places = []
    for rule, found in violations.places.items():
        for n in np.lexsort((abs(found.values), cut[rule])):
            x0, y0, x1, y1 = (round(float(edge), 3) for edge in found.boxes_nm[n])
            value = round(float(found.values[n]), 3)
            place = {"rule": rule, "measured": value, "unit": UNITS[rule], "box_nm": [x0, y0, x1, y1]}
            places.append({**place, "at_border": bool(cut[rule][n])})
    return {
        "mask": str(mask),
        "limits": rules.limits,
        "violations": violations.counts,
        "total": violations.total,
        "at_border": {rule: int(found.sum()) for rule, found in cut.items()},
        "places": places,
        "files": None,
    }


def check_text(result: dict[str, Any]) -> str:
    """The result as text: one line a rule, then the worst places of each."""
    places = {rule: [place for place in result["places"] if place["rule"] == rule] for rule in result["limits"]}
    lines = [f"{'rule':<8}{'limit':>14}{'violations':>12}{'at border':>12}{'worst':>16}"]
    for rule, limit in result["limits"].items():
        worst = _measured(places[rule][0]) if places[rule] else "-"
        shown = f"{limit:,g} {UNITS[rule]}" if limit else "off"
        lines.append(f"{rule:<8}{shown:>14}{result['violations'][rule]:>12}{result['at_border'][rule]:>12}{worst:>16}")
    lines.append(f"{'total':<8}{'':>14}{result['total']:>12}{sum(result['at_border'].values()):>12}")
    listed = [place for found in places.values() for place in found[:LISTED]]
    if listed:
        lines += ["", f"{'rule':<8}{'measured':>14}   centre x, y (nm)"]
    for place in listed:
        x0, y0, x1, y1 = place["box_nm"]
        note = "   at the border" if place["at_border"] else ""
        lines.append(f"{place['rule']:<8}{_measured(place):>14}   {(x0 + x1) / 2:,.1f}, {(y0 + y1) / 2:,.1f}{note}")
    if len(result["places"]) > len(listed):
        lines.append(f"... and {len(result['places']) - len(listed)} more; --json lists all.")
    return "\n".join(lines + [f"Wrote {path}" for path in result["files"] or ()])


def _measured(place: dict[str, Any]) -> str:
    """The measured value as text, such as `12.3 nm`; a concave radius is negative."""
    digits = 0 if place["rule"] == "area" else 1
    return f"{place['measured']:,.{digits}f} {place['unit']}"


def write_check(
    out: Path,
    drawn: Layout,
    rules: MaskRules,
    violations: RuleViolations,
    cut: dict[str, NDArray],
    suffix: str,
) -> list[str]:
    """Writes NAME.mrc.png, the mask with its markers, and the markers as layers of NAME.mrc.oas or .gds.

    Args:
        out: Folder to write to.
        drawn: The mask.
        rules: The limits.
        violations: All violations.
        cut: Those at the border, as found by `cut_places`.
        suffix: `oas` or `gds`.

    Returns:
        The files.

    Raises:
        LithoError: The mask's name cannot be part of a file name.
        OutputError: A file cannot be written.
    """
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.rules import RuleMarkers, rules_figure

    require_name(drawn.name, "the name of a mask")
    layers = {MASK_LAYER: drawn}
    for rule, places in violations.places.items():
        grown = places.boxes_nm + np.array([-1, -1, 1, 1]) * MARKER_MARGIN_NM
        shapes = [Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])) for x0, y0, x1, y1 in grown]
        layers[MARKER_LAYERS[rule]] = Layout(rule, tuple(shapes))
    markers, picture = out / f"{drawn.name}.mrc.{suffix}", out / f"{drawn.name}.mrc.png"
    write_layers(markers, layers, cell=drawn.name, merged=False)
    drawn_rules = [
        RuleMarkers(rule, rules.limits[rule], UNITS[rule], places.boxes_nm, places.values, cut[rule])
        for rule, places in violations.places.items()
        if rules.limits[rule] > 0
    ]
    dashed = " (dashed: at the border)" if any(found.any() for found in cut.values()) else ""
    title = f"Mask rules, {drawn.name}{dashed}"
    figure = rules_figure([polygon.loops for polygon in drawn.polygons], drawn_rules, title=title)
    save_figure(figure, picture)
    return [str(picture), str(markers)]
