"""Export of generators for programs without this package, as `torch.export` programs or ONNX models."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from litho_dl.core.errors import CheckpointError, LithoError
from litho_dl.core.grid import Grid
from litho_dl.core.io import atomic_path
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import Generator
from litho_dl.models.unrolled import FEATURES, Unrolled

TORCH, ONNX = ".pt2", ".onnx"
CARD, TURN = "litho_dl.card", "litho_dl.turn"
TOLERANCE = 1e-4  # largest error of the output, over its largest value


class MaskLogits(nn.Module):
    """The exported module: target (B, 1, h, w), area coverage, to mask logits (B, H, W), positive in shapes.

    Args:
        network: Targets to logits on the network's pixel.
        ratio: Pixel of the network over that of the mask.
    """

    def __init__(self, network: nn.Module, ratio: int) -> None:
        super().__init__()
        self.network, self.ratio = network, ratio

    def forward(self, target: Tensor) -> Tensor:
        return mask_logits(self.network, target, self.ratio)


@torch.no_grad()
def export_generator(
    generator: Generator, field_nm: tuple[float, float], path: str | Path, *, turn: int | None = None
) -> float:
    """Writes a generator for one field and any batch size, with its model card as JSON under `CARD`.

    Args:
        generator: The generator, on the CPU.
        field_nm: (height, width) of the field.
        path: A file ending in .pt2 (`torch.export`) or .onnx.
        turn: Of a network for any optics, the turn to write, from 1: from what it sees (`unrolled.features`) to the
            change of its logits. The simulator between turns cannot be exported.

    Returns:
        The largest difference between the outputs of the file and of the network, over the largest output.

    Raises:
        GridMismatchError: The field does not fit the network.
        CheckpointError: The network does not generate masks, there is no such turn, or the file's logits differ; no
            file is left then.
        LithoError: Another suffix, or ONNX is not installed.
    """
    generator.require_masks()
    path = Path(path)
    if path.suffix not in (TORCH, ONNX):
        raise LithoError(f"{path}: expected a file ending in {TORCH} or {ONNX}.")
    shape = Grid.of_field(field_nm, generator.pixel_nm).shape
    part = _exported_part(generator, turn)
    inputs = torch.rand(3, part.channels, *shape, generator=torch.Generator().manual_seed(0)).round()
    expected = part.module(inputs)
    with atomic_path(path) as temporary, _without_warnings():
        program = torch.export.export(part.module, (inputs[:2],), dynamic_shapes=({0: Dim("batch")},))
        actual = (_write_torch if path.suffix == TORCH else _write_onnx)(program, temporary, inputs, part)
        difference = float((actual - expected).abs().max() / expected.abs().max())
        if not difference <= TOLERANCE:
            raise CheckpointError(
                f"{path}: expected the network's {part.output} to {TOLERANCE:g}, got a difference of {difference:.2g}; "
                f"nothing was written."
            )
    return difference


class _Part(NamedTuple):
    """The module to write, the channels of its input, names of input and output, and what the file says of it."""

    module: nn.Module
    channels: int
    input: str
    output: str
    notes: dict[str, str]


def _exported_part(generator: Generator, turn: int | None) -> _Part:
    """The whole of a network, or one turn."""
    notes = {CARD: generator.card.model_dump_json()}
    weights, name = generator.weights, generator.card.recipe.network
    if not isinstance(weights, Unrolled):
        if turn is not None:
            raise CheckpointError(f"{generator.origin}: expected a network of several turns, got {name}.")
        module = MaskLogits(generator.network, generator.card.recipe.ratio).eval()
        return _Part(module, 1, "target", "logits", notes)
    most = len(weights.turns)
    if turn is None or not 1 <= turn <= most:
        raise CheckpointError(
            f"{generator.origin}: {name} looks through the simulator before each of its {most} turns, which cannot be "
            f"exported; export the network of one turn (--turn 1 to {most}), and compute its inputs by litho_dl."
        )
    return _Part(weights.turns[turn - 1].eval(), FEATURES, "features", "change", {**notes, TURN: str(turn)})


def _write_torch(program: ExportedProgram, path: Path, inputs: Tensor, part: _Part) -> Tensor:
    """Writes the program, and returns what the file gives for some inputs."""
    torch.export.save(program, path, extra_files=part.notes)
    return torch.export.load(path).module()(inputs)


def _write_onnx(program: ExportedProgram, path: Path, inputs: Tensor, part: _Part) -> Tensor:
    """Writes the model, and returns what the file gives for some inputs in onnxruntime."""
    try:
        import onnxruntime

        model = torch.onnx.export(program, (), input_names=[part.input], output_names=[part.output], verbose=False)
    except ImportError as error:
        raise LithoError(f"Expected ONNX, which is not installed ({error}); pip install 'litho-dl[onnx]'.") from error
    assert model is not None
    model.model.metadata_props.update(part.notes)
    model.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {part.input: inputs.numpy()})[0])


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Suppresses the exporters' warnings about optional packages and deprecations."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        log.setLevel(before)
