"""Fits an optical system to the ICCAD 2013 contest's kernels and measures the shipped recipe `iccad13-like`.

python scripts/fit_contest_kernels.py --data ../shared/data/iccad13 --out results

The match of two TCCs is ||a T - T_c||_F / ||T_c||_F at the best scale a, from the factors T = A A^H, T_c = U U^H:
||A A^H||_F = ||A^H A||_F and <A A^H, U U^H> = ||A^H U||_F^2, so no TCC matrix is formed.
"""

import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.optimize import minimize, nnls
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.core.io import read_image, require_writable_folder, write_text
from litho_dl.layout import rasterize, read_layout
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import shifted_pupils
from litho_dl.optics.source import CQuad, Source, SourceSpec, sample_source
from litho_dl.process.files import import_contest
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.simulator import Simulator
from litho_dl.viz.figure import BLACK, BLUE, VERMILION, new_figure, save_figure, style_axes, style_chart
from litho_dl.viz.optics import source_panel

RECIPE = "iccad13-like"
FIELD_NM = (2048.0, 2048.0)
HALF = 17  # the contest's kernels are 35 x 35
WAVELENGTH_NM = 193.0
FIT_SAMPLES = 25  # source cells per side while fitting
FREEFORM_SAMPLES, FREEFORM_SIGMA = 31, 0.45  # cells per side; no light inside this sigma
FREEFORM_NA = (0.77, 0.78, 0.79, 0.80, 0.81)
REGULARISATION = 1e-7  # of the mean diagonal of a Gram matrix, so that it has a Cholesky factor
# What is fitted: start (read off the plateaus of the TCC's diagonal) and first step of the simplex.
NAMES = ("na", "sigma_inner", "sigma_outer", "opening_deg", "blur_sigma", "defocus_nm", "Z3", "Z7")
START = np.array([0.79, 0.63, 0.82, 43.0, 0.07, -45.0, 0.0, 0.0])
STEP = np.array([0.01, -0.05, 0.05, 5.0, 0.02, -8.0, -0.02, -0.02])


class Match(NamedTuple):
    """How far a TCC is from the contest's: relative Frobenius error as it is, at the best scale, and that scale."""

    error: float
    error_scaled: float
    scale: float


class System(NamedTuple):
    """One optical system: illumination, lens, and the defocus of the contest's second kernel set."""

    source: SourceSpec
    pupil: Pupil
    defocus_nm: float


class Variant(NamedTuple):
    """One kind of lens to fit."""

    label: str
    immersion_index: float = 1.0
    obliquity: bool = True
    aberrations: bool = True


class Fit(NamedTuple):
    """What a variant came to: the parameters in the order of `NAMES`, and the full-rank matches by focus."""

    variant: Variant
    parameters: np.ndarray
    matches: dict[str, Match]


VARIANTS = (
    Variant("dry, with y-tilt and y-coma (shipped)"),
    Variant("dry, free of aberrations", aberrations=False),
    Variant("dry, no obliquity factor", obliquity=False),
    Variant("index 1.44", immersion_index=1.44),
)


def cropped(spectra: Tensor) -> Tensor:
    """Spectra (..., 2h+1, 2h+1) cut or padded with zeros to the contest's 35 x 35, as columns (1225, ...)."""
    margin = HALF - spectra.shape[-1] // 2
    return torch.nn.functional.pad(spectra, (margin,) * 4).flatten(-2).movedim(-1, 0)


def factor(kernels: SocsKernels) -> Tensor:
    """U (1225, K) complex128 with TCC = U U^H."""
    return cropped(kernels.weighted_spectra.to(torch.complex128))


def inner(a: Tensor, b: Tensor) -> float:
    """<A A^H, B B^H>_F = ||A^H B||_F^2."""
    return float((a.mH @ b).abs().square().sum())


def match(a: Tensor, contest: Tensor) -> Match:
    """Compares A A^H with U U^H."""
    aa, ac, cc = inner(a, a), inner(a, contest), inner(contest, contest)
    return Match((max(aa - 2 * ac + cc, 0.0) / cc) ** 0.5, max(1 - ac**2 / (aa * cc), 0.0) ** 0.5, ac / aa)


def system(parameters: np.ndarray, variant: Variant) -> System:
    """The system of a parameter vector in the order of `NAMES`; pydantic raises ValueError out of range."""
    na, sigma_inner, sigma_outer, opening_deg, blur_sigma, defocus_nm, z3, z7 = map(float, parameters)
    source = CQuad(sigma_inner=sigma_inner, sigma_outer=sigma_outer, opening_deg=opening_deg, blur_sigma=blur_sigma)
    pupil = Pupil(
        wavelength_nm=WAVELENGTH_NM,
        na=na,
        immersion_index=variant.immersion_index,
        obliquity=variant.obliquity,
        zernike_waves={3: z3, 7: z7} if variant.aberrations else {},
    )
    return System(source, pupil, defocus_nm)


def amplitudes(source: Source, pupil: Pupil, defocus_nm: float) -> Tensor:
    """A (1225, S) with A A^H the full-rank TCC, scaled as our kernels are: a clear mask images to 1."""
    a = cropped(shifted_pupils(source, pupil, FIELD_NM, defocus_nm)) * torch.from_numpy(source.weights).sqrt()
    return a / a[a.shape[0] // 2].norm()


def full_rank_matches(chosen: System, contest: dict[str, Tensor], samples: int) -> dict[str, Match]:
    """The matches of the untruncated TCCs in focus and out of focus."""
    source = sample_source(chosen.source, samples)
    defocus = {"focus": 0.0, "defocus": chosen.defocus_nm}
    return {name: match(amplitudes(source, chosen.pupil, z), contest[name]) for name, z in defocus.items()}


def fit(variant: Variant, contest: dict[str, Tensor], samples: int) -> Fit:
    """Nelder-Mead on the mean square of both scaled errors; the result is measured with `samples` source cells."""
    free = len(NAMES) if variant.aberrations else len(NAMES) - 2

    def padded(v: np.ndarray) -> np.ndarray:
        return np.concatenate([v, START[free:]])

    def cost(v: np.ndarray) -> float:
        try:
            found = full_rank_matches(system(padded(v), variant), contest, FIT_SAMPLES)
        except ValueError:
            return 1.0
        return sum(m.error_scaled**2 for m in found.values()) / 2

    simplex = START[:free] + np.vstack([np.zeros(free), np.diag(STEP[:free])])
    options = {"maxfev": 50 * free, "initial_simplex": simplex, "fatol": 1e-7}
    parameters = padded(minimize(cost, START[:free], method="Nelder-Mead", options=options).x)
    return Fit(variant, parameters, full_rank_matches(system(parameters, variant), contest, samples))


def freeform_grid() -> tuple[Source, np.ndarray]:
    """Source cells that may carry light, and the matrix (orbits, S) that averages over cells equal by symmetry."""
    centres = (np.arange(FREEFORM_SAMPLES) + 0.5) / FREEFORM_SAMPLES * 2 - 1
    points = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)
    radius = np.hypot(*points.T)
    points = points[(radius >= FREEFORM_SIGMA) & (radius <= 1)]
    _, orbit = np.unique(np.sort(np.abs(points), axis=1).round(6), axis=0, return_inverse=True)
    members = (np.arange(orbit.max() + 1)[:, None] == orbit.ravel()).astype(float)
    return Source(points, np.ones(len(points))), members / members.sum(1, keepdims=True)


def scalar_fields(source: Source, pupil: Pupil) -> Tensor:
    """One field component per source point: (S, 1225, 1)."""
    return cropped(shifted_pupils(source, pupil, FIELD_NM, 0.0)).T[..., None]


def vector_fields(source: Source, pupil: Pupil) -> Tensor:
    """The three components of the image field, (S, 1225, 3), for XY polarisation: TE in each pole's direction.

    A wave of azimuth phi and polar angle theta turns the entering polarisation e into
    (e . t) t + (e . r) p, with r = (cos phi, sin phi), t = (-sin phi, cos phi, 0), p = (cos theta r, -sin theta).

    Source: D. G. Flagello, T. Milster, A. E. Rosenbluth, J. Opt. Soc. Am. A 13, 53 (1996).
    """
    scale = pupil.wavelength_nm / pupil.na / FIELD_NM[0]
    f = torch.arange(-HALF, HALF + 1, dtype=torch.float64) * scale
    f_y, f_x = (axis.flatten() for axis in torch.meshgrid(f, f, indexing="ij"))
    s_x, s_y = torch.from_numpy(source.points).T[..., None]
    x, y = f_x + s_x, f_y + s_y
    rho = torch.hypot(x, y).clamp(min=1e-12)
    cos_phi, sin_phi = x / rho, y / rho
    sin_theta = (pupil.na * rho / pupil.immersion_index).clamp(max=1.0)
    cos_theta = (1 - sin_theta.square()).sqrt()
    along_y = (s_x.abs() > s_y.abs()).double()  # the poles on the x axis are polarised along y
    te = along_y * cos_phi - (1 - along_y) * sin_phi
    tm = along_y * sin_phi + (1 - along_y) * cos_phi
    field = (tm * cos_theta * cos_phi - te * sin_phi, tm * cos_theta * sin_phi + te * cos_phi, -tm * sin_theta)
    return scalar_fields(source, pupil) * torch.stack(field, -1)


def freeform(fields: Tensor, members: np.ndarray, contest: Tensor) -> tuple[np.ndarray, float]:
    """The non-negative source that matches best: the TCC is linear in it. Returns weights (S,) and the error."""
    count, _, components = fields.shape
    columns = fields.transpose(1, 2).flatten(0, 1).T  # (1225, S * components)
    gram = (columns.mH @ columns).abs().square().reshape(count, components, count, components).sum((1, 3)).numpy()
    target = (columns.mH @ contest).abs().square().sum(1).reshape(count, components).sum(1).numpy()
    gram, target = members @ gram @ members.T, members @ target
    root = np.linalg.cholesky(gram + REGULARISATION * np.trace(gram) / len(gram) * np.eye(len(gram)))
    weights, _ = nnls(root.T, np.linalg.solve(root, target))
    norm = inner(contest, contest)
    error = max(weights @ gram @ weights - 2 * target @ weights + norm, 0.0) / norm
    return members.T @ weights, error**0.5


def best_freeform(
    fields: Callable[[Source, Pupil], Tensor], pupil: Pupil, contest: Tensor
) -> tuple[float, Source, float]:
    """Scans NA for the freeform source of least error; returns error, source, NA."""
    source, members = freeform_grid()
    scan = []
    for na in FREEFORM_NA:
        weights, error = freeform(fields(source, pupil.model_copy(update={"na": na})), members, contest)
        scan.append((error, Source(source.points, weights), na))
    return min(scan, key=lambda entry: entry[0])


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
    """The shipped recipe's matches at the recipe's rank and at full rank."""
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

## The shipped recipe `{recipe}`

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
defocus goes with the index. The dry lens with obliquity is shipped because the vector fit agrees with its angles.
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
    """Fits C-quad optics to the contest's kernels, measures the shipped recipe, writes iccad13_like.md and .png."""
    if not (data / "kernels" / "focus.pt").is_file():
        click.echo(f"Skipped: no contest kernels in {data}; give their folder with --data.")
        return
    started = time.perf_counter()
    torch.set_num_threads(1)
    require_writable_folder(out)
    theirs, recipe = import_contest(data), load_recipe(RECIPE)
    contest = {name: factor(kernels) for name, kernels in theirs.kernels.items()}
    samples = recipe.kernels.source_samples
    fits = [fit(variant, contest, samples) for variant in VARIANTS]
    click.echo(fit_table(fits))
    chosen = System(recipe.source, recipe.pupil, recipe.corners["inner"].defocus_nm)
    ours = build_process(recipe)
    scalar = best_freeform(scalar_fields, recipe.pupil, contest["focus"])
    vector = best_freeform(vector_fields, recipe.pupil, contest["focus"])
    source = sample_source(chosen.source, samples)
    titles = {"shipped C-quad": source, "freeform, scalar": scalar[1], "freeform, vector, XY-polarised": vector[1]}
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
