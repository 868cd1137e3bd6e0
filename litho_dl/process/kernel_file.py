"""Process models on disk, as safetensors files."""

import json
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from litho_dl.core.errors import KernelError, LithoError
from litho_dl.core.io import atomic_path, plain_file
from litho_dl.core.settings import Positive
from litho_dl.core.stored import Stored, checked, parse_json
from litho_dl.optics.kernels import SocsKernels, Tail
from litho_dl.optics.mask import MaskType
from litho_dl.process.chemistry import AnyResist
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.process.recipe import Recipe

FORMAT = "litho_dl.kernels/1"


def save_kernels(path: str | Path, process: ProcessModel) -> None:
    """Writes a process model as safetensors, with the recipe and all settings in the metadata.

    Args:
        path: The file.
        process: The process model.

    Raises:
        OutputError: The file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, kernels in process.kernels.items():
        # Copies, because the format refuses tensors that share memory, as two names of one kernel set would.
        tensors[f"{name}.spectra"] = torch.view_as_real(kernels.spectra.resolve_conj().clone()).contiguous()
        tensors[f"{name}.weights"] = kernels.weights.clone().contiguous()
        if kernels.tail is not None:
            linear, root, disc = kernels.tail
            tensors[f"{name}.tail.linear"] = torch.view_as_real(linear.resolve_conj().clone()).contiguous()
            tensors[f"{name}.tail.root"] = torch.view_as_real(root.resolve_conj().clone()).contiguous()
            tensors[f"{name}.tail.disc"] = disc.clone().contiguous()
        if kernels.polarized is not None:
            tensors[f"{name}.polarized"] = torch.view_as_real(kernels.polarized.resolve_conj().clone()).contiguous()
    first = next(iter(process.kernels.values()))
    errors = {name: kernels.edge_error_nm for name, kernels in process.kernels.items()}
    settings = {
        "field_nm": first.field_nm,
        "mask_pixel_nm": first.mask_pixel_nm,
        "discarded_energy": {name: kernels.discarded_energy for name, kernels in process.kernels.items()},
        **({"ends_nm": first.ends_nm} if first.ends_nm is not None else {}),
        **({"edge_error_nm": errors} if any(error is not None for error in errors.values()) else {}),
        "mask": process.mask.model_dump(),
        "resist": process.resist.model_dump(),
        "corners": {name: corner._asdict() for name, corner in process.corners.items()},
        "recipe": process.recipe.model_dump(mode="json") if process.recipe else None,
    }
    with atomic_path(path) as temporary:
        # One entry, because safetensors writes several in any order, and the same kernels must give the same bytes.
        temporary.write_bytes(save(tensors, metadata={FORMAT: json.dumps(settings)}))


def load_kernels(path: str | Path) -> ProcessModel:
    """Reads a file of `save_kernels`.

    Raises:
        KernelError: The file is missing, damaged, or of another format.
    """
    path = plain_file(path, KernelError)
    if not path.is_file():
        raise KernelError(f"{path}: no such file.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if FORMAT not in metadata:
                raise KernelError(
                    f"{path}: expected a kernel file of format {FORMAT}, got {', '.join(metadata) or 'no settings'}; "
                    f"make one with litho-dl kernels build or import."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        table = parse_json(metadata[FORMAT], str(path), KernelError)
        return _assemble(checked(_Settings, table, str(path), KernelError), tensors)
    except LithoError as error:
        raise KernelError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    except OSError as error:
        raise KernelError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:  # tensors that are missing or misshapen
        raise KernelError(f"{path}: the kernel file is damaged ({type(error).__name__}: {error}).") from error


class _Corner(Stored):
    """The stored form of a `Corner`."""

    dose: Positive
    kernels: str


class _Settings(Stored):
    """The metadata of a kernel file."""

    field_nm: tuple[Positive, Positive]
    mask_pixel_nm: Annotated[float, Field(ge=0)]
    discarded_energy: dict[str, float | None]
    ends_nm: Positive | None = None
    edge_error_nm: dict[str, float | None] = Field(default_factory=dict)
    mask: MaskType
    resist: AnyResist
    corners: dict[str, _Corner]
    recipe: Recipe | None


def _assemble(settings: _Settings, tensors: dict[str, Tensor]) -> ProcessModel:
    kernels = {
        name: SocsKernels(
            _complex(tensors[f"{name}.spectra"]),
            tensors[f"{name}.weights"],
            settings.field_nm,
            settings.mask_pixel_nm,
            discarded,
            _tail(tensors, name),
            settings.edge_error_nm.get(name),
            settings.ends_nm,
            _complex(tensors[f"{name}.polarized"]) if f"{name}.polarized" in tensors else None,
        )
        for name, discarded in settings.discarded_energy.items()
    }
    corners = {name: Corner(corner.dose, corner.kernels) for name, corner in settings.corners.items()}
    return ProcessModel(kernels, settings.mask, settings.resist, corners, settings.recipe)


def _tail(tensors: dict[str, Tensor], name: str) -> Tail | None:
    if f"{name}.tail.linear" not in tensors:
        return None
    linear, root = (_complex(tensors[f"{name}.tail.{part}"]) for part in ("linear", "root"))
    return Tail(linear, root, tensors[f"{name}.tail.disc"])


def _complex(pairs: Tensor) -> Tensor:
    """Pairs of reals as complex numbers; copied, as some operations crash on numbers that straddle 16 bytes."""
    return torch.view_as_complex(pairs.clone())
