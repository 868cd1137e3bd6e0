"""litho-dl export: trained networks for other programs."""

from dataclasses import replace
from pathlib import Path

import click

from litho_dl.cli.options import model_option, optics_option


@click.command()
@model_option(required=True)
@optics_option
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The .onnx or .pt2 file to write."
)
@click.option("--force", is_flag=True, help="Export a model even if it was trained for other optics.")
@click.option(
    "--turn", type=click.IntRange(1), metavar="N", help="Of a network for any optics, the turn to export, from 1."
)
def export(model: str, optics: str, field_nm: float | None, out: Path, force: bool, turn: int | None) -> None:
    """Write a trained network as ONNX or as a torch.export program, for the field of the optics, and check it.

    Input: targets (B, 1, h, w), area coverage on the network's target pixel. Output: logits (B, H, W) on its mask
    pixel; the mask has shapes where they are positive. Of a network that looks through the simulator, the network of
    one turn is written alone.

    Example: litho-dl export --model unet --optics iccad13-like --out unet.onnx
    """
    from litho_dl.generators.export import export_generator
    from litho_dl.generators.model import load_generator, read_generator
    from litho_dl.process.files import read_optics

    read = read_optics(optics, field_nm=field_nm)
    generator = read_generator(model)
    sees = generator.card.recipe.sees_optics
    generator = replace(generator, scale=read.scale) if sees else load_generator(model, read, force=force)
    difference = export_generator(generator, read.field_nm, out, turn=turn)
    name = generator.card.recipe.network
    what = f"{generator.pixel_nm:g} nm targets to {generator.mask_pixel_nm:g} nm masks"
    if turn is not None:
        what = f"inputs of turn {turn} to the change of its logits, on {generator.pixel_nm:g} nm,"
    click.echo(
        f"{out}: {name}, {what} on "
        f"{read.field_nm[0]:g} x {read.field_nm[1]:g} nm; logits agree with the network's to {difference:.1e}"
    )
