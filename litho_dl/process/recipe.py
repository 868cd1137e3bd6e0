"""Optics recipes: all optical and process settings of an experiment, as TOML."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from litho_dl.core.naming import FileName
from litho_dl.core.settings import Length, Settings, read_toml, validated
from litho_dl.optics.film import Film
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import SCALAR_FILM
from litho_dl.optics.source import Freeform, SourceSpec
from litho_dl.process.resist import Resist

REQUIRED_CORNERS = ("nominal", "outer", "inner")


class RecipeCorner(Settings):
    """One process condition.

    Attributes:
        dose: Factor on the intensity, from 0.01 to 100.
        defocus_nm: Distance from best focus, up to 0.1 mm.
    """

    dose: Annotated[float, Field(ge=0.01, le=100)]
    defocus_nm: Annotated[float, Field(ge=-1e5, le=1e5)]


class KernelSettings(Settings):
    """Numerical settings of the kernels, apart from the physics.

    With `count` and `energy` both given, the smaller set of kernels is kept.

    Attributes:
        field_nm: Side of the square field.
        source_samples: Sampling points of the source on a side, from 3 to 501.
        count: Kernels per focus.
        energy: Share of the energy that the kept kernels must hold, in (0, 1].
    """

    field_nm: Length
    source_samples: Annotated[int, Field(ge=3, le=501)]
    count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    energy: Annotated[float, Field(gt=0, le=1)] | None = None


class Recipe(Settings):
    """One optical system with its process, as named by `--optics`.

    Attributes:
        description: The recipe in one line.
        pupil: Wavelength, aperture, medium and aberrations.
        source: The illumination.
        mask: The mask technology.
        resist: The resist.
        corners: Process conditions by name, among them `nominal`, `outer` and `inner`; of these two, `outer` is the one
            whose dose prints more, whichever way they are named: the higher dose, in a clear field the lower.
        kernels: Numerical settings.
        film: Films on the wafer, whose resist holds the image; None: the image in the immersion medium.
        scale: What lengths that are chosen for a resolution of some 50 nm are multiplied by: the pixel of scores and of
            mask files (1 nm), the limit of EPE violations (15 nm), default mask rules (20 nm, 20 nm, 1000 nm^2), and
            all lengths of ILT methods.
    """

    description: str
    pupil: Pupil
    source: SourceSpec
    mask: MaskType = MaskType()
    resist: Resist
    corners: dict[FileName, RecipeCorner]
    kernels: KernelSettings
    film: Film | None = None
    scale: Annotated[float, Field(ge=0.01, le=1000)] = 1.0

    @model_serializer(mode="wrap")
    def _plain(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plain values, without a scale of 1, which is that of recipes from before there was the key."""
        table: dict[str, Any] = dump(self)
        if self.scale == 1:
            table.pop("scale", None)
        return table

    def __repr__(self) -> str:
        return f"Recipe({self.description})"

    __str__ = __repr__

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in REQUIRED_CORNERS if name not in self.corners]
        if missing:
            raise ValueError(f"corners must hold {', '.join(REQUIRED_CORNERS)}; missing: {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _imaging(self) -> Self:
        if self.pupil.imaging == "vector":
            return self
        polarized = sorted(self.source.polarizations - {"unpolarized"})
        if polarized:
            raise ValueError(
                f"source.polarization: scalar imaging has no polarisation, got {', '.join(polarized)}; "
                f'set imaging = "vector" in [pupil]'
            )
        if self.film is not None:
            raise ValueError(f"film: {SCALAR_FILM}")
        return self

    @property
    def reads_files(self) -> bool:
        """Whether a source map or a Jones pupil comes from a file, whose content the recipe does not hold."""
        return isinstance(self.source, Freeform) or self.pupil.jones is not None


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Loads a packaged recipe by name, or a recipe file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, folder = read_toml("optics", name_or_path)
    for part, key in (("source", "file"), ("pupil", "jones")):
        section = table.get(part)
        if folder is not None and isinstance(section, dict) and isinstance(section.get(key), str):
            table = {**table, part: {**section, key: folder / section[key]}}
    return validated(Recipe, table, origin)
