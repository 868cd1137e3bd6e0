"""What mask models leave of the rigorous diffraction of a mask: CDs and best focus of lines and contacts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from litho_dl.calibration.mask3d import SOURCE_SAMPLES, Opening
from litho_dl.core.errors import RecipeError
from litho_dl.core.grid import Grid
from litho_dl.optics.abbe import abbe_intensity_spectrum
from litho_dl.optics.mask import MaskType
from litho_dl.optics.socs import passed_half
from litho_dl.optics.source import Source, sample_source
from litho_dl.optics.topography import EdgeLayers, Layer, Topography
from litho_dl.process.recipe import Recipe
from litho_dl.process.resist import diffusion_transfer
from litho_dl.simulation.mask_spectrum import mask_spectrum, mask_transforms

PIXEL_NM = 1.0  # of drawn lines, for a resolution of some 50 nm
ROWS = 8  # pixels of a field of lines along them
FOCI = 7
DEPTH = 0.5  # of the Rayleigh unit, to either side
FLATTEST = 4e-4  # nm of CD per nm^2 of focus; flatter lines have no best focus

# Light let through by its Jones matrix: channels J_yy, J_xx - J_yy, nothing, J_xy.
RIGOROUS = MaskType(topography=Topography(x=EdgeLayers(perpendicular=Layer(zeroth_nm=(1.0, 0.0)))))


@dataclass(frozen=True)
class Row:
    """What mask models leave of one pattern.

    Attributes:
        pitch_nm: The pitch.
        drawn_nm: Width of the drawn shapes.
        cd_nm: CD at best focus by mask: `rigorous`, and by model; NaN where it does not print.
        focus_nm: Best focus by mask; NaN where CD hardly depends on focus.
    """

    pitch_nm: float
    drawn_nm: float
    cd_nm: dict[str, float]
    focus_nm: dict[str, float]

    def error(self, model: str) -> float:
        """CD of a model, less that of the rigorous mask."""
        return self.cd_nm[model] - self.cd_nm["rigorous"]

    def focus_error(self, model: str) -> float:
        """Best focus of a model, less that of the rigorous mask."""
        return self.focus_nm[model] - self.focus_nm["rigorous"]


@dataclass(frozen=True, eq=False)
class Imaging:
    """Images of periodic patterns by Abbe's sum, and their CDs through focus.

    Of a chemical resist they have the threshold and the diffusion that come closest; flare, which is the same for all
    masks, is left out.

    Attributes:
        recipe: Lens, films and resist.
        dose: Factor on the intensity.
    """

    recipe: Recipe
    dose: float = 1.0

    @cached_property
    def source(self) -> Source:
        """The sampled source."""
        return sample_source(self.recipe.source, SOURCE_SAMPLES)

    @cached_property
    def foci_nm(self) -> np.ndarray:
        """Foci around the nominal one."""
        return np.linspace(-1, 1, FOCI) * DEPTH * self.recipe.pupil.rayleigh_unit_nm

    def cds(self, spectrum: Tensor, field_nm: tuple[float, float], mask: MaskType, bright: bool) -> np.ndarray:
        """CDs along x of the openings, or of the absorber between them, at every focus.

        Args:
            spectrum: Of the mask, or of its channels, with an opening at the field's corner.
            field_nm: (height, width) of the field.
            mask: The mask technology.
            bright: Whether openings are asked for.

        Returns:
            (FOCI,); NaN where they do not print.
        """
        x = np.linspace(0, field_nm[1] / 2, 1 + math.ceil(4 * field_nm[1]))
        centred = x if bright else field_nm[1] / 2 - x
        found = [self.profile(spectrum, field_nm, mask, focus_nm, centred) for focus_nm in self.foci_nm.tolist()]
        sign = self.dose if bright else -self.dose
        threshold = self.recipe.resist.lumped.threshold if bright else -self.recipe.resist.lumped.threshold
        return np.array([_width(sign * profile - threshold, x) for profile in found])

    def profile(
        self, spectrum: Tensor, field_nm: tuple[float, float], mask: MaskType, focus_nm: float, x_nm: np.ndarray
    ) -> np.ndarray:
        """The image in resist at dose 1 along x, at y = 0."""
        image = abbe_intensity_spectrum(
            spectrum,
            self.source,
            self.recipe.pupil,
            field_nm,
            film=self.recipe.film,
            defocus_nm=focus_nm,
            mask=mask,
        )
        half = image.shape[0] // 2, image.shape[1] - 1
        blurred = image * diffusion_transfer(half, field_nm, self.recipe.resist.lumped.diffusion_nm)
        n = np.arange(half[1] + 1)
        waves = np.where(n == 0, 1, 2)[:, None] * np.exp(2j * np.pi * n[:, None] * x_nm / field_nm[1])
        found: np.ndarray = (blurred.sum(0).numpy() @ waves).real
        return found


def _width(excess: np.ndarray, x: np.ndarray) -> float:
    """Twice the place at which a profile first falls below 0; NaN if it does not begin above or never does."""
    if excess[0] <= 0 or excess.min() >= 0:
        return math.nan
    last = int(np.argmax(excess < 0))
    return float(2 * (x[last - 1] + (x[last] - x[last - 1]) * excess[last - 1] / (excess[last - 1] - excess[last])))


def best_focus(foci_nm: np.ndarray, cds: np.ndarray) -> float:
    """The focus at which CD has its extreme, by a parabola; NaN where it has none."""
    kept = np.isfinite(cds)
    if kept.sum() < 5:
        return math.nan
    bend, slope, _ = np.polyfit(foci_nm[kept], cds[kept], 2)
    if abs(bend) < FLATTEST:
        return math.nan
    return float(-slope / (2 * bend))


def drawn_spectrum(
    mask: MaskType, recipe: Recipe, opening: Opening, *, contacts: bool
) -> tuple[Tensor, tuple[float, float]]:
    """The spectrum of a periodic pattern that is drawn as polygons are, and its field.

    Args:
        mask: The mask technology.
        recipe: Lens and source.
        opening: Pitch and width.
        contacts: Whether it is a grid of squares instead of lines along y.

    Returns:
        The spectrum of the mask, or of its channels, with an opening at the field's corner; (height, width).
    """
    pitch, width = opening
    count = max(ROWS, math.ceil(pitch / (PIXEL_NM * recipe.scale)))
    pixel = pitch / count
    edges = np.arange(count + 1) * pixel
    covered = np.clip(edges, 0, width / 2) + np.clip(edges - (pitch - width / 2), 0, None)
    line = torch.from_numpy(np.diff(covered) / pixel)
    opened = line[:, None] * line if contacts else line.expand(ROWS, -1)
    grid = Grid((opened.shape[0], count), pixel)
    source = sample_source(recipe.source, SOURCE_SAMPLES)
    half = passed_half(recipe.pupil, source.sigma_max, grid.field_nm)
    transforms = mask_transforms(
        mask, grid, half, wide=False, reference_nm=0.0, dtype=torch.float64, device=torch.device("cpu")
    )
    drawn = opened if mask.field == "dark" else 1 - opened
    return mask_spectrum(drawn, mask, transforms).amplitude, grid.field_nm


def rigorous_spectrum(orders: np.ndarray, half: tuple[int, int]) -> Tensor:
    """The channels of a mask whose orders are known, for the mask technology `RIGOROUS`.

    Args:
        orders: (2, 2 N + 1) of lines along y, TE and TM; or (2, 2, 2 N + 1, 2 N + 1) of contacts.
        half: (h_y, h_x), the highest frequencies kept; more than N are zero.
    """
    if orders.ndim == 2:
        te, tm = orders
        jones = np.zeros((2, 2, 1, len(te)), dtype=complex)
        jones[0, 0, 0], jones[1, 1, 0] = tm, te
    else:
        jones = orders
    kept = np.zeros((2, 2, 2 * half[0] + 1, 2 * half[1] + 1), dtype=complex)
    places, sources = zip(*(_overlap(h, side // 2) for h, side in zip(half, jones.shape[2:], strict=True)), strict=True)
    kept[:, :, *places] = jones[:, :, *sources]
    nothing = np.zeros_like(kept[0, 0])
    mixed = (kept[0, 1] + kept[1, 0]) / 2
    return torch.from_numpy(np.stack((kept[1, 1], kept[0, 0] - kept[1, 1], nothing, mixed)))


def _overlap(wanted: int, known: int) -> tuple[slice, slice]:
    both = min(wanted, known)
    return slice(wanted - both, wanted + both + 1), slice(known - both, known + both + 1)


def compared(
    imaging: Imaging, models: dict[str, MaskType], openings: Sequence[Opening], orders: Sequence[np.ndarray]
) -> list[Row]:
    """CDs and best foci of lines along y, or of contacts, by rigorous orders and by mask models.

    Args:
        imaging: Lens, films, resist and dose.
        models: Mask technologies by name, all of one field.
        openings: The patterns.
        orders: Their rigorous orders.
    """
    rows, bright = [], next(iter(models.values())).field == "dark"
    for opening, known in zip(openings, orders, strict=True):
        through: dict[str, np.ndarray] = {}
        for name, mask in models.items():
            spectrum, field_nm = drawn_spectrum(mask, imaging.recipe, opening, contacts=known.ndim == 4)
            through[name] = imaging.cds(spectrum, field_nm, mask, bright)
        half = spectrum.shape[-2] // 2, spectrum.shape[-1] // 2
        exact = imaging.cds(rigorous_spectrum(known, half), field_nm, RIGOROUS, bright)
        through = {"rigorous": exact, **through}
        rows.append(
            Row(
                opening.pitch_nm,
                opening.width_nm if bright else opening.pitch_nm - opening.width_nm,
                {name: float(cds[FOCI // 2]) for name, cds in through.items()},
                {name: best_focus(imaging.foci_nm, cds) for name, cds in through.items()},
            )
        )
    return rows


def dose_to_size(imaging: Imaging, opening: Opening, orders: np.ndarray) -> Imaging:
    """The imaging at the dose that prints a rigorous pattern as wide as it is drawn, at best focus.

    Raises:
        RecipeError: There is no light at its edge.
    """
    spectrum, field_nm = drawn_spectrum(MaskType(), imaging.recipe, opening, contacts=orders.ndim == 4)
    half = spectrum.shape[-2] // 2, spectrum.shape[-1] // 2
    profile = imaging.profile(
        rigorous_spectrum(orders, half), field_nm, RIGOROUS, 0.0, np.array([opening.width_nm / 2])
    )
    if not profile[0] > 0:
        raise RecipeError("Expected light at the edges of the pattern that sets the dose, got none; choose others.")
    return replace(imaging, dose=imaging.recipe.resist.lumped.threshold / float(profile[0]))
