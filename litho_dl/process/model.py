"""The process model: everything between a mask and its prints, ready for simulation."""

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from litho_dl.core.dft import full_spectrum
from litho_dl.core.errors import KernelError
from litho_dl.core.grid import same_length
from litho_dl.core.naming import require_name
from litho_dl.optics.extend import extended
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.mask import MaskType
from litho_dl.optics.print_rule import PrintRule
from litho_dl.optics.pupil import sampled_pupil
from litho_dl.optics.socs import build_socs, focus_columns
from litho_dl.optics.source import sample_source
from litho_dl.optics.spot import spot_fwhm_nm, spot_kernels
from litho_dl.optics.topography import polarized_parts
from litho_dl.process.accuracy import accurate_kernels
from litho_dl.process.chemistry import AnyResist
from litho_dl.process.recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MORE = {"dark": "higher", "clear": "lower"}  # the dose of the larger print


class Corner(NamedTuple):
    """One process condition.

    Attributes:
        dose: Factor on the intensity; > 0.
        kernels: Name of the kernels of its focus.
    """

    dose: float
    kernels: str


@dataclass(frozen=True, eq=False, repr=False)
class ProcessModel:
    """Kernels by name, mask technology, resist, and corners by name.

    Attributes:
        kernels: Coherent kernels of each focus, all of the same field and size; `focus` is best focus.
        mask: The mask technology.
        resist: The resist.
        corners: Process conditions; the metrics use `nominal`, `outer` (the larger print) and `inner` (the smaller).
        recipe: The recipe that the kernels were built from; None for imported kernels.

    Raises:
        KernelError: There are no kernels or corners, they do not fit each other, or `outer` has a dose that prints less
            than that of `inner`.
        GridMismatchError: The kernels have different fields.
    """

    kernels: dict[str, SocsKernels]
    mask: MaskType
    resist: AnyResist
    corners: dict[str, Corner]
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        if not self.kernels or not self.corners:
            raise KernelError("Expected at least one kernel set and one corner, got none.")
        first = next(iter(self.kernels.values()))
        for name, kernels in self.kernels.items():
            require_name(name, "the name of a kernel set", KernelError)
            first.require_field(kernels.field_nm)
            if kernels.half != first.half or not same_length(kernels.mask_pixel_nm, first.mask_pixel_nm):
                raise KernelError(
                    f"Expected kernel sets of one size and mask pixel, got {kernels.half} at {kernels.mask_pixel_nm:g} "
                    f"nm for {name!r} beside {first.half} at {first.mask_pixel_nm:g} nm."
                )
        for name, corner in self.corners.items():
            require_name(name, "the name of a corner", KernelError)
            if corner.kernels not in self.kernels:
                raise KernelError(
                    f"Corner {name!r} names kernels {corner.kernels!r}, which are not among {', '.join(self.kernels)}."
                )
            if not 0 < corner.dose < math.inf:
                raise KernelError(f"Expected a positive dose, got {corner.dose} for corner {name!r}.")
        if self.corners != largest_outside(self.corners, self.mask):
            outer, inner = (self.corners[name].dose for name in ("outer", "inner"))
            raise KernelError(
                f"Expected an outer corner that prints more than the inner one, in a {self.mask.field} field by a "
                f"{_MORE[self.mask.field]} dose, got doses {outer:g} and {inner:g}; exchange the two."
            )

    def __repr__(self) -> str:
        kernels = ", ".join(f"{name} {len(kernels.weights)}" for name, kernels in self.kernels.items())
        height, width = self.field_nm
        return (
            f"ProcessModel({self.optics_summary}; field {width:g} x {height:g} nm; corners {', '.join(self.corners)}; "
            f"kernels {kernels})"
        )

    @property
    def optics_summary(self) -> str:
        """Wavelength, aperture, source, mask technology, and vector imaging and films if there are any, as text."""
        if self.recipe is None:
            return f"imported kernels, {self.mask}"
        pupil = self.recipe.pupil
        medium = f" in n = {pupil.immersion_index:g}" if pupil.immersion_index != 1 else ""
        if pupil.imaging == "spot":
            place = ", clear field" if self.mask.field == "clear" else ""
            return f"{pupil.wavelength_nm:g} nm, NA {pupil.na:g}{medium}, spot of {pupil.fwhm_nm:g} nm, no mask{place}"
        source, film = self.recipe.source, self.recipe.film
        kinds = sorted(source.polarizations - {"unpolarized"})
        light = f"{'/'.join(kinds)}-polarized {source.shape}" if kinds else source.shape
        parts = [f"{pupil.wavelength_nm:g} nm", f"NA {pupil.na:g}{medium}", f"{light} source", str(self.mask)]
        if pupil.imaging == "vector":
            parts.append("vector imaging")
        if film is not None:
            place = "mean over" if film.image == "mean" else f"{film.image:g} nm deep in"
            parts.append(f"{place} {film.resist.thickness_nm:g} nm of resist in {len(film.layers)} films")
        return ", ".join(parts)

    @property
    def writes_directly(self) -> bool:
        """True if a spot writes the shapes, without a mask."""
        return self.recipe is not None and self.recipe.pupil.imaging == "spot"

    def spot_fwhm_nm(self, kernels: str) -> float | None:
        """The width of the spot at the focus of a kernel set; None where no spot writes, or its focus is unknown."""
        focus_nm = named_focus(kernels)
        if self.recipe is None or not self.writes_directly or focus_nm is None:
            return None
        return spot_fwhm_nm(self.recipe.pupil, focus_nm)

    @property
    def flare(self) -> float:
        """Share of the light that the lens scatters over the whole field, in [0, 1); 0 for imported kernels."""
        return 0.0 if self.recipe is None else self.recipe.pupil.flare

    @property
    def scale(self) -> float:
        """What lengths chosen for some 50 nm of resolution are multiplied by; see `Recipe`; 1 for imported kernels."""
        return 1.0 if self.recipe is None else self.recipe.scale

    @property
    def field_nm(self) -> tuple[float, float]:
        """(height, width) of the periodic field."""
        return next(iter(self.kernels.values())).field_nm

    @property
    def half(self) -> tuple[int, int]:
        """(h_y, h_x), the highest mask frequencies that pass, in steps of 1 / field."""
        return next(iter(self.kernels.values())).half

    @property
    def mask_pixel_nm(self) -> float:
        """The pixel at which the kernels expect masks to be sampled; 0: the exact Fourier series."""
        return next(iter(self.kernels.values())).mask_pixel_nm

    @property
    def nominal(self) -> tuple[float, float]:
        """(focus in nm, dose) of the nominal corner.

        Raises:
            KernelError: There is no such corner, or its kernels' focus is unknown.
        """
        corner = self.corners.get("nominal")
        focus_nm = None if corner is None else named_focus(corner.kernels)
        if corner is None or focus_nm is None:
            raise KernelError(
                f"Expected a corner 'nominal' of known focus, got {', '.join(self.corners)}; give a recipe."
            )
        return focus_nm, corner.dose

    def plot(self, kernels: str = "focus", *, title: str = "") -> "Figure":
        """Draws the optics of one focus: source and pupil, if the process has a recipe, and the coherent kernels.

        Args:
            kernels: Name of a kernel set, one for each focus.
            title: Title of the figure.

        Raises:
            KernelError: There is no such kernel set.
        """
        from litho_dl.viz.optics import optics_figure

        if kernels not in self.kernels:
            raise KernelError(f"Expected one of the kernel sets {', '.join(self.kernels)}, got {kernels!r}.")
        shown, recipe = self.kernels[kernels], self.recipe
        focus_nm = named_focus(kernels) if recipe else None
        if not len(shown.weights):
            return self._plot_spot(shown, focus_nm, title)
        source = sample_source(recipe.source, recipe.source_samples(self.field_nm)) if recipe else None
        return optics_figure(
            shown.spectra.numpy(),
            shown.weights.numpy(),
            shown.field_nm,
            source_points=source.points if source else None,
            source_weights=source.weights if source else None,
            pupil=sampled_pupil(recipe.pupil, focus_nm).numpy() if recipe and focus_nm is not None else None,
            defocus_nm=focus_nm,
            discarded_energy=shown.discarded_energy,
            title=title,
        )

    def _plot_spot(self, shown: SocsKernels, focus_nm: float | None, title: str) -> "Figure":
        from litho_dl.viz.spot import spot_figure

        assert shown.tail is not None
        focus = None
        if self.recipe is not None and self.writes_directly and focus_nm is not None:
            pupil = self.recipe.pupil
            reach_nm = max(pupil.rayleigh_unit_nm, 1.25 * abs(focus_nm))
            foci = [reach_nm * step / 40 for step in range(-40, 41)]
            focus = (foci, [spot_fwhm_nm(pupil, z) for z in foci], focus_nm)
        return spot_figure(full_spectrum(shown.tail.linear).numpy(), shown.field_nm, focus=focus, title=title)

    def without_flare(self) -> "ProcessModel":
        """The process without flare, which is a mean over the field and so no influence of near masks."""
        if self.recipe is None or not self.flare:
            return self
        pupil = self.recipe.pupil.model_copy(update={"flare": 0.0})
        return replace(self, recipe=self.recipe.model_copy(update={"pupil": pupil}))

    def on_field(self, field_nm: tuple[float, float]) -> "ProcessModel":
        """The process on a larger field of (height, width) nm, with its kernels extended; see `optics.extend.extended`.

        Raises:
            GridMismatchError: The field is smaller than the kernels' own.
        """
        return replace(self, kernels={name: extended(kernels, field_nm) for name, kernels in self.kernels.items()})

    def at_focus(self, defocus_nm: float) -> "ProcessModel":
        """The process at one focus in nm and dose 1; its kernels are built from the recipe unless they exist.

        Raises:
            KernelError: There is no recipe, and none of the kernels has that focus.
        """
        kernels = self.kernels.get(kernel_name(defocus_nm)) or self._built(defocus_nm)
        return replace(self, kernels={"focus": kernels}, corners={"nominal": Corner(1.0, "focus")})

    def with_corners(self, corners: dict[str, tuple[float, float]]) -> "ProcessModel":
        """The process with further corners, and the kernels of their foci.

        Args:
            corners: (dose, defocus in nm) by name: a factor on the nominal dose, a distance from the nominal focus.

        Raises:
            KernelError: The nominal focus is unknown, or there is no recipe, and none of the kernels has a focus.
        """
        focus_nm, nominal_dose = self.nominal
        kernels, named = dict(self.kernels), dict(self.corners)
        for name, (dose, defocus_nm) in corners.items():
            own = kernel_name(focus_nm + defocus_nm)
            if own not in kernels:
                kernels[own] = self._built(focus_nm + defocus_nm)
            named[name] = Corner(dose * nominal_dose, own)
        return replace(self, kernels=kernels, corners=named)

    def _built(self, defocus_nm: float) -> SocsKernels:
        if self.recipe is None:
            raise KernelError(
                f"Expected one of the imported kernels ({', '.join(self.kernels)}), got a focus of {defocus_nm:g} nm; "
                f"kernels for other foci are built from a recipe: give one, or leave out other foci."
            )
        settings = self.recipe.kernels
        most = max(len(kernels.weights) for kernels in self.kernels.values())
        counted = settings.energy is None and all(kernels.tail is None for kernels in self.kernels.values())
        ends_nm = next(iter(self.kernels.values())).ends_nm  # if extended to a larger field: half their own
        field_nm = self.field_nm if ends_nm is None else (2 * ends_nm, 2 * ends_nm)
        recipe = self.recipe.model_copy(update={"mask": self.mask})
        kernels = focus_kernels(recipe, field_nm, defocus_nm, most if counted else None)
        return kernels if ends_nm is None else extended(kernels, self.field_nm)


def build_process(
    recipe: Recipe, *, field_nm: tuple[float, float] | None = None, count: int | None = None
) -> ProcessModel:
    """Builds the kernels of every focus that the recipe's corners name.

    Args:
        recipe: The recipe.
        field_nm: (height, width) of the field; None: the recipe's square field.
        count: Kernels per focus; None: the recipe's number.

    Returns:
        The process model.
    """
    field_nm = field_nm or (recipe.kernels.field_nm, recipe.kernels.field_nm)
    kernels = {
        kernel_name(defocus_nm): focus_kernels(recipe, field_nm, defocus_nm, count)
        for defocus_nm in dict.fromkeys(corner.defocus_nm for corner in recipe.corners.values())
    }
    return ProcessModel(kernels, recipe.mask, recipe.resist, recipe_corners(recipe), recipe)


def focus_kernels(
    recipe: Recipe, field_nm: tuple[float, float], defocus_nm: float, count: int | None = None
) -> SocsKernels:
    """The kernels of one focus: as accurate, or as many, as a recipe asks for.

    Args:
        recipe: The recipe.
        field_nm: (height, width) of the field.
        defocus_nm: Distance of the image plane from best focus.
        count: Keep this many kernels, without a tail; None: what the recipe says. A spot has none, whatever is asked.
    """
    if recipe.pupil.imaging == "spot":
        return spot_kernels(recipe.pupil, field_nm, defocus_nm)
    settings, source = recipe.kernels, sample_source(recipe.source, recipe.source_samples(field_nm))
    if count is None and settings.edge_error_nm is not None:
        kernels = accurate_kernels(recipe, field_nm, defocus_nm, settings.edge_error_nm)
    else:
        kernels = build_socs(
            source,
            recipe.pupil,
            field_nm,
            film=recipe.film,
            defocus_nm=defocus_nm,
            count=settings.count if count is None else count,
            energy=settings.energy,
        )
    if recipe.mask.topography is None or kernels.polarized is not None:
        return kernels
    columns = focus_columns(source, recipe.pupil, field_nm, film=recipe.film, defocus_nm=defocus_nm)
    return replace(kernels, polarized=polarized_parts(columns, kernels.spectra))


def recipe_corners(recipe: Recipe) -> dict[str, Corner]:
    """The corners of the process that a recipe describes, by name; see `largest_outside`."""
    corners = {name: Corner(corner.dose, kernel_name(corner.defocus_nm)) for name, corner in recipe.corners.items()}
    return largest_outside(corners, recipe.mask)


def largest_outside(corners: dict[str, Corner], mask: MaskType) -> dict[str, Corner]:
    """Corners of which `outer` has the dose of the larger print, whichever way the two are named.

    Args:
        corners: Process conditions by name.
        mask: The mask technology; in a clear field, the lower dose prints larger shapes.

    Returns:
        The corners, `outer` and `inner` exchanged if `inner` has that dose.
    """
    if not {"outer", "inner"} <= set(corners):
        return corners
    outer, inner = corners["outer"], corners["inner"]
    named_right = not PrintRule(1.0, mask.field).prints_more(inner.dose, outer.dose)
    return corners if named_right else {**corners, "outer": inner, "inner": outer}


def kernel_name(defocus_nm: float) -> str:
    """The name of the kernels of a focus: `focus` at best focus, otherwise like `defocus+25nm`."""
    return "focus" if defocus_nm == 0 else f"defocus{defocus_nm:+.12g}nm"


def named_focus(name: str) -> float | None:
    """The focus in nm of kernels named by `kernel_name`; None for other names."""
    if name == "focus":
        return 0.0
    number = re.fullmatch(r"defocus([+-][\d.e+-]+)nm", name)
    return float(number[1]) if number else None
