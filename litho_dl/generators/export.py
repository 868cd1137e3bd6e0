"""Export of generators for programs without this package, as `torch.export` programs or ONNX models."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
CARD = "litho_dl.card"
TOLERANCE = 1e-4  # largest error of the logits, over the largest logit


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
        The largest difference between the logits of the file and of the network, over the largest logit.

    Raises:
        GridMismatchError: The field does not fit the network.
        CheckpointError: The network does not generate masks, there is no such turn, or the file's logits differ; no
            file is left then.
        LithoError: Another suffix, or ONNX is not installed.
    """
    generator.require_masks()
    path, _recipe = Path(path), generator.card.recipe
    if path.suffix not in (TORCH, ONNX):
        raise LithoError(f"{path}: expected a file ending in {TORCH} or {ONNX}.")
    shape = Grid.of_field(field_nm, generator.pixel_nm).shape
    module, channels = _exported_part(generator, turn)
    card = generator.card.model_dump_json()
    targets = torch.rand(3, channels, *shape, generator=torch.Generator().manual_seed(0)).round()
    expected = module(targets)
    with atomic_path(path) as temporary, _without_warnings():
        program = torch.export.export(module, (targets[:2],), dynamic_shapes=({0: Dim("batch")},))
        actual = (_write_torch if path.suffix == TORCH else _write_onnx)(program, temporary, targets, card)
        difference = float((actual - expected).abs().max() / expected.abs().max())
        if not difference <= TOLERANCE:
            raise CheckpointError(
                f"{path}: expected the network's logits to {TOLERANCE:g}, got a difference of {difference:.2g}; "
                f"nothing was written."
            )
    return difference


def _exported_part(generator: Generator, turn: int | None) -> tuple[nn.Module, int]:
    """The module to write, and the channels of its input."""
    weights, name = generator.weights, generator.card.recipe.network
    if not isinstance(weights, Unrolled):
        if turn is not None:
            raise CheckpointError(f"{generator.origin}: expected a network of several turns, got {name}.")
        return MaskLogits(generator.network, generator.card.recipe.ratio).eval(), 1
    most = len(weights.turns)
    if turn is None or not 1 <= turn <= most:
        raise CheckpointError(
            f"{generator.origin}: {name} looks through the simulator before each of its {most} turns, which cannot be "
            f"exported; export the network of one turn (--turn 1 to {most}), and compute its inputs by litho_dl."
        )
    return weights.turns[turn - 1].eval(), FEATURES


def _write_torch(program: ExportedProgram, path: Path, targets: Tensor, card: str) -> Tensor:
    """Writes the program, and returns the logits that the file gives for some targets."""
    torch.export.save(program, path, extra_files={CARD: card})
    return torch.export.load(path).module()(targets)


def _write_onnx(program: ExportedProgram, path: Path, targets: Tensor, card: str) -> Tensor:
    """Writes the model, and returns the logits that the file gives for some targets in onnxruntime."""
    try:
        import onnxruntime

        model = torch.onnx.export(program, (), input_names=["target"], output_names=["logits"], verbose=False)
    except ImportError as error:
        raise LithoError(f"Expected ONNX, which is not installed ({error}); pip install 'litho-dl[onnx]'.") from error
    assert model is not None
    model.model.metadata_props[CARD] = card
    model.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"target": targets.numpy()})[0])


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
