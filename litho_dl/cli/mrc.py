"""litho-dl mrc: the mask rule check."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from litho_dl.cli.options import (
    GivenRules,
    command_line,
    json_option,
    own,
    read_mask_options,
    report_option,
    rules_options,
)
from litho_dl.core.errors import LithoError
from litho_dl.core.io import IMAGE_SUFFIXES

if TYPE_CHECKING:
    pass


@click.command()
@click.argument("mask", metavar="MASK", type=click.Path(path_type=Path))
@click.option("--pixel", "pixel_nm", type=float, metavar="NM", help="Pixel of an image (.png, .npy, .csv); required.")
@rules_options
@click.option("--smooth", "smooth_nm", type=float, metavar="NM", help="Pixel of polygons drawn along pixel edges.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the picture, the markers and the list of places.",
)
@click.option(
    "--markers", type=click.Choice(["oas", "gds"]), default="oas", show_default=True, help="Format of the markers."
)
@click.option("--strict", is_flag=True, help="Exit with 1 if a rule is violated.")
@read_mask_options
@report_option
@json_option
def mrc(
    mask: Path,
    pixel_nm: float | None,
    rules: GivenRules,
    smooth_nm: float | None,
    out: Path | None,
    markers: str,
    strict: bool,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    as_json: bool,
) -> None:
    """Check a mask's least width, space, area and curvature radius.

    MASK is an image, whose shapes are where its value is at least half of the range, polygons (.glp, .gds, .oas), or
    curves (.curves.json), whose radius is that of the curves themselves.
    With --out, writes NAME.mrc.png, the mask with markers and the worst places enlarged; NAME.mrc.oas (or .gds), the
    mask on layer 1/0 and markers of width, space, area and radius on 101/0 to 104/0; and NAME.mrc.json, all places.

    Features that the border of an image or of the --window cuts are checked as they are, and their violations are
    counted separately, as they may be parts of larger features.
    """
    from litho_dl.core.naming import require_name
    from litho_dl.layout.clips import file_stem
    from litho_dl.layout.curve_file import is_curves, read_curves
    from litho_dl.layout.rules import check_curves, check_rules
    from litho_dl.runs.mask_rules import (
        check_summary,
        check_text,
        cut_places,
        image_layout,
        polygon_layout,
        write_check,
    )
    from litho_dl.runs.summary import write_summary
    from litho_dl.scoring.protocol import RULES

    limits = rules.at(1.0) or RULES
    if out is not None:
        require_name(file_stem(mask), "the name of a mask")
        own(out)
    border = window_nm
    if mask.suffix.lower() in IMAGE_SUFFIXES:
        drawn, smooth, border = image_layout(mask, pixel_nm)
    else:
        drawn, smooth = polygon_layout(mask, layer, cell, window_nm, allow_missing=allow_missing), smooth_nm or 0.0
    if not (math.isfinite(smooth) and smooth >= 0):
        raise LithoError(f"Expected --smooth of zero or more, got {smooth:g} nm.")
    if is_curves(mask):
        violations = check_curves(read_curves(mask).outlines, limits, window_nm=window_nm)
    else:
        violations = check_rules(drawn.polygons, limits, smooth_nm=smooth)
    cut = cut_places(violations, border, smooth)
    result = check_summary(mask, limits, violations, cut)
    if out is not None:
        result["files"] = write_check(out, drawn, limits, violations, cut, markers)
        write_summary(out / f"{drawn.name}.mrc.json", command_line(), result)
    click.echo(json.dumps(result, indent=2) if as_json else check_text(result))
    if strict and violations.total:
        sys.exit(1)
