"""The files of a run: the checkpoint `last.pt`, and `best.safetensors`, the weights of the best epoch."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from litho_dl import __version__
from litho_dl.core.errors import CheckpointError
from litho_dl.core.io import atomic_path, plain_file
from litho_dl.core.stored import parse_json
from litho_dl.core.tensor_file import load_tensors

LAST = "last.pt"
BEST = "best.safetensors"
FORMAT = "litho_dl.checkpoint/1"
WEIGHTS_FORMAT = "litho_dl.weights/1"


def save_checkpoint(path: Path, recipe: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Writes a checkpoint atomically.

    Args:
        path: The file.
        recipe: Plain values that identify the run; only a run with the same recipe is resumed from the checkpoint.
        state: State of networks, optimizers and so on; what `torch.load` reads with `weights_only`.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as temporary:
        torch.save({"format": FORMAT, "version": __version__, "recipe": recipe, "state": state}, temporary)


def load_checkpoint(path: Path, recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Reads the checkpoint of a run.

    Args:
        path: The file.
        recipe: The run's recipe, as in `save_checkpoint`.

    Returns:
        The state on the CPU; None if there is no file.

    Raises:
        CheckpointError: The file cannot be read, is damaged, not a checkpoint of this package, or of another recipe.
    """
    try:
        file = open(plain_file(path, CheckpointError), "rb")  # noqa: SIM115 - apart from reading, whose errors mean damage
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error
    try:
        with file:
            found = load_tensors(file)
    except Exception as error:  # torch raises whatever the damaged bytes lead to
        raise CheckpointError(
            f"{path}: expected a checkpoint, got a damaged file or another kind ({type(error).__name__}); "
            f"remove it to start over."
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        got = found.get("format", "no format") if isinstance(found, dict) else type(found).__name__
        shown = " ".join(str(got)[:60].split())
        raise CheckpointError(f"{path}: expected a checkpoint of format {FORMAT}, got {shown}; choose another folder.")
    if not (isinstance(found.get("recipe"), dict) and isinstance(found.get("state"), dict)):
        raise CheckpointError(f"{path}: expected a recipe and a state, got a damaged file; remove it to start over.")
    if difference := next(_differences(recipe, found["recipe"]), None):
        name, wanted, stored = difference
        raise CheckpointError(
            f"{path}: expected a run with {name} = {wanted}, got one with {stored}; restore the setting, or choose "
            f"another folder."
        )
    return found["state"]


def save_weights(
    path: Path, networks: nn.ModuleDict, metadata: Mapping[str, Any], *, half_precision: bool = False
) -> None:
    """Writes the weights of networks as safetensors.

    Args:
        path: The file.
        networks: The networks by name.
        metadata: Plain values stored in the file as JSON, such as the training recipe.
        half_precision: Store floating-point weights as float16.

    Raises:
        OutputError: The file cannot be written.
    """
    # Copies: the format refuses tensors that share memory or are not contiguous.
    tensors = {name: value.cpu().clone().contiguous() for name, value in networks.state_dict().items()}
    if half_precision:
        tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, {WEIGHTS_FORMAT: json.dumps({"version": __version__, **metadata})}))


def load_weights(path: str | Path, networks: nn.ModuleDict) -> dict[str, Any]:
    """Loads weights from a file into networks.

    Args:
        path: A file of `save_weights`.
        networks: The networks to fill; the file may contain others too.

    Returns:
        The file's metadata.

    Raises:
        CheckpointError: The file is missing, damaged, not of `save_weights`, or of other networks.
    """
    tensors, metadata = read_weights(path)
    wanted = {name: value for name, value in tensors.items() if name.split(".")[0] in networks}
    try:
        networks.load_state_dict(wanted)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: expected weights of another network ({one_line(error)}).") from error
    return metadata


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads a file of weights.

    Returns:
        The tensors by name, and the file's metadata.

    Raises:
        CheckpointError: The file is missing, damaged, or not of `save_weights`.
    """
    try:
        with safe_open(plain_file(path, CheckpointError), framework="pt") as file:
            metadata = file.metadata() or {}
            if WEIGHTS_FORMAT not in metadata:
                raise CheckpointError(f"{path}: expected weights of format {WEIGHTS_FORMAT}, got another file.")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        described = parse_json(metadata[WEIGHTS_FORMAT], str(path), CheckpointError, finite=False)
        if not isinstance(described, dict):
            raise CheckpointError(f"{path}: the file of weights is damaged (its metadata are {described!r:.40}).")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; training leaves its best weights in {BEST}.") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: the file of weights is damaged ({error}).") from error
    return tensors, described


def _differences(wanted: Any, stored: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yields the dotted name and both values of each entry in which two tables differ."""
    if isinstance(wanted, Mapping) and isinstance(stored, Mapping):
        for key in {**wanted, **stored}:
            yield from _differences(wanted.get(key), stored.get(key), f"{name}.{key}".removeprefix("."))
    elif wanted != stored:
        yield name, wanted, stored


def one_line(error: Exception) -> str:
    """An error's message on one line, cut to 200 characters."""
    return " ".join(str(error).split())[:200]
