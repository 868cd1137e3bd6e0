"""The clips that methods and networks are compared on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from litho_dl.core.progress import progress_bar
from litho_dl.ilt.method import Method
from litho_dl.layout.clips import Clip, load_clip
from litho_dl.runs.masks import Masks
from litho_dl.runs.optimize import ClipSolution, ScoredMask, score_masks, solve
from litho_dl.scoring.evaluate import RasterConvention
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
SUITES = ("iccad13", "layouts")
LAYOUTS_OPTICS = "duv193-immersion-annular"


@dataclass(frozen=True, eq=False)
class Suite:
    """Clips of one process, and how they are scored.

    Attributes:
        name: What tables call it.
        optics: The process, as it was asked for.
        simulator: The process, on the device to compute on.
        clips: The clips.
        protocol: A protocol's name.
        rasters: How target pixels are counted, each in a row of its own.
    """

    name: str
    optics: str
    simulator: Simulator
    clips: list[Clip]
    protocol: str
    rasters: tuple[RasterConvention, ...] = ("exact",)

    def solved(self, method: str | Path | Method, title: str) -> ClipSolution:
        """Masks of all clips, optimised as one batch; `title` stands before the progress bar."""
        with progress_bar(f"{title} on {self.name}") as advance:
            return solve(self.simulator, self.clips, method, advance).require_finished()

    def scored(self, masks: Masks, raster: RasterConvention = "exact") -> Iterator[ScoredMask]:
        """Scores one mask a clip, by the suite's protocol."""
        return score_masks(self.simulator, self.clips, masks, PROTOCOLS[self.protocol], raster=raster)


def load_suite(name: str, data: Path, optics: str | None = None) -> Suite:
    """The ten contest clips with the contest's kernels, or our own layouts with our own optics, or others as given."""
    if name == "iccad13":
        if not (data / "layouts").is_dir():
            raise click.ClickException(f"{data}: no contest data (layouts, kernels, scales) there; pass --data.")
        paths = sorted((data / "layouts").glob("*.glp"), key=lambda path: int(path.stem.removeprefix("M1_test")))
        optics = optics or str(data)
    else:
        paths, optics = sorted((ROOT / "layouts").glob("*.glp")), optics or LAYOUTS_OPTICS
    simulator = Simulator(optics)
    clips = [load_clip(path, simulator) for path in paths]
    if name == "iccad13":
        return Suite(name, optics, simulator, clips, "iccad13", ("exact", "inclusive"))  # published tables mix them
    return Suite(name, optics, simulator, clips, "default")
