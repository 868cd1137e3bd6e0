"""A fit of boundary layers from a recipe and a stack to files: the recipe with the layers, tables, a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from litho_dl.calibration.mask3d import Diffraction, Opening, diffract, fit_layers, fitted_mask, refocused, registered
from litho_dl.calibration.mask3d_residuals import Imaging, Row, compared, dose_to_size
from litho_dl.core.arguments import require_numbers
from litho_dl.core.errors import RecipeError
from litho_dl.core.io import write_csv, write_text
from litho_dl.core.progress import Advance
from litho_dl.core.settings import toml_text
from litho_dl.optics.mask import MaskType
from litho_dl.optics.stack import MaskStack
from litho_dl.process.recipe import Recipe
from litho_dl.runs.summary import write_summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 0.56  # of openings unless given, in lambda / NA
PITCHES = (1.6, 1.75, 1.9, 2.1, 2.3, 2.6, 3.0, 4.0, 5.5)  # unless given, in widths
MODELS = ("thin", "bias", "layers")
STATES = {"parallel": "light along them", "perpendicular": "light across them", "odd": "up less down, half"}


class Errors(NamedTuple):
    """What a model leaves of some patterns.

    Attributes:
        cd_rms_nm: Root mean square of its CD errors; None: nothing prints by it and by the rigorous mask.
        cd_max_nm: The largest.
        focus_max_nm: The largest error of best focus; None: no pattern has one.
        printed: How many patterns print by both.
        place_max_nm: The largest error of where lines across the chief ray print, at any focus; None: there are none.
        hv_max_nm: The largest error of the CD of lines along x less that of the same lines along y; None: likewise.
    """

    cd_rms_nm: float | None
    cd_max_nm: float | None
    focus_max_nm: float | None
    printed: int
    place_max_nm: float | None = None
    hv_max_nm: float | None = None


def errors_of(rows: Sequence[Row], model: str) -> Errors:
    """What a model leaves of the patterns that print by it and by the rigorous mask."""
    cds = np.array([row.error(model) for row in rows])
    foci = np.array([row.focus_error(model) for row in rows])
    cds, foci = cds[np.isfinite(cds)], np.abs(foci[np.isfinite(foci)])
    focus = float(foci.max()) if len(foci) else None
    if not len(cds):
        return Errors(None, None, focus, 0)
    along, across = ([row for row in rows if row.across == which] for which in (False, True))
    place = _largest(row.place_error(model) for row in across)
    bias = (
        _largest(abs(x.error(model) - y.error(model)) for x, y in zip(across, along, strict=True)) if across else None
    )
    return Errors(float(np.sqrt(np.mean(cds**2))), float(np.abs(cds).max()), focus, len(cds), place, bias)


def _largest(values: Iterable[float]) -> float | None:
    return max((value for value in values if np.isfinite(value)), default=None)


@dataclass(frozen=True, eq=False)
class Mask3d:
    """Boundary layers, and what they leave.

    Attributes:
        recipe: The recipe with the layers.
        rows: Lines along y, of a reflective mask also along x, in the recipe's own light: rigorous, and by mask models
            `thin`, `bias` (zeroth moments alone) and `layers`.
        foci_nm: The foci that best foci were searched in.
        shift_nm: How far up y all lines along x of a reflective mask print from where they are drawn, taken out.
        focus_nm: The best focus that lines of a reflective mask share, taken out.
    """

    recipe: Recipe
    rows: tuple[Row, ...]
    foci_nm: np.ndarray
    shift_nm: float
    focus_nm: float

    def errors(self, model: str) -> Errors:
        """What a model leaves of the lines that print by it and by the rigorous mask."""
        return errors_of(self.rows, model)

    def figure(self, title: str = "") -> "Figure":
        """CD errors of all models through pitch."""
        from litho_dl.viz.mask3d import mask3d_figure

        errors = {model: [row.error(model) for row in self.rows] for model in MODELS}
        pitches, widths, across = zip(*((row.pitch_nm, row.drawn_nm, row.across) for row in self.rows), strict=True)
        return mask3d_figure(pitches, widths, across, errors, title=title)


def study_mask3d(
    recipe: Recipe,
    stack: MaskStack,
    *,
    widths_nm: Sequence[float] = (),
    pitches_nm: Sequence[float] = (),
    advance: Advance | None = None,
) -> Mask3d:
    """Fits the boundary layers of a stack for the optics of a recipe.

    Args:
        recipe: A recipe; for a mask that transmits, with vector imaging.
        stack: The mask.
        widths_nm: Widths of drawn lines on the wafer; empty: `WIDTH`.
        pitches_nm: Pitches on the wafer; empty: `PITCHES`.
        advance: Called after each line that was solved.

    Returns:
        The layers, and what they leave.

    Raises:
        RecipeError: Recipe and stack do not fit, or a width or pitch is out of range.
        LithoError: The solver is not installed.
    """
    require_numbers(**{f"widths_nm[{i}]": w for i, w in enumerate(widths_nm)})
    require_numbers(**{f"pitches_nm[{i}]": p for i, p in enumerate(pitches_nm)})
    mask = fitted_mask(recipe, stack)
    unit_nm = recipe.pupil.wavelength_nm / recipe.pupil.na
    widths = sorted(widths_nm) or [WIDTH * unit_nm]
    pitches = sorted(pitches_nm) or [pitch * max(widths) for pitch in PITCHES]
    if not (0.1 * unit_nm <= widths[0] and pitches[-1] <= 100 * unit_nm and pitches[0] > 0):
        raise RecipeError(
            f"Expected lines of at least {0.1 * unit_nm:.3g} nm at pitches up to {100 * unit_nm:.4g} nm, got widths "
            f"{', '.join(f'{w:g}' for w in widths)} and pitches {', '.join(f'{p:g}' for p in pitches)} nm."
        )
    along_y = diffract(stack, pitches, widths, mask.field, recipe.pupil.reductions[0], advance)
    imaging = dose_to_size(Imaging(recipe), *anchor(along_y))
    along_x, shift_nm, focus_nm = None, 0.0, 0.0
    if stack.mirror is not None:
        along_y = replace(along_y, axis=0)
        along_x = diffract(stack, pitches, widths, mask.field, recipe.pupil.reductions[1], advance, axis=1)
        focus_nm = _common_focus(imaging, mask, along_y)
        along_y, along_x = (refocused(recipe, solved, focus_nm) for solved in (along_y, along_x))
        along_x, shift_nm = registered(recipe, mask, along_x)
    fits = {"bias": 1, "layers": 3}
    topographies = {name: fit_layers(recipe, mask, along_y, along_x, moments=moments) for name, moments in fits.items()}
    models = {"thin": mask} | {name: mask.model_copy(update={"topography": own}) for name, own in topographies.items()}
    rows = [
        row
        for solved in (along_y, along_x)
        if solved is not None
        for row in compared(imaging, models, solved.openings, solved.orders, across=solved.across)
    ]
    described = f"{recipe.description}; mask: {stack.description}"
    fitted_to = models["layers"].model_copy(update={"blur_nm": recipe.mask.blur_nm})  # which lines do not show
    fitted = recipe.model_copy(update={"mask": fitted_to, "description": described})
    return Mask3d(fitted, tuple(rows), imaging.foci_nm, shift_nm, focus_nm)


def _common_focus(imaging: Imaging, mask: MaskType, solved: Diffraction) -> float:
    """The median best focus of rigorous lines in nm, 0 if none has any."""
    foci = [row.focus_nm["rigorous"] for row in compared(imaging, {"thin": mask}, solved.openings, solved.orders)]
    found = [focus for focus in foci if np.isfinite(focus)]
    return float(np.median(found)) if found else 0.0


def anchor(solved: Diffraction) -> tuple[Opening, np.ndarray]:
    """The pattern that sets the dose: the one nearest to equal lines and openings."""
    duty = [abs(opening.width_nm / opening.pitch_nm - 0.5) for opening in solved.openings]
    place = int(np.argmin(duty))
    return solved.openings[place], solved.orders[place]


def write_mask3d(study: Mask3d, out: Path, command: str, settings: dict[str, Any], title: str) -> dict[str, Any]:
    """Writes recipe.toml, mask3d.csv, the picture mask3d.png, and summary.json.

    Args:
        study: The fit.
        out: Folder to write to.
        command: The command that made them, such as `litho-dl kernels mask3d`.
        settings: The settings of the run, for the summary.
        title: Title of the picture.

    Returns:
        The summary.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.viz.figure import save_figure

    files = {"recipe": out / "recipe.toml", "csv": out / "mask3d.csv", "figure": out / "mask3d.png"}
    write_text(files["recipe"], toml_text(study.recipe.model_dump(mode="json")))
    write_csv(files["csv"], [_row(row) for row in study.rows])
    save_figure(study.figure(title), files["figure"])
    topography = study.recipe.mask.topography
    assert topography is not None
    left = {model: study.errors(model)._asdict() for model in MODELS}
    summary = {
        **settings,
        "transmission": study.recipe.mask.background**2,
        "topography": topography.model_dump(mode="json"),
        "left": left,
        "lines": len(study.rows),
        "shift_nm": study.shift_nm,
        "focus_nm": study.focus_nm,
        **{name: str(path) for name, path in files.items()},
    }
    write_summary(out / "summary.json", command, summary)
    return summary


def _row(row: Row) -> dict[str, str]:
    table = {"pitch_nm": f"{row.pitch_nm:.3f}", "drawn_nm": f"{row.drawn_nm:.3f}", "along": "x" if row.across else "y"}
    for name in ("rigorous", *MODELS):
        table |= {f"cd_{name}_nm": f"{row.cd_nm[name]:.3f}", f"focus_{name}_nm": f"{row.focus_nm[name]:.2f}"}
        if row.across:
            first, *_, last = row.places_nm[name].tolist()
            table |= {f"place_low_{name}_nm": f"{first:.3f}", f"place_high_{name}_nm": f"{last:.3f}"}
    return table


def mask3d_text(summary: dict[str, Any]) -> str:
    """The summary as text."""
    lines = [f"{summary['transmission']:.3%} of the light comes through the absorber"]
    layers = {axis: edges for axis, edges in summary["topography"].items() if edges is not None}
    for axis, edges in layers.items():
        for state, light in STATES.items():
            if any(map(any, edges[state].values())):
                facing = f"Edges facing {axis}," if len(layers) > 1 else "Edges,"
                (real, imaginary), first, second = edges[state].values()
                lines.append(
                    f"{facing} {light:<19} {real:+.2f} {imaginary:+.2f}i nm, "
                    f"{first[0]:+.0f} {first[1]:+.0f}i nm2, {second[0]:+.0f} {second[1]:+.0f}i nm3"
                )
    if summary["shift_nm"]:
        lines.append(
            f"Taken out, as scanners do: {summary['shift_nm']:+.2f} nm up y of lines along x, "
            f"{summary['focus_nm']:+.1f} nm of focus"
        )
    from litho_dl.viz.mask3d import NAMES

    lines.append(f"Left of {summary['lines']} lines through pitch against the rigorous mask:")
    for model, name in NAMES.items():
        left = summary["left"][model]
        if not left["printed"]:
            lines.append(f"  {name:<15} nothing prints")
            continue
        focus = "none" if left["focus_max_nm"] is None else f"{left['focus_max_nm']:.1f} nm"
        lines.append(
            f"  {name:<15} CD {left['cd_rms_nm']:.2f} nm rms, {left['cd_max_nm']:.2f} nm at most; best focus {focus}; "
            f"{left['printed']} print"
        )
        if left["place_max_nm"] is not None and left["hv_max_nm"] is not None:
            lines[-1] += f"; H - V {left['hv_max_nm']:.2f} nm, place {left['place_max_nm']:.2f} nm at most"
    return "\n".join([*lines, f"Give {summary['recipe']} as --optics; see {summary['figure']}"])
