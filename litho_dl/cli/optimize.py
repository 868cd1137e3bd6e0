"""litho-dl optimize: layouts in, masks out."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import (
    built,
    device_option,
    json_option,
    layout_options,
    optics_option,
    out_option,
    report_option,
    shipped,
    write_summary,
)
from litho_dl.core.errors import LithoError
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.ilt.solve import Solution
    from litho_dl.layout.clips import Clip
    from litho_dl.process.model import ProcessModel
    from litho_dl.runs.optimize import Optimized

LARGEST_TOLERANCE_NM = 10.0
SHOT_GRID_NM, SHOT_TOLERANCE_NM = 0.5, 2.0


@click.command()
@click.argument("layouts", nargs=-1, required=True, metavar="LAYOUT...", type=click.Path(path_type=Path))
@optics_option
@click.option(
    "--method",
    required=True,
    metavar="NAME",
    shell_complete=shipped("ilt"),
    help="An ILT method (see litho-dl recipes) or a .toml file.",
)
@out_option
@layout_options
@device_option
@click.option(
    "--init",
    "start_masks",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Continue from a mask (image of the field, or polygons): one for each LAYOUT in order, or a folder with "
    "NAME.mask.oas or NAME.mask.png of each.",
)
@click.option(
    "--curves",
    "curves_nm",
    type=float,
    metavar="NM",
    help="Write the masks as smooth curves, simplified within this tolerance, and score these.",
)
@click.option("--shots", is_flag=True, help="Also write the rectangles of each mask's fracture (.csv and .oas).")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw a picture of every clip.")
@report_option
@json_option
def optimize(
    layouts: tuple[Path, ...],
    optics: str,
    field_nm: float | None,
    method: str,
    out: Path,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    device: str,
    start_masks: tuple[Path, ...],
    curves_nm: float | None,
    shots: bool,
    figures: bool,
    as_json: bool,
) -> None:
    """Find the masks that print LAYOUT..., all as one batch, each centred on the field by its bounding box.

    Writes for each layout OUT/NAME.mask.png (the field at 1 nm, 255 = open, first row = lowest y), OUT/NAME.mask.oas
    (polygons in the layout's own coordinates) and the picture OUT/NAME.png; for the run OUT/scores.json and
    OUT/convergence.png and .csv; OUT/NAME.layers.oas holds target, mask, print and PV band as polygons on layers 1/0 to
    4/0. Ctrl-C stops early and writes the best masks found so far.

    --init runs the method's last level alone, from the given masks as its parameterization redraws them.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.io import require_writable_folder
    from litho_dl.ilt.method import load_method
    from litho_dl.layout.clips import MASK_FILE_PIXEL_NM, load_clip, load_start_mask, whole_factor
    from litho_dl.process.files import read_optics
    from litho_dl.runs.optimize import default_protocol, scored, solve_clips

    if curves_nm is not None and not 0 < curves_nm <= LARGEST_TOLERANCE_NM:
        raise LithoError(f"Expected --curves above 0 and at most {LARGEST_TOLERANCE_NM:g} nm, got {curves_nm:g}.")
    resolved, chosen = resolve_device(device), load_method(method)
    whole_factor(chosen.mask_nm, MASK_FILE_PIXEL_NM)  # refuse now what could not be saved later
    read = read_optics(optics, field_nm=field_nm)
    clips = [load_clip(path, read.field_nm, layer=layer, cell=cell, window_nm=window_nm) for path in layouts]
    require_distinct([clip.name for clip in clips])
    tell_cuts(clips, window_nm)
    masks = None
    if start_masks:
        found = start_mask_files(start_masks, [clip.name for clip in clips])
        masks = [load_start_mask(path, clip, chosen.target_nm) for path, clip in zip(found, clips, strict=True)]
    process = built(read)
    protocol = default_protocol(process)
    require_writable_folder(out)
    with progress_bar(f"Optimising {len(clips)} clip{'s'[: len(clips) > 1]}") as advance:
        solution = solve_clips(clips, process, chosen, resolved, advance, masks=masks)
    results = []
    for optimized in scored(clips, solution, process, protocol, curves_nm=curves_nm):
        written = write_clip(optimized, process, out, method if figures else None)
        if shots:
            written.update(write_fracture(optimized, out, curves_nm))
        results.append({**written, "solve_seconds_per_clip": solution.seconds / len(clips)})
    settings = {**layout_settings(layouts, layer, cell, window_nm), "optics": optics, "method": method}
    write_run(out, results, solution, settings, figures=figures)
    click.echo(json.dumps(results, indent=2) if as_json else score_table(results))
    if curves_nm is not None and not as_json:
        click.echo(curve_cost(results) + (f"\n{shot_kinds(curves_nm)}" if shots else ""))
    solution.require_finished()  # for the exit code: the best masks so far are written


def start_mask_files(given: Sequence[Path], names: Sequence[str]) -> list[Path]:
    """The file of each clip's start mask."""
    if len(given) == 1 and given[0].is_dir():
        found = [
            next((path for end in ("oas", "png") if (path := given[0] / f"{name}.mask.{end}").is_file()), None)
            for name in names
        ]
        missing = [name for name, path in zip(names, found, strict=True) if path is None]
        if missing:
            raise LithoError(f"{given[0]}: expected {missing[0]}.mask.oas or .png there; found neither.")
        return [path for path in found if path is not None]
    if len(given) != len(names):
        raise LithoError(f"Expected one --init for each of {len(names)} layouts, or one folder, got {len(given)}.")
    return list(given)


def write_fracture(optimized: "Optimized", out: Path, curves_nm: float | None) -> dict[str, Any]:
    """Writes NAME.shots.csv and NAME.shots.oas in the layout's coordinates; returns the count and the files."""
    import numpy as np

    from litho_dl.layout.fracture import fracture, fracture_curved, write_shots

    polygons, clip = optimized.polygons, optimized.clip
    if curves_nm is None:
        shots = fracture(polygons)
    else:
        shots = fracture_curved(polygons, grid_nm=SHOT_GRID_NM, tolerance_nm=shot_tolerance_nm(curves_nm))
    files = [out / f"{clip.name}.shots.{suffix}" for suffix in ("csv", "oas")]
    for path in files:
        write_shots(path, shots - np.tile(clip.shift_nm, 2))
    return {"fracture_shots": len(shots), "fracture_files": [str(path) for path in files]}


def shot_tolerance_nm(curves_nm: float) -> float:
    """How far the rectangles of curves may be from them."""
    return max(curves_nm, SHOT_TOLERANCE_NM)


def require_distinct(names: Sequence[str]) -> None:
    """Two layouts of one file name would overwrite each other."""
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise LithoError(f"Expected layouts of different file names, got {', '.join(doubled)} more than once; rename.")


def write_clip(optimized: "Optimized", process: "ProcessModel", out: Path, method: str | None) -> dict[str, Any]:
    """Writes a clip's mask files and, if a method or model is named for its title, what it prints; returns its result.

    Warns of a mask that prints nothing.
    """
    from litho_dl.layout.clips import save_mask
    from litho_dl.runs.pictures import clip_images, draw_clip, headline, write_layers

    clip, evaluation = optimized.clip, optimized.evaluation
    image, polygons = save_mask(optimized.mask, optimized.pixel_nm, clip, out, optimized.polygons)
    result: dict[str, Any] = {"clip": clip.name, "mask_png": str(image), "mask_oas": str(polygons), "figure": None}
    if method is not None:
        result["figure"] = str(out / f"{clip.name}.png")
        images = clip_images(evaluation, optimized.mask)
        title = f"{clip.name}, {method}"
        draw_clip(out / f"{clip.name}.png", images, evaluation, process.resist.threshold, title)
        write_layers(out, clip, optimized.polygons, evaluation)
    if not evaluation.prints["nominal"].any():
        click.echo(
            f"Warning: {clip.name}: its mask prints nothing at nominal conditions; take another method or start mask.",
            err=True,
        )
    if optimized.pixels is not None:
        result["before_curves"] = headline(optimized.pixels.scorecard)
    return {**result, **evaluation.scorecard.as_dict(), "clip": clip.name, "worst_sites": worst_sites(optimized)}


def worst_sites(optimized: "Optimized") -> list[dict[str, float | None]]:
    """The sites that violate the EPE limit, worst first, in the layout's own coordinates.

    The error is None where no printed edge is near, which is worst, and where the protocol does not measure it.
    """
    import numpy as np

    evaluation = optimized.evaluation
    places_nm, epe_nm = evaluation.violations_nm - np.array(optimized.clip.shift_nm), evaluation.violation_epe_nm
    if epe_nm is None:
        epe_nm = np.full(len(places_nm), np.nan)
    worst_first = np.argsort(-np.nan_to_num(np.abs(epe_nm), nan=np.inf), kind="stable")
    return [
        {"x_nm": x, "y_nm": y, "epe_nm": round(epe, 2) if math.isfinite(epe) else None}
        for (x, y), epe in zip(places_nm[worst_first].tolist(), epe_nm[worst_first].tolist(), strict=True)
    ]


def tell_cuts(clips: Sequence["Clip"], window_nm: tuple[float, float, float, float] | None) -> None:
    """Says on stderr how many shapes end where a window does, not where they were drawn to end."""
    if window_nm is None:
        return
    for clip in clips:
        low, high = (
            [edge + shift for edge, shift in zip(window_nm[i : i + 2], clip.shift_nm, strict=True)] for i in (0, 2)
        )
        hulls = [polygon.hull for polygon in clip.placed.polygons]
        cut = sum(bool(((hull <= low) | (hull >= high)).any()) for hull in hulls)
        if cut:
            click.echo(
                f"{clip.name}: {cut} of {len(hulls)} shapes end at the window's edge as if they were drawn so; to see "
                f"what lies beyond it use litho-dl fullchip --window.",
                err=True,
            )


def layout_settings(
    layouts: Sequence[Path],
    layer: str | None = None,
    cell: str | None = None,
    window_nm: tuple[float, float, float, float] | None = None,
) -> dict[str, Any]:
    """What was read, by the files' names; None is the only layer or cell, or the whole layout."""
    return {"layouts": [path.name for path in layouts], "layer": layer, "cell": cell, "window_nm": window_nm}


def write_run(
    out: Path, results: list[dict[str, Any]], solution: "Solution", settings: dict[str, Any], *, figures: bool
) -> None:
    """Writes scores.json and the convergence picture."""
    from litho_dl.runs.pictures import draw_convergence

    run = {**settings, "status": solution.status, "device": str(solution.mask.device)}
    write_scores(out, {**run, "solve_seconds": solution.seconds}, results)
    if figures:
        draw_convergence(out / "convergence.png", solution, f"Convergence, {settings['method']}")


def write_scores(out: Path, run: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Writes scores.json: what was run, and each clip's result."""
    write_summary(out / "scores.json", {**run, "clips": results})


def curve_cost(results: Sequence[dict[str, Any]]) -> str:
    """What drawing the masks as curves did to the scores, as one line."""
    keys = {"l2_nm2": "L2 (nm²)", "pvb_nm2": "PVB (nm²)", "epe_violations": "EPE violations", "shots": "shots"}
    changes = (
        f"{title} {sum(result[key] - result['before_curves'][title] for result in results) / len(results):+,.1f}"
        for key, title in keys.items()
    )
    return "Curves against the pixel masks they were drawn from, mean: " + ", ".join(changes)


def shot_kinds(curves_nm: float) -> str:
    """What the two counts of a curve's rectangles are."""
    return (
        f"shots: rectangles of the curves drawn on 1 nm pixels, as scored; written: rectangles of --shots, with edges "
        f"within {shot_tolerance_nm(curves_nm):g} nm of the curves"
    )


def score_table(results: Sequence[dict[str, Any]]) -> str:
    """Scores as text, one line a clip, and their mean.

    `mrc` counts the violations of all mask rules, `written` the rectangles of --shots.
    """
    results = [{**result, "mrc": sum((result["mrc_violations"] or {}).values())} for result in results]
    keys = {"l2_nm2": "L2 (nm²)", "pvb_nm2": "PVB (nm²)", "epe_violations": "EPE", "mrc": "mrc", "shots": "shots"}
    if results[0]["mrc_violations"] is None:  # the protocol has no mask rules
        del keys["mrc"]
    if "fracture_shots" in results[0]:
        keys["fracture_shots"] = "written"
    width = max(len("mean"), *(len(result["clip"]) for result in results))
    lines = [f"{'clip':<{width}}" + "".join(f"{title:>12}" for title in keys.values())]
    for result in results:
        lines.append(f"{result['clip']:<{width}}" + "".join(f"{result[key]:>12,.0f}" for key in keys))
    if len(results) > 1:
        means = (sum(result[key] for result in results) / len(results) for key in keys)
        lines.append(f"{'mean':<{width}}" + "".join(f"{mean:>12,.1f}" for mean in means))
    return "\n".join(lines)
