"""Optics recipes: all optical and process settings of an experiment, as TOML."""

import math
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from litho_dl.core.naming import FileName
from litho_dl.core.settings import Length, Positive, Settings, read_toml, validated
from litho_dl.optics.film import Film
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import SCALAR_FILM
from litho_dl.optics.source import Conventional, Freeform, SourceSpec
from litho_dl.process.chemistry import AnyResist, ChemicalResist

REQUIRED_CORNERS = ("nominal", "outer", "inner")
SPOT_SOURCE = Conventional(sigma=1.0)  # stands for a spot's incoherent light
FEWEST_SAMPLES, MOST_SAMPLES = 161, 501
ABSORPTION_TOLERANCE = 0.02  # between the resist's and the film's, as data sheets round them
WIDEST_BIAS = 0.25  # in lambda / NA
PERIODS = 1.25  # of the field, at which source points on a square grid light a mask coherently again


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

    Either the wanted accuracy is given, and the builder chooses samples and kernels, or their number: of `count` and
    `energy` both, the smaller set of kernels is kept. A spot has no kernels to choose, and the field alone.

    Attributes:
        field_nm: Side of the square field.
        source_samples: Sampling points of the source on a side, from 3 to 501; needed without `edge_error_nm`.
        edge_error_nm: How close to the exact image's 99 % of edges must lie (see `process.accuracy`). 0.25 nm at NA
            1.35 and 193 nm is 0.0017 lambda / NA.
        count: Kernels per focus.
        energy: Share of the energy that the kept kernels must hold, in (0, 1].
    """

    field_nm: Length
    source_samples: Annotated[int, Field(ge=3, le=MOST_SAMPLES)] | None = None
    edge_error_nm: Positive | None = None
    count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    energy: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        counted = self.count is not None or self.energy is not None
        if self.edge_error_nm is not None and counted:
            raise ValueError("give edge_error_nm, or count and energy; the accuracy decides how many kernels are kept")
        return self


class Recipe(Settings):
    """One optical system with its process, as named by `--optics`.

    Attributes:
        description: The recipe in one line.
        pupil: Wavelength, aperture, medium and aberrations.
        source: The illumination; left out of recipes with a spot.
        mask: The mask technology.
        resist: The resist: a threshold, or chemistry (`model = "chemical"`).
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
    resist: AnyResist
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
        if self.pupil.imaging == "spot":
            table.pop("source", None)
        return table

    def __repr__(self) -> str:
        return f"Recipe({self.description})"

    __str__ = __repr__

    def source_samples(self, field_nm: tuple[float, float] | None = None) -> int:
        """Cells of the source on a side: the recipe's, or as many as images on a field need to converge.

        Args:
            field_nm: (height, width) of the field; None: the recipe's.
        """
        if self.kernels.source_samples is not None:
            return self.kernels.source_samples
        side = self.kernels.field_nm if field_nm is None else max(field_nm)
        periodic = PERIODS * 2 * self.pupil.na / self.pupil.wavelength_nm * side
        return min(MOST_SAMPLES, max(FEWEST_SAMPLES, 2 * math.ceil(periodic / 2) + 1))

    @model_validator(mode="before")
    @classmethod
    def _source_of_spots(cls, table: Any) -> Any:
        if not isinstance(table, dict) or "source" in table:
            return table
        pupil = table.get("pupil")
        imaging = pupil.get("imaging") if isinstance(pupil, dict) else getattr(pupil, "imaging", None)
        return {**table, "source": SPOT_SOURCE} if imaging == "spot" else table

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in REQUIRED_CORNERS if name not in self.corners]
        if missing:
            raise ValueError(f"corners must hold {', '.join(REQUIRED_CORNERS)}; missing: {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _absorption(self) -> Self:
        if self.film is None or not isinstance(self.resist, ChemicalResist) or self.resist.dill_b_per_um is None:
            return self
        dill, wavelength_nm = self.resist.dill_a_per_um + self.resist.dill_b_per_um, self.pupil.wavelength_nm
        k = dill * wavelength_nm / (4000 * math.pi)
        if abs(k - self.film.resist.k) > ABSORPTION_TOLERANCE * max(k, self.film.resist.k):
            raise ValueError(
                f"resist: Dill's A + B = {dill:g} / um absorbs as k = {k:.4g}, but the film's resist has k = "
                f"{self.film.resist.k:g}; give both the same"
            )
        return self

    @model_validator(mode="after")
    def _imaging(self) -> Self:
        if self.pupil.imaging == "spot":
            self._require_spot()
            return self
        widest = WIDEST_BIAS * self.pupil.wavelength_nm / self.pupil.na
        if max(map(abs, self.mask.biases_nm)) > widest:
            raise ValueError(
                f"mask.bias_nm must lie within {widest:.3g} nm, a quarter of lambda / NA, got {self.mask.bias_nm}; a "
                f"bias beyond half a shape's width has no meaning"
            )
        if self.kernels.edge_error_nm is None and self.kernels.source_samples is None:
            raise ValueError("kernels: give edge_error_nm, or source_samples with count or energy")
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

    def _require_spot(self) -> None:
        if self.source != SPOT_SOURCE:
            raise ValueError("source: a spot has no illumination of its own; leave out [source]")
        if self.mask.type != "binary" or self.mask.blur_nm or self.mask.has_edges:
            raise ValueError(
                "mask: a spot writes without a mask, so that type, transmission, blur_nm, bias_nm and topography have "
                'no meaning; of [mask] give field alone: "dark", drawn shapes are written, or "clear", all else is'
            )
        if self.film is not None:
            raise ValueError("film: images in films are of projected masks; leave [film] out for a spot")
        given = [key for key in ("source_samples", "edge_error_nm", "count", "energy") if getattr(self.kernels, key)]
        if given:
            raise ValueError(f"kernels: a spot is exact without kernels; leave out {', '.join(given)}")

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
