"""litho-dl kernels: build, import and show coherent kernels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.no_cache import no_cache_option
from litho_dl.cli.options import built, command_line, complete_names, json_option, out_option, own
from litho_dl.core.errors import KernelError
from litho_dl.core.progress import progress_bar
from litho_dl.scoring.scorecard import as_lines

if TYPE_CHECKING:
    from litho_dl.process.model import ProcessModel

kernel_file_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The .safetensors file to write."
)
field_option = click.option("--field", "field_nm", type=float, metavar="NM", help="Side of the field.")


@click.group()
def kernels() -> None:
    """Build, import and show optical kernels (SOCS)."""


@kernels.command()
@click.argument("recipe", shell_complete=complete_names("optics"))
@kernel_file_option
@field_option
@click.option("--count", type=click.IntRange(min=1), help="Kernels per focus.  [default: the recipe's]")
@json_option
def build(recipe: str, out: Path, field_nm: float | None, count: int | None, as_json: bool) -> None:
    """Build the kernels of RECIPE (a name or a .toml file) for every focus of its corners."""
    from litho_dl.core.grid import Grid
    from litho_dl.core.io import require_writable_folder
    from litho_dl.process.kernel_file import save_kernels
    from litho_dl.process.model import build_process
    from litho_dl.process.recipe import load_recipe

    require_suffix(out)
    require_writable_folder(out.parent)
    field = None if field_nm is None else Grid.of_field((field_nm, field_nm), field_nm).field_nm
    loaded = load_recipe(recipe)
    if count is not None and loaded.pupil.imaging == "spot":
        raise KernelError("Expected no --count for a spot, which is exact without kernels; leave it out.")
    with progress_bar("Building kernels"):
        process = build_process(loaded, field_nm=field, count=count)
    save_kernels(out, process)
    report(process, as_json, file=str(out))


@kernels.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@kernel_file_option
@json_option
def import_(folder: Path, out: Path, as_json: bool) -> None:
    """Import the kernels of the ICCAD 2013 contest from FOLDER (kernels/*.pt, scales/*.pt) into one file."""
    from litho_dl.process.files import import_contest
    from litho_dl.process.kernel_file import save_kernels

    require_suffix(out)
    process = import_contest(folder)
    save_kernels(out, process)
    report(process, as_json, file=str(out))


@kernels.command()
@click.argument("optics", shell_complete=complete_names("optics"))
@field_option
@no_cache_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for a picture of each focus.")
@json_option
def show(optics: str, field_nm: float | None, out: Path | None, as_json: bool) -> None:
    """Describe OPTICS (recipe, kernel file or contest folder); with --out, draw source, pupil and kernels."""
    from litho_dl.core.naming import require_name
    from litho_dl.process.files import read_optics
    from litho_dl.runs.optics import draw_kernels

    name = Path(optics).stem if Path(optics).suffix else Path(optics).name
    if out is not None:
        require_name(name, "the name of the optics")
    process = built(read_optics(optics, field_nm=field_nm))
    figures = [] if out is None else draw_kernels(process, out, name)
    report(process, as_json, **({"figures": figures} if figures else {}))


@kernels.command()
@click.argument("recipe", shell_complete=complete_names("optics"))
@click.option(
    "--stack",
    required=True,
    metavar="NAME|FILE.toml",
    shell_complete=complete_names("stacks"),
    help="The mask's films: chrome, mosi, euv-tabn, or a file.",
)
@click.option(
    "--width",
    "widths_nm",
    type=float,
    multiple=True,
    metavar="NM",
    help="Width of drawn lines.  [default: 0.56 lambda / NA]",
)
@click.option(
    "--pitch",
    "pitches_nm",
    type=float,
    multiple=True,
    metavar="NM",
    help="Their pitches.  [default: 1.6 to 5.5 widths]",
)
@out_option
@json_option
def mask3d(
    recipe: str, stack: str, widths_nm: tuple[float, ...], pitches_nm: tuple[float, ...], out: Path, as_json: bool
) -> None:
    """Fit the boundary layers of a thick mask for the optics of RECIPE to rigorous diffraction.

    Lines of the stack are solved through pitch; --width and --pitch may be repeated. Masks that transmit need vector
    imaging; those that reflect (EUV) get lines along the chief ray and across it. Writes OUT/recipe.toml, the recipe
    with [mask.topography], for --optics; OUT/mask3d.csv (CDs, best foci and places: rigorous, thin mask, layers), the
    picture OUT/mask3d.png and OUT/summary.json.
    """
    from litho_dl.calibration.mask3d_files import mask3d_text, study_mask3d, write_mask3d
    from litho_dl.optics.stack import load_stack
    from litho_dl.process.recipe import load_recipe

    loaded, films = load_recipe(recipe), load_stack(stack)
    own(out)
    with progress_bar("Solving lines") as advance:
        study = study_mask3d(loaded, films, widths_nm=widths_nm, pitches_nm=pitches_nm, advance=advance)
    title = f"{Path(recipe).name}, {Path(stack).name}"
    summary = write_mask3d(study, out, command_line(), {"optics": recipe, "stack": stack}, title)
    click.echo(json.dumps(summary, indent=2) if as_json else mask3d_text(summary))


def require_suffix(path: Path) -> None:
    """Checks the suffix of a kernel file.

    Raises:
        KernelError: It is not .safetensors.
    """
    if path.suffix != ".safetensors":
        raise KernelError(f"{path}: expected a file name that ends in .safetensors, by which --optics recognises it.")


def report(process: "ProcessModel", as_json: bool, **more: Any) -> None:
    """Prints a description of a process model.

    Args:
        process: The process model.
        as_json: Print JSON instead of text.
        **more: Further values, printed first.
    """
    summary = {
        **more,
        "field_nm": list(process.field_nm),
        "threshold": process.resist.threshold,
        "mask": "none" if process.writes_directly else process.mask.type,
        "mask_field": process.mask.field,
        "resist_tone": process.resist.tone,
        "corners": {name: f"dose {c.dose:g}, {c.kernels}" for name, c in process.corners.items()},
        "kernels": {
            name: {
                "count": len(k.weights),
                "size": f"{k.spectra.shape[1]} x {k.spectra.shape[2]}",
                "open_frame": k.open_frame,
                "discarded_energy": k.discarded_energy,
                "tail": k.tail is not None,
                "edge_error_nm": k.edge_error_nm,
                **({"fwhm_nm": process.spot_fwhm_nm(name)} if process.writes_directly else {}),
            }
            for name, k in process.kernels.items()
        },
    }
    click.echo(json.dumps(summary, indent=2) if as_json else as_lines(summary))
