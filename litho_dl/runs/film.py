"""Film stacks: reflectivity, swing curve, best antireflective layer and bulk image, with their files and picture."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.arguments import require_numbers
from litho_dl.core.errors import LithoError
from litho_dl.core.io import write_csv
from litho_dl.optics.columns import clear_image
from litho_dl.optics.film import Film
from litho_dl.optics.reflection import (
    Barc,
    barc_place,
    barc_reflectivities,
    best_barc,
    depth_profile,
    longest_barc_nm,
    normal_reflectivity,
    reflectivity,
    swing_curve,
)
from litho_dl.optics.source import sample_source
from litho_dl.process.recipe import Recipe
from litho_dl.runs.summary import write_summary
from litho_dl.simulation.bulk import bulk_line_image, film_of

POINTS, DEPTHS, LINE_SAMPLES = 121, 61, 64  # of curves; of the bulk image, along z and x
SWING_PERIODS = 1.5  # of the resist's thickness, to both sides
PITCH = 0.7  # of the line pattern unless given, in lambda / NA
LIMITS_NM = (1.0, 1e5)


@dataclass(frozen=True, eq=False, repr=False)
class FilmStudy:
    """What a film stack does to the light of its recipe.

    Attributes:
        film: The stack.
        reflectivities: Shares of the power that are reflected: seen from the immersion medium (`normal`: at normal
            incidence, `source`: averaged over the source) and at the resist's bottom (`resist_bottom_normal`,
            `resist_bottom_source`).
        clear: What a clear mask images to in the resist; 1 without films.
        thicknesses_nm: Thicknesses of the resist, (n,).
        swing: What a clear mask images to at these.
        barc_nm: Thicknesses of the layer under the resist, (m,); empty if there is none.
        barc_reflectivity: Reflectivity at the resist's bottom at these, averaged over the source.
        barc: The best of them; None if there is none.
        period_nm: Period of the swing curve at normal incidence, lambda / (2 n).
        depths_nm: Depths below the resist's top, (z,).
        profile: Intensity of a clear field at these.
        pitch_nm: Pitch of a pattern of equal lines and openings along y.
        lines: Its intensity (z, x) across one pitch.
    """

    film: Film
    reflectivities: dict[str, float]
    clear: float
    thicknesses_nm: np.ndarray
    swing: np.ndarray
    barc_nm: np.ndarray
    barc_reflectivity: np.ndarray
    barc: Barc | None
    period_nm: float
    depths_nm: np.ndarray
    profile: np.ndarray
    pitch_nm: float
    lines: np.ndarray

    def __repr__(self) -> str:
        best = "no layer under the resist" if self.barc is None else f"best {self.barc.thickness_nm:.1f} nm under it"
        return (
            f"FilmStudy({len(self.film.layers)} films, {self.film.resist.thickness_nm:g} nm of resist; reflectivity "
            f"{self.reflectivities['source']:.1%}, swing {self.swing_ratio:.1%}; {best})"
        )

    @property
    def swing_ratio(self) -> float:
        """(largest - smallest) / (largest + smallest) intensity, over one period around the resist's own thickness."""
        near = np.abs(self.thicknesses_nm - self.film.resist.thickness_nm) <= self.period_nm / 2
        low, high = self.swing[near].min(), self.swing[near].max()
        return float((high - low) / (high + low))


def study_film(recipe: Recipe, *, pitch_nm: float | None = None) -> FilmStudy:
    """Computes the figures of a recipe's film stack with its own source, polarisation and lens.

    Args:
        recipe: A recipe with films.
        pitch_nm: Pitch of the line pattern, from 1 nm to 0.1 mm; None: 0.7 lambda / NA.

    Returns:
        The figures.

    Raises:
        RecipeError: The recipe has no films.
        LithoError: The pitch is out of range.
    """
    require_numbers(pitch_nm=pitch_nm)
    film, pupil = film_of(recipe), recipe.pupil
    pitch = round(PITCH * pupil.wavelength_nm / pupil.na) if pitch_nm is None else pitch_nm
    if not LIMITS_NM[0] <= pitch <= LIMITS_NM[1]:
        raise LithoError(f"Expected a pitch from {LIMITS_NM[0]:g} nm to 0.1 mm, got {pitch:g} nm.")
    source = sample_source(recipe.source, recipe.source_samples())
    thickness, period = film.resist.thickness_nm, pupil.wavelength_nm / (2 * film.resist.n)
    reach = SWING_PERIODS * period
    thicknesses = np.linspace(max(thickness / 10, thickness - reach), thickness + reach, POINTS)
    depths = np.linspace(0, thickness, DEPTHS)
    below = barc_place(film) is not None
    barcs = np.linspace(0, longest_barc_nm(film, pupil), POINTS) if below else np.zeros(0)
    return FilmStudy(
        film,
        {
            "normal": normal_reflectivity(film, pupil),
            "source": reflectivity(film, pupil, source),
            "resist_bottom_normal": normal_reflectivity(film, pupil, inside=True),
            "resist_bottom_source": reflectivity(film, pupil, source, inside=True),
        },
        clear_image(source, pupil, film),
        thicknesses,
        swing_curve(film, pupil, source, thicknesses),
        barcs,
        barc_reflectivities(film, pupil, source, barcs) if below else np.zeros(0),
        best_barc(film, pupil, source) if below else None,
        period,
        depths,
        depth_profile(film, pupil, source, depths),
        pitch,
        bulk_line_image(recipe, pitch, depths, LINE_SAMPLES).numpy(),
    )


def write_film(study: FilmStudy, out: Path, command: str, settings: dict[str, Any], title: str) -> dict[str, Any]:
    """Writes swing.csv, barc.csv if there is a layer under the resist, the picture film.png, and summary.json.

    Args:
        study: The figures.
        out: Folder to write to.
        command: The command that made them, such as `litho-dl film`.
        settings: The settings of the run, for the summary.
        title: Title of the picture.

    Returns:
        The summary.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.film import film_figure

    files = {"swing_csv": out / "swing.csv", "figure": out / "film.png"}
    write_csv(files["swing_csv"], _rows("thickness_nm", study.thicknesses_nm, "intensity", study.swing))
    if study.barc is not None:
        files["barc_csv"] = out / "barc.csv"
        write_csv(files["barc_csv"], _rows("thickness_nm", study.barc_nm, "reflectivity", study.barc_reflectivity))
    figure = film_figure(
        (study.thicknesses_nm, study.swing, study.film.resist.thickness_nm),
        None if study.barc is None else (study.barc_nm, study.barc_reflectivity, study.barc.thickness_nm),
        (study.depths_nm, study.profile),
        (study.lines, study.pitch_nm),
        title=title,
    )
    save_figure(figure, files["figure"])
    summary = {**settings, **film_summary(study), **{name: str(path) for name, path in sorted(files.items())}}
    write_summary(out / "summary.json", command, summary)
    return summary


def _rows(x_name: str, x: np.ndarray, y_name: str, y: np.ndarray) -> list[dict[str, str]]:
    return [{x_name: f"{a:.4f}", y_name: f"{b:.8g}"} for a, b in zip(x, y, strict=True)]


def film_summary(study: FilmStudy) -> dict[str, Any]:
    """The stack, reflectivities, clear intensity, swing, and the best layer under the resist, as plain values."""
    best = study.barc
    return {
        "layers": [layer.model_dump() for layer in study.film.layers],
        "substrate": study.film.substrate.model_dump(),
        "image": study.film.image,
        "reflectivity": study.reflectivities,
        "clear_intensity": study.clear,
        "swing_ratio": study.swing_ratio,
        "swing_period_nm": study.period_nm,
        "best_barc": None if best is None else {"thickness_nm": best.thickness_nm, "reflectivity": best.reflectivity},
        "pitch_nm": study.pitch_nm,
    }


def film_text(summary: dict[str, Any]) -> str:
    """The summary as text: a table of the stack, then its figures."""
    lines = [f"{'layer':<10}{'n':>8}{'k':>8}{'nm':>10}"]
    below = False
    for layer in summary["layers"]:
        name = "resist" if layer["resist"] else "under" if below else "over"
        below |= layer["resist"]
        lines.append(f"{name:<10}{layer['n']:>8.4g}{layer['k']:>8.4g}{layer['thickness_nm']:>10.4g}")
    base, seen = summary["substrate"], summary["reflectivity"]
    lines.append(f"{'substrate':<10}{base['n']:>8.4g}{base['k']:>8.4g}{math.inf:>10}")
    lines += [
        f"Reflectivity: {seen['source']:.2%} over the source, {seen['normal']:.2%} at normal incidence",
        f"At the resist's bottom: {seen['resist_bottom_source']:.2%} over the source, "
        f"{seen['resist_bottom_normal']:.2%} at normal incidence",
        f"A clear mask images to {summary['clear_intensity']:.4f} (1 without films)",
        f"Swing of that with the resist's thickness: {summary['swing_ratio']:.2%}, period "
        f"{summary['swing_period_nm']:.1f} nm",
    ]
    if summary["best_barc"] is None:
        lines.append("No layer under the resist")
    else:
        best = summary["best_barc"]
        lines.append(
            f"Best thickness of the layer under the resist: {best['thickness_nm']:.1f} nm, with "
            f"{best['reflectivity']:.3%} at the resist's bottom"
        )
    return "\n".join([*lines, f"See {summary['figure']}"])
