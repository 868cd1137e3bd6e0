"""litho-dl compare: methods, networks and masks of other programs, side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import (
    GivenRules,
    built,
    command_line,
    complete_names,
    device_option,
    json_option,
    layout_options,
    mask_file_options,
    method_with,
    optics_option,
    out_option,
    own,
    report_option,
    rules_options,
    stacked,
)
from litho_dl.cli.preparation import RunInput, loaded_network, with_run_input

if TYPE_CHECKING:
    from litho_dl.comparison.candidates import Candidate
    from litho_dl.process.files import Optics

REFINING = "fast"
candidate_options = stacked(
    click.option(
        "--methods",
        metavar="NAMES",
        shell_complete=complete_names("ilt"),
        help="ILT methods: names (see litho-dl recipes) or .toml files, with commas between.",
    ),
    click.option(
        "--models",
        metavar="NAMES",
        shell_complete=complete_names("models"),
        help="Networks: names of packaged ones or files of litho-dl train, with commas between.",
    ),
    click.option(
        "--refine",
        "steps",
        type=click.IntRange(1),
        metavar="STEPS",
        help="Also each network's masks after STEPS steps of the method fast.",
    ),
    click.option(
        "--masks",
        "given",
        multiple=True,
        metavar="NAME=DIR",
        help="Masks that another program made: a row NAME, and a folder with a file for each LAYOUT, of its name (or "
        "NAME.mask) and any format: an image of the field (.png, .npy, .csv; first row = lowest y), or polygons.",
    ),
    mask_file_options,
    click.option("--force", is_flag=True, help="Use models even if they were trained for other optics."),
)


@click.command()
@click.argument("layouts", nargs=-1, required=True, metavar="LAYOUT...", type=click.Path(path_type=Path))
@candidate_options
@optics_option
@click.option(
    "--protocol",
    type=click.Choice(["iccad13", "default"]),
    help="How to score; see docs/protocols.md.  [default: iccad13 for contest kernels]",
)
@rules_options
@out_option
@layout_options
@device_option
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw clips side by side.")
@report_option
@json_option
@with_run_input
def compare(
    run_input: RunInput,
    protocol: str | None,
    rules: GivenRules,
    out: Path,
    device: str,
    figures: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Compare methods, networks and masks of other programs on LAYOUT...: one table, one picture, one report.

    Each has a folder OUT/NAME of masks, layers and scores; masks that are finished are not made again by the same
    command. Writes the table OUT/comparison.csv, .json and .md, and the picture OUT/comparison.png. On the ten contest
    clips under contest kernels the table has published rows too. One that fails is told; the others keep their rows.

    Example: litho-dl compare layouts/*.glp --methods fast,opc --masks mine=masks --optics iccad13-like --out runs/all
    """
    from litho_dl.comparison.files import write_comparison
    from litho_dl.comparison.results import as_text, mean_rows, notes, table_cells
    from litho_dl.comparison.run import compare as run_comparison
    from litho_dl.comparison.suite import suite_of
    from litho_dl.core.device import resolve_device
    from litho_dl.process.files import read_optics
    from litho_dl.runs import files
    from litho_dl.runs.border import warn_of_border
    from litho_dl.scoring.protocol import PROTOCOLS
    from litho_dl.simulation.simulator import Simulator

    resolved, name = resolve_device(device), Path(run_input.optics).name
    read = read_optics(run_input.optics, field_nm=run_input.field_nm)
    PROTOCOLS[protocol or "default"].scaled(read.scale).require(read.field_nm, read.mask)
    candidates = _candidates(read, rules, allow_missing=run_input.allow_missing, **chosen)
    clips = run_input.clips(read)
    own(out)
    process = built(read)
    warn_of_border(process, [clip.placed for clip in clips], optimised=True)
    suite = suite_of(name, Simulator(process).to(resolved), clips, protocol, rules.at(read.scale))
    files.warn_of_pixel_edges(suite.protocol, clips)
    command = command_line()
    try:
        found = run_comparison(suite, candidates, out, command, figures=figures)
    except KeyboardInterrupt:
        click.echo(f"{out} keeps the masks of what is finished; the same command continues from there.", err=True)
        raise
    settings = {**run_input.settings(), "optics": name, "protocol": suite.protocol.name}
    settings |= {"mask_rules": str(suite.protocol.rules), "device": str(resolved)}
    settings |= {"mask_field": suite.simulator.process.mask.field}
    write_comparison(found, out, command, settings, figures=figures)
    means = mean_rows(suite, found.rows)
    click.echo(
        json.dumps({"means": means, "clips": found.rows}, indent=2)
        if as_json
        else "\n".join([as_text(table_cells(suite, means)), "", *notes(suite, means)])
    )
    formats = [".csv", ".json", ".md", *[".png"] * figures]
    click.echo(f"Wrote {out / 'comparison'}{', '.join(formats[:-1])} and {formats[-1]}", err=as_json)
    if found.faults:
        raise SystemExit(1)


def _candidates(
    optics: "Optics",
    rules: GivenRules,
    *,
    allow_missing: bool,
    methods: str | None,
    models: str | None,
    steps: int | None,
    given: tuple[str, ...],
    mask_layer: str | None,
    mask_cell: str | None,
    force: bool,
) -> "list[Candidate]":
    """What to compare, read and checked."""
    from litho_dl.comparison.candidates import (
        GivenCandidate,
        MethodCandidate,
        NetworkCandidate,
        label_of,
        require_candidates,
    )
    from litho_dl.ilt.method import load_method

    if steps is not None and models is None:
        raise click.UsageError("--refine goes with --models.")
    found: list[Candidate] = []
    for name in methods.split(",") if methods else ():
        found.append(MethodCandidate(Path(name).stem, method_with(load_method(name), name, rules, optics.scale)))
    refining = None if steps is None else method_with(load_method(REFINING), REFINING, rules, optics.scale)
    for name in models.split(",") if models else ():
        generator, label = loaded_network(name, optics, force=force), label_of(name)
        found.append(NetworkCandidate(label, generator, scale=optics.scale))
        if refining is not None:
            found.append(NetworkCandidate(f"{label}+{steps}", generator, steps, refining, scale=optics.scale))
    for entry in given:
        name, equals, folder = entry.partition("=")
        if not (name and equals and folder):
            raise click.BadParameter(f"expected NAME=DIR, got {entry!r}.", param_hint="--masks")
        found.append(GivenCandidate(name, Path(folder), mask_layer, mask_cell, allow_missing))
    require_candidates(found)
    return found
