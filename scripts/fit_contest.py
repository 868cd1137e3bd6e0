"""Fits an optical system to the ICCAD 2013 contest's kernels and measures the packaged recipe `iccad13-like`.

python scripts/fit_contest.py --data ../shared/data/iccad13 --out results
"""

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
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
    best_freeform,
    cropped,
    fit,
    full_rank_matches,
    full_tcc,
    kernel_tcc,
    match,
)
from matplotlib.figure import Figure
from torch import Tensor

import litho_dl as ld
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
ROUNDS = 30
CORNERS = ("nominal", "outer", "inner")


class Clip(NamedTuple):
    """A contest clip: name, target and a mask of it, both (2048, 2048) bool."""

    name: str
    target: np.ndarray
    mask: np.ndarray


class Masks(NamedTuple):
    """Masks of the contest's clips, and what made them."""

    label: str
    clips: list[Clip]


def golden_clips(data: Path) -> list[Clip]:
    """The clips whose golden masks lie in the data folder; empty if there are none."""
    clips = []
    for path in sorted((data.parent / "golden" / "curvilt" / "masks").glob("M1_test*.png")):
        target = read_layout(data / "layouts" / f"{path.stem}.glp").centred(FIELD_NM)
        clips.append(Clip(path.stem, rasterize(target, Grid.of_field(FIELD_NM, 1.0)) > 0.5, read_image(path) > 127))
    return clips


def optimised(label: str, process: ProcessModel, golden: Sequence[Clip], data: Path) -> Masks:
    """Masks of `fast` under a process, on the clips of the golden masks."""
    simulator = ld.Simulator(process)
    clips = [ld.load_clip(data / "layouts" / f"{clip.name}.glp", simulator) for clip in golden]
    solution = ld.solve(simulator, clips, "fast").require_finished()
    step = round(solution.pixel_nm)
    masks = [np.kron(mask.numpy(), np.ones((step, step), dtype=bool)) for mask in solution.mask]
    return Masks(label, [Clip(clip.name, clip.target, mask) for clip, mask in zip(golden, masks, strict=True)])


def clip_row(clip: Clip, models: tuple[ProcessModel, ProcessModel]) -> dict[str, float]:
    """Images and prints of one mask under the contest's process (first) and ours (second)."""
    mask = torch.from_numpy(clip.mask.astype(np.float32))
    with torch.no_grad():
        theirs, ours = (Simulator(model)(mask, 1.0) for model in models)
    row = {}
    for name, exposure in (("theirs", theirs), ("ours", ours)):
        nominal, outer, inner = (exposure.binary_print(corner).numpy() for corner in CORNERS)
        row[f"area {name}"] = float(nominal.sum())
        row[f"l2 {name}"] = l2_nm2(nominal, clip.target, 1.0)
        row[f"pvb {name}"] = pvb_nm2(outer, inner, 1.0)
    for corner in CORNERS:
        row[f"differ {corner}"] = float((theirs.binary_print(corner) != ours.binary_print(corner)).sum())
    a, c = ours.aerial().double(), theirs.aerial().double()
    row["ac"], row["aa"], row["cc"] = float((a * c).sum()), float((a * a).sum()), float((c * c).sum())
    return row


def mean_row(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of every figure."""
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def fit_table(fits: Sequence[Fit]) -> str:
    """One row a variant: parameters and scaled full-rank errors."""
    lines = [
        "| imaging and light | NA | sigma inner | sigma outer | opening (deg) | blur (sigma) | defocus (nm) | "
        "Z3 | Z7 (waves) | error, focus | error, defocus |",
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
        for label, found in ((len(kernels.weights), match(kernel_tcc(kernels), contest[name])), ("all", whole[name])):
            lines.append(f"| {name} | {label} | {found.error:.2%} | {found.error_scaled:.2%} | {found.scale:.4f} |")
    return "\n".join(lines)


def print_table(clips: Sequence[Clip], rows: Sequence[dict[str, float]]) -> str:
    """L2, PVB and area under both processes, clip by clip and in the mean."""
    lines = [
        "| clip | L2 contest | L2 fit | PVB contest | PVB fit | area contest | area fit | "
        "differing area: nominal | outer | inner |",
        "|---|" + "---|" * 9,
    ]
    columns = [f"{figure} {side}" for figure in ("l2", "pvb", "area") for side in ("theirs", "ours")]
    columns += [f"differ {corner}" for corner in CORNERS]
    for name, row in [*zip((clip.name for clip in clips), rows, strict=True), ("mean", mean_row(rows))]:
        lines.append(f"| {name} | " + " | ".join(f"{row[column]:,.0f}" for column in columns) + " |")
    return "\n".join(lines)


def with_contest_light(process: ProcessModel, contest: dict[str, Tensor]) -> tuple[float, ProcessModel]:
    """The process with an inner corner as dark as the contest's, and the dose of that corner.

    A clear mask images to 1 at every focus of ours. The contest's kernels out of focus pass less light than those in
    focus: by the ratio of the best scales.
    """
    corner = process.corners["inner"]
    scales = [
        match(kernel_tcc(process.kernels[ours]), contest[theirs]).scale
        for ours, theirs in (("focus", "focus"), (corner.kernels, "defocus"))
    ]
    dose = corner.dose * scales[1] / scales[0]
    return dose, replace(process, corners={**process.corners, "inner": corner._replace(dose=dose)})


def difference_table(sets: Sequence[Masks], contest: ProcessModel, models: dict[str, ProcessModel]) -> str:
    """Mean scores of sets of masks under the contest's process and under others."""
    lines = [
        "| masks | optics | L2 | PVB | L2 against contest | PVB against contest | area | "
        "differing area: nominal | outer | inner |",
        "|---|---|" + "---|" * 8,
    ]
    for masks in sets:
        means = {name: mean_row([clip_row(c, (contest, model)) for c in masks.clips]) for name, model in models.items()}
        theirs = [f"{next(iter(means.values()))[f'{figure} theirs']:,.0f}" for figure in ("l2", "pvb", "area")]
        lines.append(f"| {masks.label} | contest | {theirs[0]} | {theirs[1]} | | | {theirs[2]} | | | |")
        for name, mean in means.items():
            ours = " | ".join(f"{mean[f'{figure} ours']:,.0f}" for figure in ("l2", "pvb"))
            change = " | ".join(f"{mean[f'{f} ours'] / mean[f'{f} theirs'] - 1:+.1%}" for f in ("l2", "pvb"))
            differ = " | ".join(f"{mean[f'differ {corner}']:,.0f}" for corner in CORNERS)
            lines.append(f"| {masks.label} | {name} | {ours} | {change} | {mean['area ours']:,.0f} | {differ} |")
    return "\n".join(lines)


def diagonal_panel(figure: Figure, place: int, tccs: dict[str, Tensor]) -> None:
    """TCC(f, f) along the x axis (solid) and the diagonal (dashed)."""
    axes = figure.add_subplot(3, 4, place)
    for (label, tcc), colour in zip(tccs.items(), (BLACK, VERMILION, BLUE), strict=True):
        image = tcc.diagonal().real.view(2 * HALF + 1, -1).numpy()
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
    theirs, ours = kernel_tcc(contest), kernel_tcc(fitted)
    scale, count = match(ours, theirs).scale, len(fitted.weights)
    tccs = {"contest": theirs, f"fit, {count} kernels": scale * ours, "fit, full rank": scale * whole}
    diagonal_panel(figure, 4, tccs)
    for row, (label, kernels) in enumerate((("contest", contest), ("fit", fitted))):
        images = cropped(kernels.weighted_spectra.abs(), 2)
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

Truncation to {count} kernels, which the contest's kernels have suffered too, is little of what is left.

## What the source is

| model of the image, freeform source in focus | NA | error |
|---|---|---|
| scalar | {scalar.na:g} | {scalar.error:.2%} |
| vector, TE-polarised | {vector.na:g} | {vector.error:.2%} |

The TCC is linear in the source, so non-negative least squares on {cells} x {cells} cells (four-fold symmetric) show
what any source can reach. Under either model that is little better than the C-quad, if at all: the shape of the source
is right, so no source map is packaged, and most of the scalar model's error is not the source's. With the image field
taken as a vector in air, sin(theta) = NA at the rim, and each pole polarised along its tangent (TE), the error is less
than half: the contest's kernels behave as vector imaging with a polarised source does, and a scalar model cannot follow
them further. What gives it away: of one pole's light, orders on opposite sides of the pupil interfere fully, but an
order on the x side and one on the y side more weakly than scalar waves do. Unpolarised light lies in between.

Z3 and Z7, tilt and coma along y, are the contest's own: its TCC is symmetric in x (to rounding) but not in y.
Without them the error out of focus is larger. The obliquity factor hardly changes the scalar fits. The index matters
in vector imaging: the angles are those of air. Kernels fix the angles and NA / wavelength only, so an immersion lens of
the same angles on a rescaled layout could have made them as well. The width of the ring and the blur trade against each
other; the recipe's values are from that valley.

## Prints of the golden masks (nm^2)

Threshold {threshold:g}. The best scale between nominal images is {image_scale:.4f} (remaining difference
{image_rms:.1%} rms), and 0.225 / {image_scale:.4f} = {image_threshold:.4f}; the ratio of the open frames would give
{open_threshold:.4f}.

{prints}

## Scores under the contest's optics and under ours (nm^2, mean of the ten clips)

{differences}

The inner dose {dose:.4f} is the contest's 0.9604 times the ratio of the best scales out of focus and in focus: the
contest's kernels out of focus pass less light, where ours image a clear mask to 1 at every focus. That is most of the
difference in PVB. The recipe has the contest's own doses. Masks are made for some optics, and score worse under others.

![fit against contest](iccad13_like.png)
"""


def print_fields(
    golden: list[Clip], data: Path, theirs: ProcessModel, ours: ProcessModel, contest: dict[str, Tensor]
) -> dict[str, object]:
    """The report's fields on images and prints of the golden masks, and of masks that we optimise."""
    rows = [clip_row(clip, (theirs, ours)) for clip in golden]
    aa, ac, cc = (sum(row[key] for row in rows) for key in ("aa", "ac", "cc"))
    dose, darker = with_contest_light(ours, contest)
    sets = [Masks("golden", golden)]
    sets += [optimised(f"`fast` under {name}", p, golden, data) for name, p in (("contest", theirs), (RECIPE, ours))]
    return {
        "image_scale": ac / aa,
        "image_threshold": 0.225 * aa / ac,
        "image_rms": (1 - ac**2 / aa / cc) ** 0.5,
        "prints": print_table(golden, rows),
        "dose": dose,
        "differences": difference_table(sets, theirs, {RECIPE: ours, f"{RECIPE}, inner dose {dose:.4f}": darker}),
    }


@click.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=Path("../shared/data/iccad13"))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"), show_default=True)
@click.option("--rounds", type=int, default=ROUNDS, show_default=True, help="Evaluations per parameter; 0: no fits.")
def main(data: Path, out: Path, rounds: int) -> None:
    """Fits C-quads to the contest's kernels, measures the packaged recipe, writes iccad13_like.md and .png."""
    golden = golden_clips(data)
    if not (golden and (data / "kernels" / "focus.pt").is_file()):
        click.echo(f"Skipped: no contest kernels in {data} or no golden masks beside it; give its folder with --data.")
        return
    started = time.perf_counter()
    torch.set_num_threads(1)
    require_writable_folder(out)
    theirs, recipe = import_contest(data), load_recipe(RECIPE)
    contest = {name: kernel_tcc(kernels) for name, kernels in theirs.kernels.items()}
    samples, ours = recipe.source_samples(), build_process(recipe)
    fits = [fit(variant, contest, samples, rounds) for variant in VARIANTS] if rounds else []
    click.echo(fit_table(fits))
    chosen = System(recipe.source, recipe.pupil, recipe.corners["inner"].defocus_nm)
    source = sample_source(chosen.source, samples)
    vector = best_freeform(recipe.pupil, contest["focus"])
    scalar = best_freeform(recipe.pupil.model_copy(update={"imaging": "scalar"}), contest["focus"])
    titles = {"packaged C-quad, TE": source, "freeform, vector, TE": vector.source, "freeform, scalar": scalar.source}
    whole = full_tcc(source, chosen.pupil, 0.0)
    figure = comparison_figure(titles, theirs.kernels["focus"], ours.kernels["focus"], whole)
    save_figure(figure, out / "iccad13_like.png", dpi=110)
    report = REPORT.format(
        command="python scripts/fit_contest.py",
        machine=f"{platform.machine()} CPU, {os.cpu_count()} cores",
        threads=torch.get_num_threads(),
        fits=fit_table(fits),
        recipe=RECIPE,
        count=recipe.kernels.count,
        matches=match_table(chosen, ours, contest, samples),
        open_focus=theirs.kernels["focus"].open_frame,
        open_defocus=theirs.kernels["defocus"].open_frame,
        open_threshold=0.225 / theirs.kernels["focus"].open_frame,
        threshold=recipe.resist.threshold,
        scalar=scalar,
        vector=vector,
        cells=FREEFORM_SAMPLES,
        **print_fields(golden, data, theirs, ours, contest),
        seconds=time.perf_counter() - started,
    )
    write_text(out / "iccad13_like.md", report)
    click.echo(f"Wrote {out / 'iccad13_like.md'} and {out / 'iccad13_like.png'}")


if __name__ == "__main__":
    main()
