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
        across: Whether the lines run along x, across the chief ray of a reflective mask.
        cd_nm: CD at nominal focus by mask: `rigorous`, and by model; NaN where it does not print.
        focus_nm: Best focus by mask; NaN where CD hardly depends on focus.
        places_nm: Where lines print, (FOCI,) by mask, counted from where they are drawn; NaN where they do not.
    """

    pitch_nm: float
    drawn_nm: float
    across: bool
    cd_nm: dict[str, float]
    focus_nm: dict[str, float]
    places_nm: dict[str, np.ndarray]

    def error(self, model: str) -> float:
        """CD of a model, less that of the rigorous mask."""
        return self.cd_nm[model] - self.cd_nm["rigorous"]

    def focus_error(self, model: str) -> float:
        """Best focus of a model, less that of the rigorous mask."""
        return self.focus_nm[model] - self.focus_nm["rigorous"]

    def place_error(self, model: str) -> float:
        """The largest distance through focus of where a model prints from where the rigorous mask does; NaN: none."""
        apart = np.abs(self.places_nm[model] - self.places_nm["rigorous"])
        return float(np.nanmax(apart)) if np.isfinite(apart).any() else math.nan


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

    def prints(
        self, spectrum: Tensor, field_nm: tuple[float, float], mask: MaskType, bright: bool, across: bool = False
    ) -> np.ndarray:
        """CDs of the openings, or of the absorber between them, and their places, at every focus.

        Args:
            spectrum: Of the mask, or of its channels, with an opening at the field's corner.
            field_nm: (height, width) of the field.
            mask: The mask technology.
            bright: Whether openings are asked for.
            across: Whether lines run along x.

        Returns:
            (FOCI, 2); NaN where they do not print.
        """
        pitch = field_nm[0 if across else 1]
        along = np.linspace(-pitch / 2, pitch / 2, 1 + 2 * math.ceil(4 * pitch))
        sign = self.dose if bright else -self.dose
        threshold = self.recipe.resist.lumped.threshold if bright else -self.recipe.resist.lumped.threshold
        centre = 0.0 if bright else pitch / 2
        profiles = [
            self.profile(spectrum, field_nm, mask, focus_nm, along + centre, across)
            for focus_nm in self.foci_nm.tolist()
        ]
        return np.array([_printed(sign * profile - threshold, along) for profile in profiles])

    def profile(
        self,
        spectrum: Tensor,
        field_nm: tuple[float, float],
        mask: MaskType,
        focus_nm: float,
        along_nm: np.ndarray,
        across: bool = False,
    ) -> np.ndarray:
        """The image in resist at dose 1 along x at y = 0, or along y at x = 0 for lines along x."""
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
        blurred[:, 1:] *= 2  # for the other half of the spectrum
        n = np.arange(-half[0], half[0] + 1) if across else np.arange(half[1] + 1)
        waves = np.exp(2j * np.pi * n[:, None] * along_nm / field_nm[0 if across else 1])
        found: np.ndarray = (blurred.sum(1 if across else 0).numpy() @ waves).real
        return found


def _printed(excess: np.ndarray, along: np.ndarray) -> tuple[float, float]:
    """Width and centre of what is above 0 around the middle; NaN if the middle is not, or all is."""
    middle = len(along) // 2
    if excess[middle] <= 0 or excess.min() >= 0:
        return math.nan, math.nan
    up, down = (_crossing(excess[side], along[side]) for side in (slice(middle, None), slice(middle, None, -1)))
    return up - down, (up + down) / 2


def _crossing(excess: np.ndarray, along: np.ndarray) -> float:
    """The place at which a profile first falls below 0; NaN if it never does."""
    last = int(np.argmax(excess < 0))
    if last == 0:
        return math.nan
    step = excess[last - 1] / (excess[last - 1] - excess[last])
    return float(along[last - 1] + (along[last] - along[last - 1]) * step)


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
    mask: MaskType, recipe: Recipe, opening: Opening, *, contacts: bool, across: bool = False
) -> tuple[Tensor, tuple[float, float]]:
    """The spectrum of a periodic pattern that is drawn as polygons are, and its field.

    Args:
        mask: The mask technology.
        recipe: Lens and source.
        opening: Pitch and width.
        contacts: Whether it is a grid of squares instead of lines.
        across: Whether lines run along x instead of y.

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
    opened = opened.T if across else opened
    grid = Grid((len(opened), opened.shape[1]), pixel)
    source = sample_source(recipe.source, SOURCE_SAMPLES)
    half = passed_half(recipe.pupil, source.sigma_max, grid.field_nm)
    transforms = mask_transforms(
        mask, grid, half, wide=False, reference_nm=0.0, dtype=torch.float64, device=torch.device("cpu")
    )
    drawn = opened if mask.field == "dark" else 1 - opened
    return mask_spectrum(drawn, mask, transforms).amplitude, grid.field_nm


def rigorous_spectrum(orders: np.ndarray, half: tuple[int, int], *, across: bool = False) -> Tensor:
    """The channels of a mask whose orders are known, for the mask technology `RIGOROUS`.

    Args:
        orders: (2, 2 N + 1) of lines, TE and TM; or (2, 2, 2 N + 1, 2 N + 1) of contacts.
        half: (h_y, h_x), the highest frequencies kept; more than N are zero.
        across: Whether lines run along x instead of y.
    """
    if orders.ndim == 2:
        te, tm = orders
        jones = np.zeros((2, 2, len(te), 1) if across else (2, 2, 1, len(te)), dtype=complex)
        flat = jones.reshape(2, 2, len(te))
        flat[0, 0], flat[1, 1] = (te, tm) if across else (tm, te)
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
    imaging: Imaging,
    models: dict[str, MaskType],
    openings: Sequence[Opening],
    orders: Sequence[np.ndarray],
    *,
    across: bool = False,
) -> list[Row]:
    """CDs, best foci and places of lines, or of contacts, by rigorous orders and by mask models.

    Args:
        imaging: Lens, films, resist and dose.
        models: Mask technologies by name, all of one field.
        openings: The patterns.
        orders: Their rigorous orders.
        across: Whether lines run along x instead of y.
    """
    rows, bright = [], next(iter(models.values())).field == "dark"
    for opening, known in zip(openings, orders, strict=True):
        through: dict[str, np.ndarray] = {}
        for name, mask in models.items():
            contacts = known.ndim == 4
            spectrum, field_nm = drawn_spectrum(mask, imaging.recipe, opening, contacts=contacts, across=across)
            through[name] = imaging.prints(spectrum, field_nm, mask, bright, across)
        half = spectrum.shape[-2] // 2, spectrum.shape[-1] // 2
        exact = rigorous_spectrum(known, half, across=across)
        through = {"rigorous": imaging.prints(exact, field_nm, RIGOROUS, bright, across), **through}
        rows.append(
            Row(
                opening.pitch_nm,
                opening.width_nm if bright else opening.pitch_nm - opening.width_nm,
                across,
                {name: float(found[FOCI // 2, 0]) for name, found in through.items()},
                {name: best_focus(imaging.foci_nm, found[:, 0]) for name, found in through.items()},
                {name: found[:, 1] for name, found in through.items()},
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
