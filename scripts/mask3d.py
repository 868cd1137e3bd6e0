"""Boundary layers of thick masks against rigorous diffraction: lines through pitch, and contacts; results/mask3d.*.

    python scripts/mask3d.py --out results

Layers are fitted to the orders of lines alone, one width at a time; contacts are not fitted. The light is that of the
recipe, unpolarised, and light polarised along the lines (TE) or across them (TM). The EUV mask has lines along y, and
along x, across the chief ray.
"""

import argparse
from pathlib import Path

from litho_dl.calibration.mask3d import Diffraction, Opening, diffract, fit_layers, fitted_mask
from litho_dl.calibration.mask3d_files import MODELS, PITCHES, WIDTH, Mask3d, anchor, errors_of, study_mask3d
from litho_dl.calibration.mask3d_residuals import Imaging, Row, compared, dose_to_size
from litho_dl.comparison.results import as_markdown
from litho_dl.core.io import write_csv, write_text
from litho_dl.optics.mask import MaskType
from litho_dl.optics.rigorous import contact_orders, snapped
from litho_dl.optics.stack import load_stack
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.viz.figure import save_figure
from litho_dl.viz.mask3d import NAMES, mask3d_figure

STACKS = ("chrome", "mosi")
RECIPES = ("duv193-immersion-annular", "duv193-dry-annular")
LIGHT = {"unpolarised": "unpolarized", "TE": "y", "TM": "x"}
EUV = ("euv13-quasar", "euv-tabn")
CONTACT = 1.13  # of width to the lines'
CONTACT_PITCHES = (1.67, 2.0, 2.44)  # in contacts


def main() -> None:
    """Measures, and writes the tables and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--contacts", type=int, default=12, metavar="N", help="Harmonics of contacts; 0: no contacts.")
    arguments = parser.parse_args()
    rows, tables = [], []
    for name in RECIPES:
        for stack in STACKS:
            own, table = study(name, stack, arguments.contacts)
            rows += own
            tables += table
            print(*table, sep="\n", flush=True)
    reflective = study_mask3d(load_recipe(EUV[0]), load_stack(EUV[1]))
    rows += [
        row_of(*EUV, "lines along x" if row.across else "lines along y", "unpolarised", row) for row in reflective.rows
    ]
    write(arguments.out, rows, tables, reflective)


def vector(name: str, polarization: str) -> Recipe:
    """A packaged recipe with vector imaging."""
    recipe = load_recipe(name)
    return recipe.model_copy(
        update={
            "pupil": recipe.pupil.model_copy(update={"imaging": "vector"}),
            "source": recipe.source.model_copy(update={"polarization": polarization}),
        }
    )


def study(name: str, stack_name: str, harmonics: int) -> tuple[list[dict[str, object]], list[list[str]]]:
    """The errors of one recipe and stack: rows of the CSV file, and of the table."""
    stack, recipe = load_stack(stack_name), vector(name, "unpolarized")
    mask = fitted_mask(recipe, stack)
    unit_nm = recipe.pupil.wavelength_nm / recipe.pupil.na
    width, reduction = WIDTH * unit_nm, recipe.pupil.reductions[0]
    lines = diffract(stack, [pitch * width for pitch in PITCHES], [width], mask.field, reduction)
    models = layered(recipe, mask, lines)
    patterns = {"lines": lines}
    if harmonics and name == RECIPES[0]:
        side = CONTACT * width
        openings = [Opening(pitch * side, snapped(side, pitch * side, reduction)) for pitch in CONTACT_PITCHES]
        solved = [contact_orders(stack, *own, reduction=reduction, harmonics=harmonics) for own in openings]
        patterns["contacts"] = Diffraction(tuple(openings), tuple(solved))
    rows: list[dict[str, object]] = []
    table = []
    for pattern, known in patterns.items():
        for light, polarization in LIGHT.items() if pattern == "lines" else [("unpolarised", "unpolarized")]:
            imaging = dose_to_size(Imaging(vector(name, polarization)), *anchor(known))
            found = compared(imaging, models, known.openings, known.orders)
            rows += [row_of(name, stack_name, pattern, light, row) for row in found]
            table.append([name, stack_name, pattern, light, *summary(found)])
    return rows, table


def layered(recipe: Recipe, mask: MaskType, lines: Diffraction) -> dict[str, MaskType]:
    """The mask models."""
    fits = {"bias": 1, "layers": 3}
    fitted = {key: fit_layers(recipe, mask, lines, moments=moments) for key, moments in fits.items()}
    return {"thin": mask, **{key: mask.model_copy(update={"topography": layers}) for key, layers in fitted.items()}}


def summary(rows: list[Row]) -> list[str]:
    """CD errors of each model, r.m.s. / largest, the layers' largest error of best focus, and how many print."""
    found = [errors_of(rows, model) for model in MODELS]
    cells = [f"{own.cd_rms_nm:.2f} / {own.cd_max_nm:.2f}" for own in found]
    focus = found[-1].focus_max_nm
    return [*cells, "-" if focus is None else f"{focus:.1f}", f"{found[-1].printed} of {len(rows)}"]


def row_of(recipe: str, stack: str, pattern: str, light: str, row: Row) -> dict[str, object]:
    """A row of the CSV file."""
    table: dict[str, object] = {"recipe": recipe, "stack": stack, "pattern": pattern, "light": light}
    table |= {"pitch_nm": f"{row.pitch_nm:.2f}", "drawn_nm": f"{row.drawn_nm:.2f}"}
    for mask in ("rigorous", *MODELS):
        table |= {f"cd_{mask}_nm": f"{row.cd_nm[mask]:.3f}", f"focus_{mask}_nm": f"{row.focus_nm[mask]:.2f}"}
        first, *_, last = row.places_nm[mask].tolist()
        table |= {f"place_low_{mask}_nm": f"{first:.3f}", f"place_high_{mask}_nm": f"{last:.3f}"}
    return table


def euv_table(reflective: Mask3d) -> list[list[str]]:
    """What each model leaves of the EUV mask."""
    table = [["mask model", "CD", "H - V", "place", "focus", "printed"]]
    for model in MODELS:
        left = reflective.errors(model)
        table.append(
            [
                NAMES[model],
                f"{left.cd_rms_nm:.2f} / {left.cd_max_nm:.2f}",
                f"{left.hv_max_nm:.2f}",
                f"{left.place_max_nm:.2f}",
                f"{left.focus_max_nm:.1f}",
                f"{left.printed} of {len(reflective.rows)}",
            ]
        )
    return table


def write(out: Path, rows: list[dict[str, object]], tables: list[list[str]], reflective: Mask3d) -> None:
    """Writes mask3d.csv, mask3d.md, mask3d.png and mask3d.euv.png."""
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / "mask3d.csv", rows)
    along, across = ([row.cd_nm["rigorous"] for row in reflective.rows if row.across == own] for own in (False, True))
    span = [v - h for v, h in zip(along, across, strict=True)]
    header = ["optics", "stack", "pattern", "light", "thin mask", "zeroth moments", "layers", "focus", "printed"]
    text = f"""# Thick masks: boundary layers against rigorous diffraction

`python scripts/mask3d.py`

CD less that of the rigorous mask, root mean square / largest, in nm on the wafer; `focus`: the largest error of best
focus of the layers, in nm. Lines of 0.56 lambda / NA at nine pitches from 1.6 to 5.5 widths, at the dose that prints
the one nearest to equal lines and spaces as drawn; contacts of 1.13 times that at three pitches, which were not fitted.
Truth: RCWA (`meent`), imaged by Abbe's sum with vector imaging in the medium.

{as_markdown([header, *tables])}

What is left is largest for TM light, whose contrast is lowest at NA 1.35 and whose orders jump where one of them begins
to propagate behind the mask (at pitches of whole wavelengths on the mask: 145 and 193 nm on the wafer). No layer along
an edge can follow that. Orders of contacts are not fully converged: with 10, 13 harmonics CDs differ by 0.2 to 1 nm.

![Errors through pitch](mask3d.png)

## EUV: {EUV[1]} with {EUV[0]}

Lines of {reflective.rows[0].drawn_nm:.0f} nm at the same pitches in widths, along y and along x; scalar imaging.
Rigorous CDs of lines along y are {min(span):.1f} to {max(span):.1f} nm above those along x. Taken out, as scanners do:
{reflective.shift_nm:.2f} nm up y of all lines along x, and {reflective.focus_nm:.1f} nm of focus. Largest errors in nm,
but for CD (r.m.s. / largest): H - V, CD of lines along x less that of those along y; place, where lines along x print,
at any of {len(reflective.foci_nm)} foci up to {reflective.foci_nm[-1]:.0f} nm; focus, best focus.

{as_markdown(euv_table(reflective))}

Truth: RCWA at the chief ray. Light from off-axis parts of the source meets the mask at other angles, which no model of
kernels (Hopkins) can tell.

![Errors through pitch of the EUV mask](mask3d.euv.png)
"""
    write_text(out / "mask3d.md", text)
    shown = {"recipe": RECIPES[0], "stack": "mosi", "pattern": "lines", "light": "unpolarised"}
    chosen = [row for row in rows if shown.items() <= row.items()]
    errors = {
        model: [float(str(row[f"cd_{model}_nm"])) - float(str(row["cd_rigorous_nm"])) for row in chosen]
        for model in MODELS
    }
    pitches, widths = ([float(str(row[key])) for row in chosen] for key in ("pitch_nm", "drawn_nm"))
    title, along_y = "MoSi, NA 1.35, unpolarised", [False] * len(chosen)
    save_figure(mask3d_figure(pitches, widths, along_y, errors, title=title), out / "mask3d.png")
    save_figure(reflective.figure("EUV, TaBN, NA 0.33"), out / "mask3d.euv.png")


if __name__ == "__main__":
    main()
