"""Fits an optical system to the ICCAD 2013 contest's kernels and measures the packaged recipe `iccad13-like`.

python scripts/fit_contest_kernels.py --data ../shared/data/iccad13 --out results
"""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from contest_tcc import (
    FIELD_NM,
    FREEFORM_SAMPLES,
    HALF,
    VARIANTS,
    Fit,
    System,
    amplitudes,
    best_freeform,
    factor,
    fit,
    full_rank_matches,
    match,
    scalar_fields,
    vector_fields,
)
from matplotlib.figure import Figure
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.core.io import read_image, require_writable_folder, write_text
from litho_dl.layout.files import read_layout
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.source import Source, sample_source
from litho_dl.process.files import import_contest
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.simulation.simulator import Simulator
from litho_dl.viz.figure import BLACK, BLUE, VERMILION, new_figure, save_figure, style_axes, style_chart
from litho_dl.viz.optics import source_panel

RECIPE = "iccad13-like"


class Golden(NamedTuple):
    """A contest clip: name, target and a published mask, both (2048, 2048) bool."""

    name: str
    target: np.ndarray
    mask: np.ndarray


def golden_clips(data: Path) -> list[Golden]:
    """The clips whose golden masks lie in the data folder; empty if there are none."""
    clips = []
    for path in sorted((data.parent / "golden" / "curvilt" / "masks").glob("M1_test*.png")):
        target = read_layout(data / "layouts" / f"{path.stem}.glp").centred(FIELD_NM)
        clips.append(Golden(path.stem, rasterize(target, Grid.of_field(FIELD_NM, 1.0)) > 0.5, read_image(path) > 127))
    return clips


def clip_row(clip: Golden, models: tuple[ProcessModel, ProcessModel]) -> dict[str, float]:
    """Images and prints of one mask under the contest's process (first) and ours (second)."""
    mask = torch.from_numpy(clip.mask.astype(np.float32))
    with torch.no_grad():
        theirs, ours = (Simulator(model)(mask, 1.0) for model in models)
    row = {}
    for name, exposure in (("theirs", theirs), ("ours", ours)):
        nominal, outer, inner_ = (exposure.binary_print(c).numpy() for c in ("nominal", "outer", "inner"))
        row[f"area {name}"] = float(nominal.sum())
        row[f"l2 {name}"] = l2_nm2(nominal, clip.target, 1.0)
        row[f"pvb {name}"] = pvb_nm2(outer, inner_, 1.0)
    for corner in ("nominal", "outer", "inner"):
        row[f"differ {corner}"] = float((theirs.binary_print(corner) != ours.binary_print(corner)).sum())
    a, c = ours.aerial().double(), theirs.aerial().double()
    row["ac"], row["aa"], row["cc"] = float((a * c).sum()), float((a * a).sum()), float((c * c).sum())
    return row


def fit_table(fits: Sequence[Fit]) -> str:
    """One row a variant: parameters and scaled full-rank errors."""
    lines = [
        "| lens | NA | sigma inner | sigma outer | opening (deg) | blur (sigma) | defocus (nm) | Z3 | Z7 (waves) | "
        "error, focus | error, defocus |",
        "|---|" + "---|" * 10,
    ]
    for variant, p, found in fits:
        formats = (".4f", ".3f", ".3f", ".1f", ".3f", ".1f", ".4f", ".4f")
        values = " | ".join(format(value, form) for value, form in zip(p, formats, strict=True))
        errors = " | ".join(f"{found[name].error_scaled:.2%}" for name in ("focus", "defocus"))
        lines.append(f"| {variant.label} | {values} | {errors} |")
    return "\n".join(lines)


def match_table(chosen: System, process: ProcessModel, contest: dict[str, Tensor], samples: int) -> str:
    """The packaged recipe's matches at the recipe's rank and at full rank."""
    lines = ["| focus | kernels | error, open frame 1 | error at best scale | best scale |", "|---|---|---|---|---|"]
    whole = full_rank_matches(chosen, contest, samples)
    for name, kernels in zip(("focus", "defocus"), process.kernels.values(), strict=True):
        for label, found in ((len(kernels.weights), match(factor(kernels), contest[name])), ("all", whole[name])):
            lines.append(f"| {name} | {label} | {found.error:.2%} | {found.error_scaled:.2%} | {found.scale:.4f} |")
    return "\n".join(lines)


def print_table(clips: Sequence[Golden], rows: Sequence[dict[str, float]]) -> str:
    """L2, PVB and area under both processes, clip by clip and in the mean."""
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    lines = [
        "| clip | L2 contest | L2 fit | PVB contest | PVB fit | area contest | area fit | "
        "differing area: nominal | outer | inner |",
        "|---|" + "---|" * 9,
    ]
    columns = [f"{figure} {side}" for figure in ("l2", "pvb", "area") for side in ("theirs", "ours")]
    columns += [f"differ {corner}" for corner in ("nominal", "outer", "inner")]
    for name, row in [*zip((clip.name for clip in clips), rows, strict=True), ("mean", mean)]:
        lines.append(f"| {name} | " + " | ".join(f"{row[column]:,.0f}" for column in columns) + " |")
    return "\n".join(lines)


def diagonal_panel(figure: Figure, place: int, contest: Tensor, fitted: dict[str, Tensor]) -> None:
    """TCC(f, f) along the x axis (solid) and the diagonal (dashed)."""
    axes = figure.add_subplot(3, 4, place)
    curves = {"contest": contest, **fitted}
    for (label, a), colour in zip(curves.items(), (BLACK, VERMILION, BLUE), strict=True):
        image = a.abs().square().sum(1).reshape(2 * HALF + 1, -1).numpy()
        axes.plot(image[HALF, HALF:], color=colour, label=label)
        axes.plot(np.diagonal(image)[HALF:], "--", color=colour)
    axes.legend(fontsize=7, frameon=False)
    style_chart(axes, "TCC(f, f): x axis (-), diagonal (--)", "f (1/2048 nm)")


def comparison_figure(sources: dict[str, Source], contest: SocsKernels, fitted: SocsKernels, whole: Tensor) -> Figure:
    """Sources, TCC diagonals, and the first four kernels of both sets."""
    figure = new_figure(13, 10, "ICCAD 2013 kernels in focus and the fitted optics")
    for place, (title, source) in enumerate(sources.items(), start=1):
        axes = figure.add_subplot(3, 4, place)
        source_panel(axes, source.points, source.weights)
        axes.set_title(title, fontsize=9)
    scale = match(factor(fitted), factor(contest)).scale
    curves = {"fit, 24 kernels": factor(fitted) * scale**0.5, "fit, full rank": whole * scale**0.5}
    diagonal_panel(figure, 4, factor(contest), curves)
    for row, (label, kernels) in enumerate((("contest", contest), ("fit", fitted))):
        images = factor(kernels).abs().T.reshape(-1, 2 * HALF + 1, 2 * HALF + 1)
        for index in range(4):
            axes = figure.add_subplot(3, 4, 5 + 4 * row + index)
            axes.imshow(images[index], origin="lower", cmap="magma", extent=(-HALF - 0.5, HALF + 0.5) * 2)
            style_axes(axes, f"{label}: kernel {index + 1}, weight {float(kernels.weights[index]):.3g}")
    return figure


REPORT = """# Optics fitted to the ICCAD 2013 kernels

`{command}` ({machine}, {threads} thread, {seconds:.0f} s)

The error is ||a T_fit - T_contest||_F / ||T_contest||_F. The contest's kernels are themselves 24 of many, and a
clear mask images to {open_focus:.4f} in focus and {open_defocus:.4f} out of focus; ours image a clear mask to 1.

## C-quad fits (Nelder-Mead, full rank, both foci, best scale a)

{fits}

## The packaged recipe `{recipe}`

{matches}

## What the source is

| model of the image, freeform source in focus | NA | error |
|---|---|---|
| scalar, as in this package | {scalar_na:g} | {scalar_error:.2%} |
| vector, XY-polarised source | {vector_na:g} | {vector_error:.2%} |

The TCC is linear in the source, so non-negative least squares on {cells} x {cells} cells (four-fold symmetric) show
what any source can reach. With scalar imaging that is little better than the C-quad: the shape of the source is
right, and the rest of the error is not the source's. With the image field taken as a vector in air, sin(theta) = NA
at the rim, and each pole polarised along its tangent (TE), the same fit halves the error: the contest's kernels
behave as vector imaging with a polarised source does, and a scalar model cannot follow them further. What gives it
away: of one pole's light, orders on opposite sides of the pupil interfere fully, but an order on the x side and one
on the y side more weakly than scalar waves do.

Z3 and Z7, tilt and coma along y, are the contest's own: its TCC is symmetric in x (to rounding) but not in y.
Without them the error out of focus is larger. Obliquity and the index of 1.0 or 1.44 hardly change the error; the
defocus goes with the index. The dry lens with obliquity is packaged because the vector fit agrees with its angles.
Kernels fix NA / wavelength only, so an immersion lens on a rescaled layout could have made them as well. The width of
the ring and the blur trade against each other; the recipe holds round numbers from that valley.

## Prints of the golden masks (nm^2)

Threshold {threshold:g}. The best scale between nominal images is {image_scale:.4f} (remaining difference
{image_rms:.1%} rms), and 0.225 / {image_scale:.4f} = {image_threshold:.4f}; the ratio of the open frames would give
{open_threshold:.4f}.

{prints}

![fit against contest](iccad13_like.png)
"""


def print_section(clips: Sequence[Golden], models: tuple[ProcessModel, ProcessModel]) -> dict[str, object]:
    """The report's fields on images and prints."""
    if not clips:
        return {"image_scale": np.nan, "image_rms": np.nan, "image_threshold": np.nan, "prints": "No golden masks."}
    rows = [clip_row(clip, models) for clip in clips]
    aa, ac, cc = (sum(row[key] for row in rows) for key in ("aa", "ac", "cc"))
    scale = ac / aa
    fields = {"image_scale": scale, "image_threshold": 0.225 / scale, "image_rms": (1 - ac**2 / aa / cc) ** 0.5}
    return {**fields, "prints": print_table(clips, rows)}


@click.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=Path("../shared/data/iccad13"))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"), show_default=True)
def main(data: Path, out: Path) -> None:
    """Fits C-quad optics to the contest's kernels, measures the packaged recipe, writes iccad13_like.md and .png."""
    if not (data / "kernels" / "focus.pt").is_file():
        click.echo(f"Skipped: no contest kernels in {data}; give their folder with --data.")
        return
    started = time.perf_counter()
    torch.set_num_threads(1)
    require_writable_folder(out)
    theirs, recipe = import_contest(data), load_recipe(RECIPE)
    contest = {name: factor(kernels) for name, kernels in theirs.kernels.items()}
    samples = recipe.source_samples()
    fits = [fit(variant, contest, samples) for variant in VARIANTS]
    click.echo(fit_table(fits))
    chosen = System(recipe.source, recipe.pupil, recipe.corners["inner"].defocus_nm)
    ours = build_process(recipe)
    scalar = best_freeform(scalar_fields, recipe.pupil, contest["focus"])
    vector = best_freeform(vector_fields, recipe.pupil, contest["focus"])
    source = sample_source(chosen.source, samples)
    titles = {"packaged C-quad": source, "freeform, scalar": scalar[1], "freeform, vector, XY-polarised": vector[1]}
    whole = amplitudes(source, chosen.pupil, 0.0)
    figure = comparison_figure(titles, theirs.kernels["focus"], ours.kernels["focus"], whole)
    save_figure(figure, out / "iccad13_like.png", dpi=110)
    report = REPORT.format(
        command="python scripts/fit_contest_kernels.py",
        machine=f"{platform.machine()} CPU, {os.cpu_count()} cores",
        threads=torch.get_num_threads(),
        fits=fit_table(fits),
        recipe=RECIPE,
        matches=match_table(chosen, ours, contest, samples),
        open_focus=theirs.kernels["focus"].open_frame,
        open_defocus=theirs.kernels["defocus"].open_frame,
        open_threshold=0.225 / theirs.kernels["focus"].open_frame,
        threshold=recipe.resist.threshold,
        scalar_na=scalar[2],
        scalar_error=scalar[0],
        vector_na=vector[2],
        vector_error=vector[0],
        cells=FREEFORM_SAMPLES,
        **print_section(golden_clips(data), (theirs, ours)),
        seconds=time.perf_counter() - started,
    )
    write_text(out / "iccad13_like.md", report)
    click.echo(f"Wrote {out / 'iccad13_like.md'} and {out / 'iccad13_like.png'}")


if __name__ == "__main__":
    main()
