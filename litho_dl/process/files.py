"""The optics that a name or path stands for: recipes, kernel files, and the kernel folder of the ICCAD 2013 contest."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from litho_dl.core.arguments import require_numbers
from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.core.io import plain_file
from litho_dl.core.tensor_file import load_tensors
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.mask import MaskType
from litho_dl.optics.socs import passed_half
from litho_dl.optics.source import sample_source
from litho_dl.optics.spot import spot_half
from litho_dl.process.cache import cached_process
from litho_dl.process.identity import finest_period_nm, process_digest, recipe_digest
from litho_dl.process.kernel_file import load_kernels
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.process.resist import Resist

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
        return cached_process(self.content, self.field_nm)

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
        if recipe.pupil.imaging == "spot":
            half = spot_half(recipe.pupil, self.field_nm)
        else:
            sigma_max = sample_source(recipe.source, recipe.source_samples(self.field_nm)).sigma_max
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
