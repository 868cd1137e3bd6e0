"""Resist profiles of a line pattern, with their files and picture."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from litho_dl.core.arguments import require_numbers
from litho_dl.core.errors import LithoError
from litho_dl.core.io import write_csv
from litho_dl.process.recipe import Recipe
from litho_dl.runs.film import LIMITS_NM, PITCH
from litho_dl.runs.summary import write_summary
from litho_dl.simulation.bulk import film_of
from litho_dl.simulation.profile import Profile, Wall, require_development, resist_profile

PIXEL_SHARE = 1 / 128  # of lambda / NA, at most
DOSES = (0.01, 100.0)


@dataclass(frozen=True, eq=False)
class ProfileStudy:
    """The profile of lines along y, drawn half a pitch wide around the middle of the field.

    Attributes:
        profile: As baked.
        still: With the same light, but without diffusion in the bake, so that standing waves stay.
        wall: The sidewall right of the drawn line.
        still_wall: The same without diffusion; None if the resist's bottom has no edge then.
        pitch_nm: The pitch.
        dose: Factor on the dose.
        defocus_nm: Distance of the resist's top from best focus.
    """

    profile: Profile
    still: Profile
    wall: Wall
    still_wall: Wall | None
    pitch_nm: float
    dose: float
    defocus_nm: float


def study_profile(
    recipe: Recipe, *, pitch_nm: float | None = None, dose: float = 1.0, defocus_nm: float = 0.0
) -> ProfileStudy:
    """Computes the profile of lines, with and without diffusion in the bake.

    Args:
        recipe: Optics with films and a chemical resist with `development`.
        pitch_nm: Pitch of the lines, from 1 nm to 0.1 mm; None: 0.7 lambda / NA.
        dose: Factor on the dose, from 0.01 to 100.
        defocus_nm: Distance of the resist's top from best focus.

    Raises:
        RecipeError: The recipe has no film, or no chemical resist with `development`.
        LithoError: A number is out of range, or the package scikit-fmm is not installed.
        MaskError: No edge reaches the resist's bottom.
    """
    require_numbers(pitch_nm=pitch_nm, dose=dose, defocus_nm=defocus_nm)
    film_of(recipe)
    resist, optical_nm = require_development(recipe), recipe.pupil.wavelength_nm / recipe.pupil.na
    pitch = round(PITCH * optical_nm) if pitch_nm is None else pitch_nm
    if not LIMITS_NM[0] <= pitch <= LIMITS_NM[1]:
        raise LithoError(f"Expected a pitch from {LIMITS_NM[0]:g} nm to 0.1 mm, got {pitch:g} nm.")
    if not DOSES[0] <= dose <= DOSES[1]:
        raise LithoError(f"Expected a dose from {DOSES[0]:g} to {DOSES[1]:g} times the recipe's, got {dose:g}.")
    count = 8 * math.ceil(pitch / (8 * PIXEL_SHARE * optical_nm))
    x = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    lines = ((x - 0.5).abs() < 0.25).double()[None]
    still = recipe.model_copy(
        update={"resist": resist.model_copy(update={"acid_diffusion_nm": 0.0, "quencher_diffusion_nm": 0.0})}
    )
    profile, without = (
        resist_profile(each, lines, pitch / count, dose=dose, defocus_nm=defocus_nm) for each in (recipe, still)
    )
    wall = profile.wall()
    try:
        still_wall = without.wall()
    except LithoError:
        still_wall = None
    return ProfileStudy(profile, without, wall, still_wall, pitch, dose, defocus_nm)


def write_profile(study: ProfileStudy, out: Path, command: str, settings: dict[str, Any], title: str) -> dict[str, Any]:
    """Writes wall.csv, the picture profile.png, and summary.json.

    Args:
        study: The profile.
        out: Folder to write to.
        command: The command that made it, such as `litho-dl profile`.
        settings: The settings of the run, for the summary.
        title: Title of the picture.

    Returns:
        The summary.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.profile import ProfileImages, profile_figure

    files = {"wall_csv": out / "wall.csv", "figure": out / "profile.png"}
    rows = zip(study.wall.depths_nm, 2 * study.wall.edges_nm - study.pitch_nm, strict=True)
    write_csv(files["wall_csv"], [{"depth_nm": f"{depth:.3f}", "width_nm": f"{width:.3f}"} for depth, width in rows])
    shown, still = study.profile, study.still
    panels = [
        ProfileImages("Acid before the bake", "share released", shown.acid[:, 0], None),
        ProfileImages("Bake without diffusion", "share deprotected", still.deprotected[:, 0], still.times_s[:, 0]),
        ProfileImages("Bake", "share deprotected", shown.deprotected[:, 0], shown.times_s[:, 0]),
    ]
    size_nm = (study.pitch_nm, shown.thickness_nm)
    save_figure(profile_figure(panels, size_nm, shown.seconds, title=title), files["figure"])
    summary = {**settings, **profile_summary(study), **{name: str(path) for name, path in sorted(files.items())}}
    write_summary(out / "summary.json", command, summary)
    return summary


def profile_summary(study: ProfileStudy) -> dict[str, Any]:
    """Widths, sidewall angle and top loss as plain values; widths are those of what is drawn."""
    wall, still = study.wall, study.still_wall
    widths = 2 * wall.edges_nm - study.pitch_nm
    middle = len(widths) // 2
    return {
        "pitch_nm": study.pitch_nm,
        "dose": study.dose,
        "defocus_nm": study.defocus_nm,
        "drawn": "line" if wall.from_resist else "trench",
        "bottom_width_nm": float(widths[-1]),
        "middle_width_nm": _number(widths[middle]),
        "sidewall_deg": _number(wall.angle_deg),
        "top_loss_nm": wall.top_loss_nm,
        "waviness_nm": _number(waviness_nm(wall)),
        "waviness_without_diffusion_nm": None if still is None else _number(waviness_nm(still)),
    }


def waviness_nm(wall: Wall) -> float:
    """How much a sidewall waves: the r.m.s. distance from its straight line, in nm; NaN if it has no three samples."""
    import numpy as np

    used = np.isfinite(wall.edges_nm)
    if used.sum() < 3:
        return math.nan
    line = np.polynomial.Polynomial.fit(wall.depths_nm[used], wall.edges_nm[used], 1)
    return float(np.sqrt(np.mean((wall.edges_nm[used] - line(wall.depths_nm[used])) ** 2)))


def _number(value: float) -> float | None:
    """None for NaN, which JSON has not."""
    return float(value) if math.isfinite(value) else None


def profile_text(summary: dict[str, Any]) -> str:
    """The summary as text."""

    def shown(value: float | None, unit: str) -> str:
        return "none" if value is None else f"{value:.2f} {unit}"

    shapes = "lines" if summary["drawn"] == "line" else "trenches"
    return "\n".join(
        [
            f"Drawn {shapes} of pitch {summary['pitch_nm']:g} nm at dose {summary['dose']:g}",
            f"Width at the bottom: {summary['bottom_width_nm']:.2f} nm; in the middle: "
            f"{shown(summary['middle_width_nm'], 'nm')}",
            f"Sidewall: {shown(summary['sidewall_deg'], 'degrees')}; top loss: {summary['top_loss_nm']:.2f} nm",
            f"Waves in the sidewall: {shown(summary['waviness_nm'], 'nm')}; without diffusion "
            f"{shown(summary['waviness_without_diffusion_nm'], 'nm')}",
            f"See {summary['figure']}",
        ]
    )
