"""Files of a run: masks, layers and pictures of each clip; scores, convergence and shots; start masks."""

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litho_dl.core.errors import LithoError
from litho_dl.core.grid import HasField
from litho_dl.core.io import IMAGE_SUFFIXES
from litho_dl.layout.clips import Clip, file_stem, load_clip
from litho_dl.layout.edges import is_manhattan
from litho_dl.layout.files import LAYOUT_SUFFIXES
from litho_dl.layout.fracture import fracture, fracture_curved, write_shots
from litho_dl.layout.layout import Box
from litho_dl.layout.mask_file import PLAIN_FORM, MaskForm
from litho_dl.layout.saved_mask import save_mask
from litho_dl.runs.curves import curve_entry, warn_of_curves
from litho_dl.runs.optimize import ScoredMask
from litho_dl.runs.pictures import Pictures, draw_convergence, draw_mask, write_layers
from litho_dl.runs.summary import write_summary
from litho_dl.runs.tables import shot_tolerance_nm
from litho_dl.scoring.protocol import Protocol
from litho_dl.simulation.other_field import other_field_hint

if TYPE_CHECKING:
    from litho_dl.ilt.solve import Solution

SHOT_GRID_NM = 0.5
UNLIKE = 0.5  # share of a target's area by which prints of its own masks seldom differ


def require_distinct(names: Sequence[str]) -> None:
    """Checks that no two layouts have the same name, as their files would overwrite each other.

    Raises:
        LithoError: Two names are the same.
    """
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise LithoError(f"Expected layouts of different file names, got {', '.join(doubled)} more than once; rename.")


def load_clips(
    layouts: Sequence[Path],
    optics: HasField,
    *,
    layer: str | None = None,
    cell: str | None = None,
    window_nm: Box | None = None,
    allow_missing: bool = False,
) -> list[Clip]:
    """Loads the clips of a run, and warns of shapes that the window cut.

    Args:
        layouts: The files.
        optics: An object with the field.
        layer: Layer; None: the only one.
        cell: Cell; None: the only top cell.
        window_nm: x0, y0, x1, y1 in the layouts' own coordinates; None: the whole layouts.
        allow_missing: Read on where cells are missing.

    Returns:
        One clip for each file.

    Raises:
        LayoutError: A file cannot be read, or a layout does not fit on the field.
        LithoError: Two layouts have the same name.
    """
    clips = [
        load_clip(path, optics, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
        for path in layouts
    ]
    require_distinct([clip.name for clip in clips])
    warn_of_cuts(clips, window_nm)
    return clips


def start_mask_files(given: Sequence[Path], names: Sequence[str]) -> list[Path]:
    """The file of each clip's start mask.

    Args:
        given: One file for each clip, in order, or one folder with a file for each, as `mask_file` finds it.
        names: The clips' names.

    Returns:
        One file for each clip.

    Raises:
        LithoError: There are more or fewer files than clips, or the folder lacks one.
    """
    if len(given) == 1 and given[0].is_dir():
        return [mask_file(given[0], name) for name in names]
    if len(given) != len(names):
        raise LithoError(
            f"Expected one start mask (--init) for each of {len(names)} layouts, or one folder, got {len(given)}."
        )
    return list(given)


def mask_file(folder: Path, name: str, *, plain: bool = False) -> Path:
    """The file of a clip's mask in a folder: NAME.mask.oas, NAME.mask.png, or the only one in any other format.

    Args:
        folder: The folder.
        name: The clip's name.
        plain: Whether a file may be NAME without `.mask`, as other programs name masks.

    Raises:
        LithoError: There is none, or there are several without one that ends in .mask and its format.
    """
    for end in ("mask.oas", "mask.png"):
        if (path := folder / f"{name}.{end}").is_file():
            return path
    formats = (*IMAGE_SUFFIXES, *LAYOUT_SUFFIXES)
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().endswith(formats))
    for stem in (f"{name}.mask", name)[: 1 + plain]:
        found = [path for path in files if file_stem(path) == stem]
        if len(found) > 1:
            raise LithoError(
                f"{folder}: expected one mask of {name}, got {', '.join(path.name for path in found)}; keep one, or "
                f"name it {name}.mask.oas or .mask.png."
            )
        if found:
            return found[0]
    plainly = f", or {name} in any format" if plain else ""
    raise LithoError(f"{folder}: expected the mask {name}.mask.oas, .gds or .png{plainly} there; found none.")


def warn_of_divergence(solution: "Solution", names: Sequence[str]) -> None:
    """Warns on standard error of clips whose optimisation diverged.

    Args:
        solution: The optimisation.
        names: The clips' names, in the order of the masks.
    """
    failed = [name for name, failure in zip(names, solution.diverged.tolist(), strict=True) if failure]
    if failed:
        print(
            f"Warning: diverged: {', '.join(failed)}: no step improved on the start mask, or an objective was not "
            f"finite; the masks are hardly better than the start. Lower the learning rates, or take another method.",
            file=sys.stderr,
        )


def warn_of_pixel_edges(protocol: Protocol, clips: Sequence[Clip]) -> None:
    """Warns on standard error of slanted layouts whose EPE a protocol counts at the edges of pixels.

    Args:
        protocol: The protocol.
        clips: The clips.
    """
    slanted = [] if protocol.drawn_edges else [clip.name for clip in clips if not is_manhattan(clip.placed.polygons)]
    if slanted:
        print(
            f"Warning: {', '.join(slanted)}: protocol {protocol.name} takes slanted edges for flights of pixel stairs; "
            f"its EPE counts mean nothing there. Score by protocol default (--protocol of evaluate and compare).",
            file=sys.stderr,
        )


def warn_of_cuts(clips: Sequence[Clip], window_nm: Box | None) -> None:
    """Warns on standard error of shapes that end at the window's edge only because the window cut them.

    Args:
        clips: Clips of layouts that were read by one window.
        window_nm: x0, y0, x1, y1 in the layouts' own coordinates; None: the whole layouts were read.
    """
    if window_nm is None:
        return
    for clip in clips:
        low, high = (
            [edge + shift for edge, shift in zip(window_nm[i : i + 2], clip.shift_nm, strict=True)] for i in (0, 2)
        )
        hulls = [polygon.hull for polygon in clip.placed.polygons]
        cut = sum(bool(((hull <= low) | (hull >= high)).any()) for hull in hulls)
        if cut:
            print(
                f"{clip.name}: {cut} of {len(hulls)} shapes end at the window's edge as if they were drawn so; to "
                f"include what lies beyond it, use litho-dl fullchip --window.",
                file=sys.stderr,
            )


def layout_settings(
    layouts: Sequence[Path], layer: str | None = None, cell: str | None = None, window_nm: Box | None = None
) -> dict[str, Any]:
    """The layouts of a run, for its summary.

    Args:
        layouts: The files.
        layer: Layer; None: the only one.
        cell: Cell; None: the only top cell.
        window_nm: x0, y0, x1, y1; None: the whole layout.

    Returns:
        The files' names and the other arguments.
    """
    return {"layouts": [path.name for path in layouts], "layer": layer, "cell": cell, "window_nm": window_nm}


def write_clip(
    scored: ScoredMask, folder: Path, pictures: Pictures | None, form: MaskForm = PLAIN_FORM
) -> dict[str, Any]:
    """Writes a clip's mask files and, with pictures, its picture and layers; warns of a mask that prints nothing.

    Args:
        scored: The clip with its mask and scores.
        folder: Folder to write to.
        pictures: How to draw the picture; None: neither picture nor layers.
        form: Format and layers of the mask's polygons.

    Returns:
        The clip's entry of scores.json.

    Raises:
        OutputError: A file cannot be written.
    """
    clip, evaluation = scored.clip, scored.evaluation
    curves = scored.curves
    outlines = None if curves is None else curves.outlines
    saved = save_mask(scored.mask, scored.pixel_nm, clip, folder, scored.polygons, form, outlines)
    note_of_unit(saved.drawing, saved.unit_nm, clip.unit_nm)
    result: dict[str, Any] = {
        "clip": clip.name,
        "mask_png": str(saved.image),
        f"mask_{form.suffix}": str(saved.drawing),
    }
    result["figure"] = None
    if pictures is not None:
        result["figure"] = str(folder / f"{clip.name}.png")
        title = f"{clip.name}, {pictures.title}"
        draw_mask(folder / f"{clip.name}.png", scored, pictures.threshold, title, pictures.call)
        write_layers(folder, clip, scored.polygons, evaluation)
    warn_of_nothing_printed(scored)
    if curves is not None:
        result |= {"mask_curves": str(saved.curves), **curve_entry(curves)}
        warn_of_curves(curves, clip.name)
    result |= {**evaluation.scorecard.as_dict(), "clip": clip.name, "reach_nm": evaluation.reach_nm}
    return {**result, "worst_sites": worst_sites(scored)}


def warn_of_nothing_printed(scored: ScoredMask) -> None:
    """Warns on standard error of a mask that prints nothing."""
    if not scored.evaluation.prints["nominal"].any():
        hint = other_field_hint(scored.evaluation.mask_field, scored.evaluation.other_field_nm2)
        print(
            f"Warning: {scored.clip.name}: its mask prints nothing at nominal conditions; "
            f"{hint or 'take another method or start mask'}.",
            file=sys.stderr,
        )


def warn_of_unlike_print(scored: ScoredMask) -> None:
    """Warns on standard error of a given mask that prints something else than its target, as one of another clip."""
    evaluation = scored.evaluation
    target_nm2 = float(evaluation.target.sum()) * evaluation.pixel_nm**2
    wrong = evaluation.scorecard.l2_nm2 / target_nm2
    if wrong > UNLIKE:
        print(
            f"Warning: {scored.clip.name}: the print of its mask ({scored.pixel_nm:g} nm pixels) differs from the "
            f"target by {wrong:.0%} of the target's area; is it the mask of this clip, on this field, its first row at "
            f"the lowest y?",
            file=sys.stderr,
        )


def note_of_unit(path: Path, unit_nm: float, source_nm: float | None) -> None:
    """Says on standard error that a mask's file has another database unit than its layout's.

    Args:
        path: The mask's file.
        unit_nm: Its database unit in nm.
        source_nm: That of the layout's file; None: unknown.
    """
    if source_nm is not None and unit_nm != source_nm:
        print(
            f"{path}: written in units of {unit_nm:g} nm: the layout's {source_nm:g} nm would move the mask's edges.",
            file=sys.stderr,
        )


def worst_sites(scored: ScoredMask) -> list[dict[str, float | None]]:
    """The sites that violate the EPE rule, worst first, in the layout's own coordinates.

    The error is None where no printed edge is near, which counts as worst, and where the protocol does not measure it.
    """
    evaluation = scored.evaluation
    places_nm, epe_nm = evaluation.violations_nm - np.array(scored.clip.shift_nm), evaluation.violation_epe_nm
    if epe_nm is None:
        epe_nm = np.full(len(places_nm), np.nan)
    worst_first = np.argsort(-np.nan_to_num(np.abs(epe_nm), nan=np.inf), kind="stable")
    return [
        {"x_nm": x, "y_nm": y, "epe_nm": round(epe, 2) if math.isfinite(epe) else None}
        for (x, y), epe in zip(places_nm[worst_first].tolist(), epe_nm[worst_first].tolist(), strict=True)
    ]


def write_fracture(scored: ScoredMask, folder: Path, curves_nm: float | None) -> dict[str, Any]:
    """Writes NAME.shots.csv and NAME.shots.oas, the rectangles of a mask's fracture, in the layout's coordinates.

    Args:
        scored: The clip with its mask.
        folder: Folder to write to.
        curves_nm: Tolerance that the mask's curves were drawn with; None: the mask's outline is along pixels.

    Returns:
        The number of rectangles and the files, for the clip's entry of scores.json.

    Raises:
        LayoutError: A polygon is too large for the writing grid.
        OutputError: A file cannot be written.
    """
    polygons, clip = scored.polygons, scored.clip
    if curves_nm is None:
        shots = fracture(polygons)
    else:
        shots = fracture_curved(polygons, grid_nm=SHOT_GRID_NM, tolerance_nm=shot_tolerance_nm(curves_nm))
    files = [folder / f"{clip.name}.shots.{suffix}" for suffix in ("csv", "oas")]
    for path in files:
        write_shots(path, shots - np.tile(clip.shift_nm, 2))
    return {"fracture_shots": len(shots), "fracture_files": [str(path) for path in files]}


def write_masks(
    masks: Iterable[ScoredMask],
    folder: Path,
    pictures: Pictures | None,
    seconds: dict[str, float],
    form: MaskForm = PLAIN_FORM,
) -> list[dict[str, Any]]:
    """Writes the files of all clips; see `write_clip`.

    Args:
        masks: The clips with their masks and scores.
        folder: Folder to write to.
        pictures: As for `write_clip`.
        seconds: Wall times of the whole run by name, such as `solve_seconds`; each clip's entry gets its share.
        form: Format and layers of the masks' polygons.

    Returns:
        The clips' entries of scores.json.

    Raises:
        OutputError: A file cannot be written.
    """
    results = [write_clip(scored, folder, pictures, form) for scored in masks]
    shares = {f"{name}_per_clip": value / len(results) for name, value in seconds.items()}
    return [{**result, **shares} for result in results]


def write_scores(folder: Path, command: str, run: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Writes scores.json.

    Args:
        folder: Folder to write to.
        command: The command that made it, such as `litho-dl optimize`.
        run: Settings and values of the whole run.
        results: One entry for each clip.

    Raises:
        OutputError: The file cannot be written.
    """
    write_summary(folder / "scores.json", command, {**run, "clips": results})


def write_run(
    folder: Path,
    command: str,
    results: list[dict[str, Any]],
    solution: "Solution",
    settings: dict[str, Any],
    pictures: Pictures | None,
) -> dict[str, Any]:
    """Writes scores.json of an optimisation and, with pictures, convergence.png and .csv.

    Args:
        folder: Folder to write to.
        command: The command that made it.
        results: One entry for each clip.
        solution: The optimisation.
        settings: Settings and wall times of the run.
        pictures: How to draw the convergence; None: not at all.

    Returns:
        The values of the whole run, as written.

    Raises:
        OutputError: A file cannot be written.
    """
    run = {**settings, "status": solution.status, "device": str(solution.mask.device)}
    run["solve_seconds"] = solution.seconds
    warn_of_divergence(solution, [result["clip"] for result in results])
    write_scores(folder, command, run, results)
    if pictures is not None:
        draw_convergence(folder / "convergence.png", solution, f"Convergence, {pictures.title}", pictures.call)
    return run
