"""Source-mask optimisation: a trainable source, and its masks compared with those of the recipe's source."""

from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Any

import torch

from litho_dl.core.errors import RecipeError
from litho_dl.core.progress import progress_bar
from litho_dl.ilt.method import Method, load_method
from litho_dl.ilt.solve import Solution, Status
from litho_dl.layout.clips import Clip
from litho_dl.optics.source import sample_source
from litho_dl.process.model import ProcessModel
from litho_dl.runs.files import warn_of_divergence, write_clip
from litho_dl.runs.optimize import score_masks, solve
from litho_dl.runs.pictures import Pictures
from litho_dl.runs.tables import SCORES
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.simulator import Simulator
from litho_dl.simulation.source_simulator import SourceSimulator, Symmetry


def load_methods(method: str, mask_method: str | None) -> tuple[Method, Method]:
    """Loads the methods of a source-mask optimisation.

    Args:
        method: Method of the joint optimisation; a name or a .toml file.
        mask_method: Method of the final masks; None: the same.

    Returns:
        Both methods.

    Raises:
        RecipeError: A method cannot be loaded, or the first does not optimise the source.
    """
    joint = load_method(method)
    if joint.source_learning_rate == 0:
        raise RecipeError(
            f"Expected a method with source_learning_rate > 0, got {method} with 0, which leaves the source as it is; "
            f"take smo, or set it in a .toml file."
        )
    return joint, joint if mask_method is None else load_method(mask_method)


def trainable_source(process: ProcessModel, *, samples: int, symmetry: Symmetry, fill: float) -> SourceSimulator:
    """A simulator with a trainable source that starts from the recipe's.

    Args:
        process: Built from a recipe.
        samples: Pixels of the source map on a side.
        symmetry: `xy`: mirrored in both axes; or `none`.
        fill: Least pupil fill, in (0, 1).

    Returns:
        The simulator with that source.

    Raises:
        KernelError, RecipeError: As `SourceSimulator`.
    """
    return SourceSimulator(process, samples=samples, symmetry=symmetry, minimum_fill=fill)


def compare(
    clips: Sequence[Clip],
    processes: dict[str, ProcessModel],
    method: Method,
    device: torch.device,
    out: Path,
    title: str | None,
) -> dict[str, Any]:
    """Optimises and scores the masks of clips for each source; writes the masks of the first one.

    Args:
        clips: The clips.
        processes: Processes with different sources, by name.
        method: ILT method of the masks.
        device: Device to compute on.
        out: Folder to write to.
        title: Title of the clips' pictures; None: no pictures.

    Returns:
        `clips`, an entry for each source and clip, and `status`.

    Raises:
        OutputError: A file cannot be written.
    """
    rows: list[dict[str, Any]] = []
    pictures = None if title is None else Pictures(next(iter(processes.values())).resist.threshold, title)
    status: Status = "finished"
    for index, (name, process) in enumerate(processes.items()):
        with progress_bar(f"Solving masks, {name} source") as advance:
            simulator = Simulator(process).to(device)
            solution = solve(simulator, clips, method, advance)
        for scored in score_masks(simulator, clips, solution, PROTOCOLS["default"].scaled(simulator.scale)):
            written = write_clip(scored, out, pictures) if index == 0 else {}
            rows.append({"source": name, **written, **_scores(scored.evaluation.scorecard)})
            rows[-1]["solve_seconds_per_clip"] = solution.seconds / len(clips)
        warn_of_divergence(solution, [clip.name for clip in clips])
        if solution.status != "finished":
            status = solution.status
        if status == "interrupted":
            break
    return {"clips": rows, "status": status}


def _scores(card: Scorecard) -> dict[str, Any]:
    """The scores, with the NILS at top level."""
    return {**card.as_dict(), "nils": card.edges.nils if card.edges else None}


def draw_sources(out: Path, process: ProcessModel, simulator: SourceSimulator, solution: Solution, method: str) -> None:
    """Draws the sources before and after as OUT/source.png, and the joint run as OUT/convergence.png and .csv.

    Args:
        out: Folder to write to.
        process: The process with the recipe's source.
        simulator: The simulator with the optimised source.
        solution: The joint run.
        method: Name of its method, for the titles.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.runs.pictures import draw_convergence
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.optics import sources_figure

    assert process.recipe is not None
    before = sample_source(process.recipe.source, process.recipe.source_samples(process.field_nm))
    after = simulator.source()
    panels = [("Recipe", before.points, before.weights), ("Optimised", after.points, after.weights)]
    save_figure(sources_figure(panels, title=f"Source, {method}"), out / "source.png")
    draw_convergence(out / "convergence.png", solution, f"Convergence, source and masks, {method}")


def source_table(rows: Sequence[dict[str, Any]]) -> str:
    """The scores as text: one line for each clip and source, and the mean of each source."""
    keys = {**SCORES, "nils": "NILS"}
    names = list(dict.fromkeys(row["source"] for row in rows))
    clips = list(dict.fromkeys(row["clip"] for row in rows))
    width = max(len("mean"), *map(len, clips))
    lines = [f"{'clip':<{width}}  {'source':<9}" + "".join(f"{title:>12}" for title in keys.values())]

    def line(label: str, source: str, chosen: list[dict[str, Any]]) -> str:
        known = {key: [row[key] for row in chosen if row[key] is not None] for key in keys}
        means = {key: sum(values) / len(values) if values else nan for key, values in known.items()}
        cells = "".join(f"{value:>12,.2f}" if key == "nils" else f"{value:>12,.0f}" for key, value in means.items())
        return f"{label:<{width}}  {source:<9}{cells}"

    for clip in clips:
        lines += [line(clip, row["source"], [row]) for row in rows if row["clip"] == clip]
    if len(clips) > 1:
        lines += [line("mean", name, [row for row in rows if row["source"] == name]) for name in names]
    return "\n".join(lines)
