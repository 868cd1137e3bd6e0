"""Process models on disk: safetensors files of this package, and the kernel folder of the ICCAD 2013 contest."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from litho_dl.core.arguments import require_numbers
from litho_dl.core.errors import KernelError, LithoError
from litho_dl.core.grid import Grid
from litho_dl.core.io import atomic_path, plain_file
from litho_dl.core.settings import Positive
from litho_dl.core.stored import Stored, checked, parse_json
from litho_dl.core.tensor_file import load_tensors
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.mask import MaskType
from litho_dl.optics.socs import passed_half
from litho_dl.optics.source import sample_source
from litho_dl.process.identity import finest_period_nm, process_digest, recipe_digest
from litho_dl.process.model import Corner, ProcessModel, build_process
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.process.resist import Resist

FORMAT = "litho_dl.kernels/1"
CONTEST_FIELD_NM = 2048.0
CONTEST_RESIST = Resist(threshold=0.225)
# The contest varies the mask's amplitude by 2 %; the dose is its square.
CONTEST_CORNERS = {
    "nominal": Corner(1.0, "focus"),
    "outer": Corner(1.02**2, "focus"),
    "inner": Corner(0.98**2, "defocus"),
}


@dataclass(frozen=True, eq=False)
class Optics:
    """The optics that `--optics` names, read and checked; a recipe's kernels, which take seconds, are not built yet.

    Attributes:
        field_nm: (height, width) of the field.
        content: A recipe, or the process model of a kernel file.
    """

    field_nm: tuple[float, float]
    content: Recipe | ProcessModel

    @property
    def mask(self) -> MaskType:
        """The mask technology."""
        return self.content.mask

    @property
    def scale(self) -> float:
        """What lengths chosen for some 50 nm of resolution are multiplied by; see `Recipe`."""
        return self.content.scale

    @property
    def built(self) -> bool:
        """True if the kernels exist already."""
        return isinstance(self.content, ProcessModel) or "_built" in vars(self)

    def process(self) -> ProcessModel:
        """The process model; the kernels of a recipe are built by the first call."""
        return self.content if isinstance(self.content, ProcessModel) else self._built

    @cached_property
    def _built(self) -> ProcessModel:
        assert isinstance(self.content, Recipe)
        return build_process(self.content, field_nm=self.field_nm)

    def digest(self) -> str:
        """`process.identity.process_digest`; kernels are built only if the recipe reads files."""
        if isinstance(self.content, Recipe) and not self.content.reads_files:
            return recipe_digest(self.content)
        return process_digest(self.process())

    def finest_period_nm(self) -> float:
        """`process.identity.finest_period_nm`, without building kernels."""
        if isinstance(self.content, ProcessModel):
            return finest_period_nm(self.content)
        recipe = self.content
        sigma_max = sample_source(recipe.source, recipe.kernels.source_samples).sigma_max
        half = passed_half(recipe.pupil, sigma_max, self.field_nm)
        return min(side / count for side, count in zip(self.field_nm, half, strict=True))


def read_optics(optics: str | Path, *, field_nm: float | None = None) -> Optics:
    """Reads a recipe's name, a recipe .toml, an exported .safetensors, or a contest kernel folder.

    Args:
        optics: A name or a path of one of the four.
        field_nm: Side of the square field; recipes are built for it, kernel files must already have it. None: the
            recipe's or the file's own.

    Returns:
        The optics.

    Raises:
        RecipeError, KernelError: The optics cannot be found or read.
        GridMismatchError: The file's kernels belong to another field, or the field is not positive.
    """
    if not isinstance(optics, str | Path):
        raise KernelError(
            f"Expected a recipe's name or the path of a recipe, kernel file or folder, got {type(optics).__name__}."
        )
    require_numbers(field_nm=field_nm)
    path = Path(optics)
    if path.is_dir():
        process = import_contest(path)
    elif path.suffix == ".safetensors":
        process = load_kernels(path)
    else:
        recipe = load_recipe(optics)
        side = recipe.kernels.field_nm if field_nm is None else field_nm
        return Optics(Grid.of_field((side, side), side).field_nm, recipe)
    if field_nm is not None:
        next(iter(process.kernels.values())).require_field((field_nm, field_nm))
    return Optics(process.field_nm, process)


def load_process(optics: str | Path, *, field_nm: float | None = None) -> ProcessModel:
    """Reads optics as `read_optics` does, and builds the kernels of a recipe.

    Args:
        optics: As for `read_optics`.
        field_nm: As for `read_optics`.

    Returns:
        The process model.

    Raises:
        RecipeError, KernelError, GridMismatchError: As `read_optics`.
    """
    return read_optics(optics, field_nm=field_nm).process()


def import_contest(folder: str | Path) -> ProcessModel:
    """Reads `kernels/{focus,defocus}.pt` and `scales/{focus,defocus}.pt` as the ICCAD 2013 contest distributes them.

    The kernels keep their own scale (the image of a clear mask is 0.95). The process is that of the contest: threshold
    0.225, mask amplitude +-2 %, defocus in the inner corner.

    Raises:
        KernelError: A file is missing, damaged or of another shape.
    """
    folder = Path(folder)
    kernels = {name: _contest_kernels(folder, name) for name in ("focus", "defocus")}
    return ProcessModel(kernels, MaskType(), CONTEST_RESIST, CONTEST_CORNERS)


def _contest_kernels(folder: Path, name: str) -> SocsKernels:
    spectra = _load_tensor(folder / "kernels" / f"{name}.pt")
    weights = _load_tensor(folder / "scales" / f"{name}.pt")
    if spectra.ndim != 3 or spectra.shape[0] != spectra.shape[1]:
        raise KernelError(
            f"{folder / 'kernels' / name}.pt: expected complex kernels (n, n, count), got {spectra.dtype} of shape "
            f"{tuple(spectra.shape)}."
        )
    try:
        return SocsKernels(spectra.permute(2, 0, 1), weights, (CONTEST_FIELD_NM,) * 2, mask_pixel_nm=1.0)
    except KernelError as error:
        raise KernelError(f"{folder}, {name}: {error}") from error


def _load_tensor(path: Path) -> Tensor:
    try:
        with open(plain_file(path, KernelError), "rb") as file:
            tensor = load_tensors(file)
    except FileNotFoundError:
        raise KernelError(
            f"{path}: no such file; a contest kernel folder holds kernels/ and scales/ with focus.pt and defocus.pt."
        ) from None
    except Exception as error:  # torch raises whatever the damaged bytes lead to
        raise KernelError(
            f"{path}: cannot be read as a tensor; the file is damaged ({type(error).__name__})."
        ) from error
    if not isinstance(tensor, Tensor):
        raise KernelError(f"{path}: expected a tensor, got {type(tensor).__name__}.")
    return tensor


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
    first = next(iter(process.kernels.values()))
    settings = {
        "field_nm": first.field_nm,
        "mask_pixel_nm": first.mask_pixel_nm,
        "discarded_energy": {name: kernels.discarded_energy for name, kernels in process.kernels.items()},
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
    mask: MaskType
    resist: Resist
    corners: dict[str, _Corner]
    recipe: Recipe | None


def _assemble(settings: _Settings, tensors: dict[str, Tensor]) -> ProcessModel:
    kernels = {
        name: SocsKernels(
            torch.view_as_complex(tensors[f"{name}.spectra"]),
            tensors[f"{name}.weights"],
            settings.field_nm,
            settings.mask_pixel_nm,
            discarded,
        )
        for name, discarded in settings.discarded_energy.items()
    }
    corners = {name: Corner(corner.dose, corner.kernels) for name, corner in settings.corners.items()}
    return ProcessModel(kernels, settings.mask, settings.resist, corners, settings.recipe)
