"""litho-dl demo: from layouts to masks, pictures and a score table."""

from pathlib import Path

import click

from litho_dl.cli.options import built, command_line, device_option, own, report_option
from litho_dl.core.errors import LayoutError
from litho_dl.core.progress import progress_bar

OPTICS, METHOD = "duv193-immersion-annular", "fast"
CLIPS = ("metal_01", "metal_04", "metal_07", "metal_10", "via_01", "via_04", "via_07", "via_10")


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder to write to.",
)
@click.option(
    "--layouts",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("layouts"),
    show_default=True,
    help="Folder of the repository's layouts.",
)
@device_option
@report_option
def demo(out: Path, layouts: Path, device: str) -> None:
    """Optimise layouts that ship with the repository, and compare with printing them as drawn; then make a few pairs.

    Writes OUT/scores.md, OUT/gallery.png, pictures of the optics, and for each clip its mask (.png, .oas) and picture;
    and the data set OUT/pairs of four generated clips with their picture OUT/pairs.png.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.io import write_text
    from litho_dl.layout.clips import load_clip
    from litho_dl.layout.file_pixel import file_pixel_nm
    from litho_dl.process.files import read_optics
    from litho_dl.runs.files import layout_settings, write_clip, write_run
    from litho_dl.runs.optics import draw_kernels
    from litho_dl.runs.optimize import score_masks, solve
    from litho_dl.runs.pictures import Pictures, clip_images, draw_gallery
    from litho_dl.runs.tables import before_and_after
    from litho_dl.scoring.evaluate import evaluate_mask
    from litho_dl.scoring.protocol import default_protocol
    from litho_dl.simulation.simulator import Simulator

    own(out)
    paths = [layouts / f"{name}.glp" for name in CLIPS]
    if not all(path.is_file() for path in paths):
        raise LayoutError(
            f"{layouts}: expected the repository's layouts there; run in a checkout, or pass --layouts. "
            "Without one, generate clips (litho-dl clips generate) and optimise these."
        )
    read = read_optics(OPTICS)
    clips = [load_clip(path, read) for path in paths]
    chosen = resolve_device(device)
    process = built(read)
    protocol = default_protocol(process)
    draw_kernels(process, out, OPTICS)
    simulator = Simulator(process).to(chosen)
    with progress_bar(f"Optimising {len(clips)} clips") as advance:
        solution = solve(simulator, clips, METHOD, advance).require_finished()
    precise = simulator.in_double()
    pictures = Pictures(process.resist.threshold, METHOD)
    results, drawn, gallery = [], [], []
    for scored in score_masks(simulator, clips, solution, protocol):
        clip, evaluation = scored.clip, scored.evaluation
        results.append(write_clip(scored, out, pictures))
        coverage = clip.coverage(file_pixel_nm(clip))
        as_drawn = evaluate_mask(coverage, file_pixel_nm(clip), clip.placed, precise, protocol)
        drawn.append(as_drawn.scorecard.as_dict())
        images = clip_images(evaluation, scored.mask, aerial=False)
        gallery.append((clip.name, images, evaluation.scorecard, evaluation.violations_nm))
    settings = {**layout_settings(paths), "optics": OPTICS, "method": METHOD}
    write_run(out, command_line(), results, solution, settings, pictures)
    draw_gallery(out / "gallery.png", gallery, f"{METHOD} on {OPTICS}")
    table = before_and_after(drawn, results)
    write_text(out / "scores.md", f"# {METHOD} on {OPTICS}\n\n{table}\n")
    click.echo(
        f"{table}\n\n{solution.seconds / len(clips):.2f} s a clip on {solution.mask.device}; see {out}/gallery.png"
    )
    make_pairs(out, device)


def make_pairs(out: Path, device: str) -> None:
    """Makes a data set of four generated clips, and its picture.

    Args:
        out: Folder to write to.
        device: Name of the device.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.pairs.build import build
    from litho_dl.pairs.pictures import draw_pairs
    from litho_dl.pairs.recipe import load_dataset_recipe

    with progress_bar("Making pairs of generated clips") as advance:
        recipe = load_dataset_recipe("demo")
        manifest = build(
            recipe,
            out / "pairs",
            device=str(resolve_device(device)),
            on_progress=lambda p: advance(p.done, p.total, ""),
        )
    draw_pairs(out / "pairs.png", out / "pairs", manifest)
    click.echo(f"{manifest.pairs} training pairs of generated clips: {out}/pairs, see {out}/pairs.png")
