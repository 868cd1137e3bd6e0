"""Recipes: the whole optical and process setting of an experiment, as TOML."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from litho_dl.core.settings import Settings, read_toml, validated
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.source import SourceSpec
from litho_dl.process.resist import Resist

REQUIRED_CORNERS = ("nominal", "outer", "inner")


class RecipeCorner(Settings):
    """One process condition: dose (a factor on intensity) and distance from best focus."""

    dose: Annotated[float, Field(gt=0)]
    defocus_nm: float


class KernelSettings(Settings):
    """Numerical settings of the kernels: field, rank and source sampling (numbers, not physics).

    With `count` and `energy` both given, the smaller set is kept.
    """

    field_nm: Annotated[float, Field(gt=0)]
    source_samples: Annotated[int, Field(ge=3, le=501)]
    count: Annotated[int, Field(ge=1)] | None = None
    energy: Annotated[float, Field(gt=0, le=1)] | None = None


class Recipe(Settings):
    """One optical system with its process: what `--optics NAME` means."""

    description: str
    pupil: Pupil
    source: SourceSpec
    mask: MaskType = MaskType()
    resist: Resist
    corners: dict[str, RecipeCorner]
    kernels: KernelSettings

    def __repr__(self) -> str:
        return f"Recipe({self.description})"

    __str__ = __repr__

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in REQUIRED_CORNERS if name not in self.corners]
        if missing:
            raise ValueError(f"corners must hold {', '.join(REQUIRED_CORNERS)}; missing: {', '.join(missing)}")
        return self


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Loads a shipped recipe by name, or a recipe file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, folder = read_toml("optics", name_or_path)
    source = table.get("source")
    if folder is not None and isinstance(source, dict) and isinstance(source.get("file"), str):
        table = {**table, "source": {**source, "file": folder / source["file"]}}
    return validated(Recipe, table, origin)
