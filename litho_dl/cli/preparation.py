"""What commands of clips do before their own work: read and check the input, build kernels, take the folder."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litho_dl.cli.options import Command, GivenRules, built, own

if TYPE_CHECKING:
    import torch

    from litho_dl.generators.model import Generator
    from litho_dl.layout.clips import Clip
    from litho_dl.process.files import Optics
    from litho_dl.scoring.protocol import Protocol
    from litho_dl.simulation.simulator import Simulator


@dataclass(frozen=True)
class RunInput:
    """The layouts of a run and the optics they are placed on, as given on the command line.

    Attributes:
        layouts: The files.
        optics: Name or path of the optics.
        field_nm: Side of the field; None: the optics'.
        layer: Layer; None: the only one.
        cell: Cell; None: the only top cell.
        window_nm: x0, y0, x1, y1 in the layouts' own coordinates; None: the whole layouts.
        allow_missing: Read on where cells are missing.
    """

    layouts: tuple[Path, ...]
    optics: str
    field_nm: float | None
    layer: str | None
    cell: str | None
    window_nm: tuple[float, float, float, float] | None
    allow_missing: bool

    def clips(self, optics: "Optics") -> "list[Clip]":
        """The layouts as clips on the field of optics; see `runs.files.load_clips`."""
        from litho_dl.runs.files import load_clips

        return load_clips(
            self.layouts,
            optics,
            layer=self.layer,
            cell=self.cell,
            window_nm=self.window_nm,
            allow_missing=self.allow_missing,
        )

    def settings(self) -> dict[str, Any]:
        """The layouts and the optics, for the summary of a run."""
        from litho_dl.runs.files import layout_settings

        return {**layout_settings(self.layouts, self.layer, self.cell, self.window_nm), "optics": self.optics}


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """What masks are made and scored with.

    Attributes:
        simulator: The simulator, on the device to compute on.
        protocol: How masks are scored.
    """

    simulator: "Simulator"
    protocol: "Protocol"

    @property
    def threshold(self) -> float:
        """Intensity at which the resist prints."""
        return self.simulator.process.resist.threshold


def with_run_input(command: Command) -> Command:
    """Passes LAYOUT... and what `layout_options` and `optics_option` read on as the `RunInput` `run_input`."""

    @functools.wraps(command)
    def gathered(
        *args: Any,
        layouts: tuple[Path, ...],
        optics: str,
        field_nm: float | None,
        layer: str | None,
        cell: str | None,
        window_nm: tuple[float, float, float, float] | None,
        allow_missing: bool,
        **rest: Any,
    ) -> None:
        run_input = RunInput(layouts, optics, field_nm, layer, cell, window_nm, allow_missing)
        command(*args, run_input=run_input, **rest)

    return gathered


def read_clips(run_input: RunInput, steps_nm: Mapping[str, float]) -> "tuple[Optics, list[Clip]]":
    """Reads the optics and the clips of a run, and checks that its masks can be made and scored; builds no kernels.

    Args:
        run_input: The input.
        steps_nm: Lengths of which the field must be a whole multiple, at a scale of 1, by what needs them, such as
            `method fast`.

    Returns:
        The optics, and one clip for each layout.

    Raises:
        LithoError: A file cannot be read or used.
        GridMismatchError: The field is no whole multiple of a length.
        MaskError: The mask technology cannot be scored.
    """
    from litho_dl.core.grid import require_steps
    from litho_dl.process.files import read_optics
    from litho_dl.scoring.protocol import PROTOCOLS

    optics = read_optics(run_input.optics, field_nm=run_input.field_nm)
    for needed_for, step_nm in steps_nm.items():
        require_steps(optics.field_nm, step_nm * optics.scale, needed_for)
    PROTOCOLS["default"].scaled(optics.scale).require(optics.field_nm, optics.mask)
    return optics, run_input.clips(optics)


def prepared_run(
    optics: "Optics", clips: "list[Clip]", out: Path, device: "torch.device", rules: GivenRules
) -> PreparedRun:
    """Builds the kernels, takes the folder of the run, and warns of clips that would be scored or printed wrongly.

    Args:
        optics: The optics, as read.
        clips: The clips, as read.
        out: The folder, which nothing else may write to until the command ends.
        device: Device to compute on.
        rules: Mask rules to count; those not given are the protocol's.

    Returns:
        The simulator and the protocol.

    Raises:
        KernelError: The kernels cannot be built, or the optics lack a corner that scoring needs.
        OutputError: Another run owns the folder, or it cannot be written.
    """
    from litho_dl.runs.border import warn_of_border
    from litho_dl.runs.files import warn_of_pixel_edges
    from litho_dl.scoring.protocol import default_protocol
    from litho_dl.simulation.simulator import Simulator

    process = built(optics)
    protocol = default_protocol(process).counting(rules.at(optics.scale))
    warn_of_pixel_edges(protocol, clips)
    own(out)
    warn_of_border(process, [clip.placed for clip in clips], optimised=True)
    return PreparedRun(Simulator(process).to(device), protocol)


def loaded_network(model: str, optics: "Optics", *, force: bool, turns: int | None = None) -> "Generator":
    """The network that `--model` names; one for any optics has their kernels built first, with a progress bar.

    Args:
        model: Name or file.
        optics: The optics.
        force: Take it even if it was trained for other optics.
        turns: Of a network for any optics; None: all.

    Raises:
        CheckpointError: As `load_generator`; or the network generates no masks.
    """
    from litho_dl.generators.model import load_generator, read_generator
    from litho_dl.generators.unrolled import SimulatedTurns, warn_of_resolution

    if read_generator(model).card.recipe.sees_optics and optics.mask.type != "alternating":
        built(optics)
    generator = load_generator(model, optics, force=force, turns=turns)
    generator.require_masks()
    if isinstance(generator.network, SimulatedTurns):
        warn_of_resolution(generator.network.simulator)
    return generator
