"""The clips that methods, networks and given masks are compared on, and how they are scored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from litho_dl.core.progress import progress_bar
from litho_dl.ilt.method import Method
from litho_dl.layout.clips import Clip
from litho_dl.layout.rules import MaskRules
from litho_dl.report.published import CONTEST_CLIPS
from litho_dl.runs.masks import Masks
from litho_dl.runs.optimize import ClipSolution, ScoredMask, score_masks, solve
from litho_dl.scoring.evaluate import RasterConvention
from litho_dl.scoring.protocol import PROTOCOLS, Protocol, default_protocol
from litho_dl.simulation.simulator import Simulator


@dataclass(frozen=True, eq=False)
class Suite:
    """Clips of one process, and how their masks are scored.

    Attributes:
        name: The suite's name in tables.
        optics: The process, as given by the user.
        simulator: The process, on the device to compute on.
        clips: The clips, of different names.
        protocol: How masks are scored.
        rasters: How the targets' pixels are counted, each in a row of its own.
    """

    name: str
    optics: str
    simulator: Simulator
    clips: list[Clip]
    protocol: Protocol
    rasters: tuple[RasterConvention, ...] = ("exact",)

    def solved(self, method: str | Path | Method, title: str) -> ClipSolution:
        """Optimises the masks of all clips as one batch; `title` stands before the progress bar.

        Raises:
            KeyboardInterrupt: Ctrl-C ended the optimisation.
        """
        with progress_bar(f"{title} on {self.name}") as advance:
            return solve(self.simulator, self.clips, method, advance).require_finished()

    def scored(
        self, masks: Masks, raster: RasterConvention = "exact", clips: Sequence[Clip] | None = None
    ) -> Iterator[ScoredMask]:
        """Scores one mask a clip, in the order of the clips; default all clips of the suite."""
        several = self.clips if clips is None else clips
        return score_masks(self.simulator, several, masks, self.protocol, raster=raster)

    @property
    def is_contest(self) -> bool:
        """True for the ten clips of the ICCAD 2013 contest under imported kernels, which published rows belong to."""
        names = {clip.name for clip in self.clips}
        return self.protocol.name == "iccad13" and self.simulator.process.recipe is None and names == CONTEST_CLIPS


def suite_of(
    optics: str, simulator: Simulator, clips: list[Clip], protocol: str | None, rules: MaskRules | None
) -> Suite:
    """The suite of a user's clips; on the contest's clips both rasters count, as published tables mix them.

    Args:
        optics: The process, as given by the user.
        simulator: The process, on the device to compute on.
        clips: The clips.
        protocol: A protocol's name; None: the default for the process.
        rules: Mask rules to count; None: the protocol's.

    Raises:
        KernelError: The process lacks a corner that scoring needs.
    """
    own = default_protocol(simulator.process) if protocol is None else PROTOCOLS[protocol].scaled(simulator.scale)
    suite = Suite("clip" if len(clips) == 1 else f"{len(clips)} clips", optics, simulator, clips, own.counting(rules))
    return replace(suite, rasters=("exact", "inclusive")) if suite.is_contest else suite
