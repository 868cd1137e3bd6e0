"""litho-dl export: generators for other programs."""

from pathlib import Path

import click

from litho_dl.cli.options import built, model_option, optics_option


@click.command()
@model_option
@optics_option
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A .onnx or .pt2 file.")
@click.option("--force", is_flag=True, help="Export a model that was trained for other optics.")
def export(model: str, optics: str, field_nm: float | None, out: Path, force: bool) -> None:
    """Write a trained network as ONNX or as a torch.export program, for the field of the optics, and check it.

    Input: targets (B, 1, h, w), area coverage on the network's pixel; output: logits (B, H, W) of the mask on its own
    pixel, open where they are positive.

    Example: litho-dl export --model unet --optics iccad13-like --out unet.onnx
    """
    from litho_dl.generators.export import export_generator
    from litho_dl.generators.model import load_generator
    from litho_dl.process.files import read_optics

    process = built(read_optics(optics, field_nm=field_nm))
    generator = load_generator(model, process, force=force)
    difference = export_generator(generator, process.field_nm, out)
    recipe = generator.card.recipe
    click.echo(
        f"{out}: {recipe.network}, {recipe.pixel_nm:g} nm targets to {recipe.mask_pixel_nm:g} nm masks on "
        f"{process.field_nm[0]:g} x {process.field_nm[1]:g} nm; logits as the network's to {difference:.1e}"
    )
