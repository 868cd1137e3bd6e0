"""Calibrations of a hidden recipe: do intervals hold the truth, and are they as narrow as can be?

    python scripts/calibration.py [--draws 100] [--out results]

Writes calibration.csv (a row a draw), calibration.md and calibration.png. Draws that calibration.csv holds are kept.
"""

import csv
import os
import platform
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch
from draw_gauges import DOSES, FOCI, WIDTH, chosen_rows, draw_patterns, hidden_process, measured_rows, noisy
from suites import ROOT

from litho_dl.calibration.fit import CONFIDENCE
from litho_dl.calibration.images import Images
from litho_dl.calibration.keys import full_key, value_of, with_values
from litho_dl.calibration.measurement import Measurement, read_measurements
from litho_dl.calibration.model import Model
from litho_dl.calibration.parameters import Parameter, choose_parameters
from litho_dl.calibration.run import calibrate
from litho_dl.calibration.scene import Scenes
from litho_dl.core.io import write_csv, write_text
from litho_dl.core.progress import progress_bar
from litho_dl.layout.files import write_layout
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe
from litho_dl.viz.figure import BLUE, GREY, VERMILION, new_figure, save_figure, style_chart

OPTICS, FIELD_NM, SAMPLES = "duv193-immersion-annular", 480.0, 21
TRUTH = {
    "resist.threshold": 0.235,
    "resist.diffusion_nm": 8.0,
    "mask.bias_nm": 3.0,
    "focus_nm": 12.0,
    "pupil.zernike_waves.Z11": 0.02,
}
FROM_RECIPE = 4  # draws; the others start from the first result, which takes fewer steps
GAUGES, HELD_OUT, SIGMA_NM, SEED = 60, 60, 0.5, 1
CHECKED = {  # steps of differences of predictions, to compare derivatives with
    "resist.threshold": 1e-5,
    "resist.diffusion_nm": 1e-2,
    "pupil.flare": 1e-5,
    "dose": 1e-5,
    "mask.bias_nm": 1e-2,
    "mask.blur_nm": 1e-2,
    "mask.transmission": 1e-5,
    "focus_nm": 1e-2,
    "pupil.focus_blur_nm": 1e-2,
    "pupil.zernike_waves.Z11": 1e-5,
}
MOVING = {"source.sigma_inner": 0.01, "source.sigma_outer": 0.01, "pupil.na": 0.01}  # edges move over source cells
CELLS, LATITUDE = (
    (161, 321),
    0.2,
)  # of the fit and of the reference; of dose, that gauges survive whose CDs are compared
LARGE_NM = 600.0  # field of one calibration as users do it, at the recipe's own source cells


@dataclass(frozen=True, eq=False)
class Study:
    """A hidden recipe, its noise-free gauges, and how calibrations of it start."""

    recipe: Recipe
    hidden: Recipe
    parameters: tuple[Parameter, ...]
    measurements: tuple[Measurement, ...]

    @property
    def keys(self) -> list[str]:
        return [own.key for own in self.parameters]

    @property
    def truth(self) -> np.ndarray:
        return np.array([value_of(self.hidden, key) for key in self.keys])

    def noisy(self, seed: int) -> list[Measurement]:
        """The gauges with normal noise: those that are fitted, then those that are held out."""
        noise = np.random.default_rng(seed).normal(0, SIGMA_NM, len(self.measurements))
        pairs = zip(self.measurements, noise.tolist(), strict=True)
        return [replace(own, value_nm=own.value_nm + off) for own, off in pairs]

    def started_from(self, values: np.ndarray) -> "Study":
        """The study with calibrations that start elsewhere."""
        starts = dict(zip(self.keys, values.tolist(), strict=True))
        parameters, started = choose_parameters(self.recipe, self.keys, starts=starts)
        return replace(self, recipe=started, parameters=parameters)


def make_study(folder: Path) -> Study:
    """The study; gauges come from the ordinary simulator."""
    base = load_recipe(OPTICS)
    settings = KernelSettings(field_nm=FIELD_NM, source_samples=SAMPLES, energy=0.999999)
    base = base.model_copy(update={"kernels": settings})
    hidden = with_values(base, {full_key(key, base): value for key, value in TRUTH.items()})
    patterns = draw_patterns(FIELD_NM, round(WIDTH * base.pupil.wavelength_nm / base.pupil.na))
    for pattern in patterns:
        write_layout(folder / f"{pattern.layout.name}.gds", pattern.layout)
    with progress_bar("Measuring") as advance:
        rows = measured_rows(hidden_process(hidden, FIELD_NM), patterns, FOCI, DOSES, advance)
    fitted = chosen_rows(rows, GAUGES, SEED)
    others = chosen_rows([row for row in rows if row not in fitted], HELD_OUT, SEED)
    write_csv(folder / "gauges.csv", [{**row, "sigma_nm": SIGMA_NM} for row in (*fitted, *others)])
    measurements = read_measurements(folder / "gauges.csv", Scenes((FIELD_NM, FIELD_NM), 1.0))
    parameters, started = choose_parameters(base, list(TRUTH))
    return Study(started, hidden, parameters, measurements)


def drawn(study: Study, seed: int, images: Images) -> dict[str, float | int]:
    """One draw of the noise, calibrated."""
    measurements, start = study.noisy(seed), time.perf_counter()
    result = calibrate(study.recipe, measurements[:GAUGES], study.parameters, images=images)
    seconds = time.perf_counter() - start
    others = Model(measurements[GAUGES:], images).predict(result.recipe).values_nm
    held_out = others - np.array([own.value_nm for own in measurements[GAUGES:]])
    row: dict[str, float | int] = {
        "seed": seed,
        "seconds": round(seconds, 2),
        "recipes": result.fit.steps,
        "outliers": int(result.outliers.sum()),
        "rms_nm": result.rms_nm(result.fit.used),
        "held_out_rms_nm": float(np.sqrt(np.mean(held_out**2))),
        "widened": result.fit.widened,
    }
    for own, value, sigma in zip(result.fit.parameters, result.fit.values, result.fit.sigmas, strict=True):
        row |= {own.key: float(value), f"{own.key} sigma": float(sigma)}
    return row


def bounds_of_cramer_and_rao(study: Study) -> np.ndarray:
    """The least standard deviations (P,) that any unbiased estimate can have, by differences of predictions."""
    steps = {key: CHECKED[key] for key in TRUTH}
    slopes = differences(study, study.hidden, steps, Images((FIELD_NM, FIELD_NM))) / SIGMA_NM
    return np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)))


def differences(study: Study, recipe: Recipe, steps: dict[str, float], images: Images) -> np.ndarray:
    """Central differences (M, P) of predictions."""
    model, columns = Model(study.measurements[:GAUGES], images), []
    for key, step in steps.items():
        full = full_key(key, recipe)
        ends = [with_values(recipe, {full: value_of(recipe, full) + side * step}) for side in (1, -1)]
        high, low = (model.predict(end).values_nm for end in ends)
        columns.append((high - low) / (2 * step))
    return np.stack(columns, axis=1)


def derivative_rows(study: Study) -> list[dict[str, str]]:
    """How far the derivatives of the fit are from differences of predictions, for every kind of key."""
    values = {"pupil.flare": 0.02, "mask.blur_nm": 6.0, "pupil.focus_blur_nm": 15.0}
    recipe = with_values(study.hidden, {full_key(key, study.hidden): value for key, value in values.items()})
    recipe = recipe.model_copy(update={"mask": recipe.mask.model_copy(update={"type": "attenuated"})})
    rows = []
    for keys, cells, reference in ((CHECKED, SAMPLES, SAMPLES), (MOVING, *CELLS)):
        model = Model(study.measurements[:GAUGES], Images((FIELD_NM, FIELD_NM), cells))
        exact = model.derivatives(recipe, [full_key(key, recipe) for key in keys], model.predict(recipe))
        other = differences(study, recipe, keys, Images((FIELD_NM, FIELD_NM), reference))
        good = model.prints(recipe, LATITUDE)
        errors = np.linalg.norm((exact - other)[good], axis=0) / np.linalg.norm(other[good], axis=0)
        rows += [
            {"key": f"`{key}`", "step": f"{step:g}", "cells": f"{cells}", "error": f"{error:.1e}"}
            for (key, step), error in zip(keys.items(), errors, strict=True)
        ]
    return rows


def recovery_rows(study: Study) -> list[dict[str, str]]:
    """Parameters from gauges without noise, as the calibration itself predicts them; keys that are smooth."""
    values, truth = TRUTH, study.hidden
    images = Images((FIELD_NM, FIELD_NM))
    exact = Model(study.measurements[:GAUGES], images).predict(truth).values_nm
    measurements = [
        replace(own, value_nm=float(value))
        for own, value in zip(study.measurements[:GAUGES], exact, strict=True)
        if np.isfinite(value)
    ]
    parameters, started = choose_parameters(study.recipe, list(values))
    result = calibrate(started, measurements, parameters, images=images)
    return [
        {"key": own.key, "truth": f"{true:g}", "found": f"{value:.10g}", "error": f"{abs(value / true - 1):.1e}"}
        for own, value, true in zip(parameters, result.fit.values, values.values(), strict=True)
    ]


def start_check(study: Study, draws: list[dict[str, float]], images: Images) -> float:
    """How far, in sigmas, a draw started from the first result ends from the same draw started from the recipe."""
    seed = FROM_RECIPE
    result = calibrate(study.recipe, study.noisy(seed)[:GAUGES], study.parameters, images=images)
    other = np.array([draws[seed][key] for key in study.keys])
    return float(np.abs((result.fit.values - other) / result.fit.sigmas).max())


def timed(folder: Path) -> tuple[float, int]:
    """Seconds and recipes of one calibration on a larger field, at 161 source cells, also of the outer sigma."""
    base, truth = load_recipe(OPTICS), {**TRUTH, "source.sigma_outer": 0.88}
    del truth["pupil.zernike_waves.Z11"]
    hidden = with_values(base, {full_key(key, base): value for key, value in truth.items()})
    patterns = draw_patterns(LARGE_NM, round(WIDTH * base.pupil.wavelength_nm / base.pupil.na))
    for pattern in patterns:
        write_layout(folder / f"{pattern.layout.name}.gds", pattern.layout)
    rows = measured_rows(hidden_process(hidden, LARGE_NM), patterns, FOCI, DOSES)
    write_csv(folder / "large.csv", noisy(chosen_rows(rows, GAUGES, SEED), SIGMA_NM, SEED))
    measurements = read_measurements(folder / "large.csv", Scenes((LARGE_NM, LARGE_NM), 1.0))
    parameters, started = choose_parameters(base, list(truth))
    torch.set_num_threads(2)
    start = time.perf_counter()
    result = calibrate(started, measurements, parameters)
    return time.perf_counter() - start, result.fit.steps


def table(rows: list[dict[str, str]]) -> str:
    head = list(rows[0])
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row.values()) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def parameter_rows(study: Study, draws: list[dict[str, float]], bounds: np.ndarray) -> list[dict[str, str]]:
    """Coverage and width of the intervals, one row a parameter."""
    rows = []
    for key, true, bound in zip(study.keys, study.truth, bounds, strict=True):
        values, sigmas = (np.array([row[name] for row in draws]) for name in (key, f"{key} sigma"))
        inside = int((np.abs(values - true) <= CONFIDENCE * sigmas).sum())
        rows.append(
            {
                "key": f"`{key}`",
                "truth": f"{true:g}",
                "mean": f"{values.mean():.5g}",
                "spread": f"{values.std(ddof=1):.3g}",
                "Cramer-Rao": f"{bound:.3g}",
                "stated sigma": f"{np.median(sigmas):.3g}",
                "stated / Cramer-Rao": f"{sigmas.min() / bound:.3f} to {sigmas.max() / bound:.3f}",
                f"in 95 % of {len(draws)}": str(inside),
            }
        )
    return rows


def report(study: Study, draws: list[dict[str, float]], bounds: np.ndarray, folder: Path) -> str:
    """results/calibration.md."""
    held = float(np.sqrt(np.mean([row["held_out_rms_nm"] ** 2 for row in draws])))
    fitted = float(np.sqrt(np.mean([row["rms_nm"] ** 2 for row in draws])))
    outliers, widened = sum(row["outliers"] for row in draws), sum(row["widened"] > 1 for row in draws)
    same, (seconds, recipes) = start_check(study, draws, Images((FIELD_NM, FIELD_NM))), timed(folder)
    stated = np.array([[row[f"{key} sigma"] for key in study.keys] for row in draws])
    near = int((np.abs(stated / bounds - 1) <= 0.2).all(1).sum())
    first = np.array([row["seconds"] for row in draws[:FROM_RECIPE]])
    parts = [
        "# Calibration",
        f"`python scripts/calibration.py`: {GAUGES} gauges (lines and spaces through pitch, holes, line ends, a "
        f"slanted line; three doses, three foci) of a hidden recipe with five free numbers, measured by the "
        f"focus-exposure sweep of the simulator on a field of {FIELD_NM:g} nm with {SAMPLES} source cells a side, and "
        f"{SIGMA_NM} nm of normal noise. The start, `{OPTICS}`, predicts them "
        f"{np.sqrt(np.mean(start_errors(study) ** 2)):.1f} nm off (r.m.s.). {FROM_RECIPE} draws of the noise start "
        f"from it, the others from the first result, which takes fewer steps; from the recipe, draw {FROM_RECIPE} "
        f"ends {same:.1e} sigmas from there.",
        table(parameter_rows(study, draws, bounds)),
        f"The Cramer-Rao bound is taken from central differences of predictions at the truth. In {near} draws all five "
        f"intervals are within 20 % of it.",
        f"Residuals of fitted gauges: {fitted:.3f} nm r.m.s. over all draws; of {HELD_OUT} held-out gauges a draw: "
        f"{held:.3f} nm, {held / SIGMA_NM:.3f} times the noise. Left out as outliers: {int(outliers)} of "
        f"{GAUGES * len(draws)} measurements; intervals widened in {int(widened)} draws.",
        f"Seconds: {first.min():.1f} to {first.max():.1f} from the recipe on one thread; with a field of {LARGE_NM:g} "
        f"nm, 161 source cells and the outer sigma in place of Z11, {seconds:.1f} on two threads for {recipes} recipes "
        f"({platform.machine()}, {os.cpu_count()} cores, beside other work; torch {torch.__version__}).",
        "![Draws](calibration.png)",
        "## Without noise",
        "Gauges as the calibration itself predicts them at the truth, started from the recipe:",
        table(recovery_rows(study)),
        "## Derivatives",
        "Relative error (2-norm over the gauges) of the fit's derivatives against central differences of predictions, "
        "for an attenuated mask with blur, flare, focus blur and spherical aberration. The last three keys move edges "
        f"of source or pupil over source cells; they are compared with differences at {CELLS[1]} cells.",
        table(derivative_rows(study)),
    ]
    return "\n\n".join(parts) + "\n"


def start_errors(study: Study) -> np.ndarray:
    measurements = study.measurements[:GAUGES]
    found = Model(measurements, Images((FIELD_NM, FIELD_NM))).predict(study.recipe).values_nm
    off = found - np.array([own.value_nm for own in measurements])
    return off[np.isfinite(off)]


def draw_figure(study: Study, draws: list[dict[str, float]], bounds: np.ndarray, path: Path) -> None:
    figure = new_figure(13, 3.4, f"Estimates of {len(draws)} draws, over the Cramer-Rao bound")
    for axes, key, true, bound in zip(figure.subplots(1, len(bounds)), study.keys, study.truth, bounds, strict=True):
        values, sigmas = (np.array([row[name] for row in draws]) for name in (key, f"{key} sigma"))
        off, half = (values - true) / bound, CONFIDENCE * sigmas / bound
        order = np.argsort(off)
        colours = [BLUE if inside else VERMILION for inside in np.abs(off[order]) <= half[order]]
        axes.vlines(np.arange(len(off)), (off - half)[order], (off + half)[order], colors=colours, linewidth=0.8)
        axes.scatter(np.arange(len(off)), off[order], s=4, color=colours)
        axes.axhline(0, color=GREY, linewidth=1)
        style_chart(
            axes, key.removeprefix("corners."), "draws, by estimate", "off the truth" if axes is figure.axes[0] else ""
        )
    save_figure(figure, path)


def kept_draws(path: Path) -> list[dict[str, float]]:
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


@click.command()
@click.option("--draws", "count", type=click.IntRange(2), default=100, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "results", show_default=True)
def main(count: int, out: Path) -> None:
    """Calibrate a hidden recipe many times."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(Path(folder))
        draws = kept_draws(out / "calibration.csv")
        with progress_bar("Calibrating") as advance:
            images = Images((FIELD_NM, FIELD_NM))
            for seed in range(len(draws), count):
                first = np.array([draws[0][key] for key in study.keys]) if draws else None
                own = study if first is None or seed < FROM_RECIPE else study.started_from(first)
                draws.append(drawn(own, seed, images))
                write_csv(out / "calibration.csv", draws)
                advance(seed + 1, count, f"{draws[-1]['seconds']} s")
        bounds = bounds_of_cramer_and_rao(study)
        draw_figure(study, draws[:count], bounds, out / "calibration.png")
        write_text(out / "calibration.md", report(study, draws[:count], bounds, Path(folder)))


if __name__ == "__main__":
    main()
