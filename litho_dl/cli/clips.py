"""litho-dl clips: random clips that keep design rules, and clips cut from a layout."""

import json
from collections import Counter
from pathlib import Path

import click

from litho_dl.cli.options import complete_names, json_option, layer_options, own, stacked
from litho_dl.core.progress import progress_bar
from litho_dl.runs.collection import Collection, collection_text

out_options = stacked(
    click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER_OR_LIBRARY",
        help="A folder, with one file a clip, or a library (.gds, .oas), with one cell a clip.",
    ),
    click.option(
        "--format",
        "suffix",
        type=click.Choice(["glp", "gds", "oas"]),
        default="glp",
        show_default=True,
        help="Format of the files in a folder.",
    ),
    click.option(
        "--figure",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Picture of some clips and their widths, spaces and densities.  [default: clips.png in the folder]",
    ),
)


@click.group()
def clips() -> None:
    """Generate random layout clips that keep design rules, or cut clips from a layout.

    Into a folder, writes NAME.glp (or .gds, .oas) for each clip, the table clips.csv and the picture clips.png. Into a
    library, writes a cell for each clip (read one by --cell NAME), and the table beside it.
    """


@clips.command()
@click.argument("family")
@click.option(
    "--rules",
    required=True,
    metavar="RULES",
    shell_complete=complete_names("rules"),
    help="Design rules: a name (see litho-dl recipes) or a .toml file.",
)
@click.option("--count", required=True, type=click.IntRange(min=1), help="Number of clips, no two of the same pattern.")
@click.option("--seed", required=True, type=click.IntRange(min=0), help="The same seed gives the same clips.")
@click.option("--extent", "extent_nm", required=True, type=float, metavar="NM", help="Side of a clip.")
@out_options
@json_option
def generate(
    family: str,
    rules: str,
    count: int,
    seed: int,
    extent_nm: float,
    out: Path,
    suffix: str,
    figure: Path | None,
    as_json: bool,
) -> None:
    """Generate random clips of FAMILY: metal, via, cell, structures or pads.

    Example: litho-dl clips generate metal --rules m1-45 --count 100 --seed 1 --extent 1280 --out runs/metal
    """
    from litho_dl.layout.design_rules import load_rules
    from litho_dl.layout.generate import unique_clips

    own(out.parent if out.suffix else out)
    collection = Collection(out, suffix, figure, extent_nm)
    redrawn = 0
    with progress_bar(f"Drawing {family} clips") as advance:
        for clip in unique_clips(family, load_rules(rules), seed, count, extent_nm):
            named = {"family": family, "rules": rules, "seed": clip.seed}
            collection.add(clip.layout, f"{family}_{clip.index:0{len(str(count - 1))}d}", clip.pattern_hash, named)
            redrawn += clip.attempt
            advance(clip.index + 1, count, clip.index + 1)
    result = collection.finish(family=family, rules=rules, seed=seed, redrawn=redrawn)
    click.echo(json.dumps(result, indent=2) if as_json else collection_text(result))


@clips.command()
@click.argument("layout", type=click.Path(path_type=Path))
@layer_options
@click.option("--window-size", "window_nm", required=True, type=float, metavar="NM", help="Side of a window.")
@click.option(
    "--stride", "stride_nm", required=True, type=float, metavar="NM", help="Step from one window to the next."
)
@click.option(
    "--least-coverage", type=float, default=0.0, show_default=True, help="Skip windows whose covered share is smaller."
)
@click.option(
    "--min-width",
    "min_width_nm",
    type=float,
    default=0.0,
    show_default=True,
    metavar="NM",
    help="Remove parts at the window's edge that are narrower.",
)
@out_options
@json_option
def cut(
    layout: Path,
    layer: str | None,
    cell: str | None,
    allow_missing: bool,
    window_nm: float,
    stride_nm: float,
    least_coverage: float,
    min_width_nm: float,
    out: Path,
    suffix: str,
    figure: Path | None,
    as_json: bool,
) -> None:
    """Cut LAYOUT into square windows at regular steps, each pattern once.

    Example: litho-dl clips cut chip.gds --layer 11/0 --window-size 1280 --stride 640 --min-width 65 --out runs/cut
    """
    from litho_dl.core.naming import require_name
    from litho_dl.layout.clips import file_stem
    from litho_dl.layout.windows import cut_windows

    stem = require_name(file_stem(layout), "the name of a layout")
    counts: Counter[str] = Counter()
    windows = cut_windows(
        layout,
        layer=layer,
        cell=cell,
        allow_missing=allow_missing,
        window_nm=window_nm,
        stride_nm=stride_nm,
        least_coverage=least_coverage,
        min_width_nm=min_width_nm,
        counts=counts,
    )
    own(out.parent if out.suffix else out)
    collection = Collection(out, suffix, figure, window_nm)
    with progress_bar(f"Cutting {stem}") as advance:
        for index, window in enumerate(windows):
            place = {"x0_nm": window.x0_nm, "y0_nm": window.y0_nm}
            collection.add(window.layout, f"{stem}_{index:05d}", window.pattern_hash, place)
            passed = index + 1 + sum(counts[reason] for reason in ("empty", "sparse", "duplicate"))
            advance(passed, counts["windows"], index + 1)
    skipped = {reason: counts[reason] for reason in ("empty", "sparse", "duplicate")}
    result = collection.finish(layout=str(layout), windows=counts["windows"], skipped=skipped)
    click.echo(json.dumps(result, indent=2) if as_json else collection_text(result))
