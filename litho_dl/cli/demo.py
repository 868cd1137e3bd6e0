"""litho-dl demo: the main job, from layouts to masks, pictures and a score table."""

from pathlib import Path
from typing import Any

import click

from litho_dl.cli.options import built, device_option, report_option
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
    help="Folder for what is written.",
)
@click.option(
    "--layouts",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("layouts"),
    show_default=True,
    help="The repository's layouts.",
)
@device_option
@report_option
def demo(out: Path, layouts: Path, device: str) -> None:
    """Optimise layouts that ship with the repository, and compare with printing them as drawn; then make a few pairs.

    Writes OUT/scores.md, OUT/gallery.png, pictures of the optics, and for each clip its mask (.png, .oas) and picture;
    and the data set OUT/pairs of four generated clips with their picture OUT/pairs.png.
    """
    import torch

    from litho_dl.cli.kernels import draw_kernels
    from litho_dl.cli.optimize import layout_settings, write_clip, write_run
    from litho_dl.core.device import resolve_device
    from litho_dl.core.io import require_writable_folder, write_text
    from litho_dl.ilt.method import load_method
    from litho_dl.layout.clips import MASK_FILE_PIXEL_NM, load_clip
    from litho_dl.process.files import read_optics
    from litho_dl.runs.optimize import default_protocol, scored, solve_clips
    from litho_dl.runs.pictures import clip_images, draw_gallery
    from litho_dl.scoring.evaluate import evaluate
    from litho_dl.simulation.simulator import Simulator

    require_writable_folder(out)
    paths = [layouts / f"{name}.glp" for name in CLIPS]
    if not all(path.is_file() for path in paths):
        raise LayoutError(
            f"{layouts}: expected the repository's layouts there; run in a checkout, or pass --layouts. "
            "Without one, draw clips (litho-dl clips generate) and optimise these."
        )
    read = read_optics(OPTICS)
    clips = [load_clip(path, read.field_nm) for path in paths]
    process = built(read)
    protocol = default_protocol(process)
    draw_kernels(process, out, OPTICS)
    with progress_bar(f"Optimising {len(clips)} clips") as advance:
        solution = solve_clips(clips, process, load_method(METHOD), resolve_device(device), advance).require_finished()
    simulator = Simulator(process, dtype=torch.float64)
    results, drawn, gallery = [], [], []
    for optimized in scored(clips, solution, process, protocol):
        clip, evaluation = optimized.clip, optimized.evaluation
        results.append(write_clip(optimized, process, out, METHOD))
        as_drawn = evaluate(clip.coverage(MASK_FILE_PIXEL_NM), MASK_FILE_PIXEL_NM, clip.placed, simulator, protocol)
        drawn.append(as_drawn.scorecard.as_dict())
        images = clip_images(evaluation, optimized.mask)
        gallery.append((clip.name, images, evaluation.scorecard, evaluation.violations_nm))
    settings = {**layout_settings(paths), "optics": OPTICS, "method": METHOD}
    write_run(out, results, solution, settings, figures=True)
    draw_gallery(out / "gallery.png", gallery, f"{METHOD} on {OPTICS}")
    table = markdown_table(drawn, results)
    write_text(out / "scores.md", f"# {METHOD} on {OPTICS}\n\n{table}\n")
    click.echo(
        f"{table}\n\n{solution.seconds / len(clips):.2f} s a clip on {solution.mask.device}; see {out}/gallery.png"
    )
    make_pairs(out, device)


def make_pairs(out: Path, device: str) -> None:
    """A data set of four generated clips, and its picture."""
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


def markdown_table(drawn: list[dict[str, Any]], optimized: list[dict[str, Any]]) -> str:
    """Scores before and after, one row a clip, and their mean."""
    keys = {"l2_nm2": "L2 nm²", "pvb_nm2": "PVB nm²", "epe_violations": "EPE", "shots": "shots"}
    rows = [[o["clip"], *(d[k] for k in keys), *(o[k] for k in keys)] for d, o in zip(drawn, optimized, strict=True)]
    means = [sum(column) / len(rows) for column in zip(*(row[1:] for row in rows), strict=True)]
    titles = ["clip", *(f"{title}, drawn" for title in keys.values()), *(f"{title}, mask" for title in keys.values())]
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    lines += [[row[0], *(f"{value:,.0f}" for value in row[1:])] for row in [*rows, ["mean", *means]]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
