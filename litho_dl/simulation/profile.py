"""Resist profiles: bulk image, exposure in depth, bake in three dimensions, and the developer's front."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from litho_dl.core.errors import MaskError, RecipeError
from litho_dl.process.bake import Lattice, bake
from litho_dl.process.chemistry import ChemicalResist
from litho_dl.process.dill import exposed
from litho_dl.process.front import front_times
from litho_dl.process.recipe import Recipe
from litho_dl.simulation.bulk import bulk_images, film_of
from litho_dl.simulation.mask_values import MaskValues, mask_tensor

SAMPLES_PER_WAVE = 16  # along the depth, of the standing wave's period lambda / (2 n)
FEWEST_DEPTHS = 24
STEPS = 48  # of the bake
WALL = (0.1, 0.9)  # of the resist's height, between which a sidewall's angle is fitted


@dataclass(frozen=True, eq=False, repr=False)
class Profile:
    """What a mask leaves in the resist, at depths (i + 1/2) `depth_step_nm` below its top and at pixel centres.

    Attributes:
        intensity: Bulk image (Z, H, W) at dose 1, before any bleaching.
        acid: Released share of acid before the bake.
        deprotected: Deprotected share after it.
        times_s: When the developer reaches each point.
        seconds: When development ends.
        depth_step_nm: Distance of the depths.
        pixel_nm: Distance of samples in the plane.
    """

    intensity: np.ndarray
    acid: np.ndarray
    deprotected: np.ndarray
    times_s: np.ndarray
    seconds: float
    depth_step_nm: float
    pixel_nm: float

    def __repr__(self) -> str:
        depths, rows, columns = self.times_s.shape
        return (
            f"Profile({depths} depths of {self.depth_step_nm:.3g} nm, {rows} x {columns} pixels of {self.pixel_nm:g} "
            f"nm; {self.remaining.mean():.1%} of the resist stays)"
        )

    @property
    def depths_nm(self) -> np.ndarray:
        """(Z,) depths below the resist's top."""
        return (np.arange(len(self.times_s)) + 0.5) * self.depth_step_nm

    @property
    def thickness_nm(self) -> float:
        """Thickness of the resist before development."""
        return len(self.times_s) * self.depth_step_nm

    @property
    def remaining(self) -> np.ndarray:
        """Where resist stays, bool (Z, H, W)."""
        return self.times_s > self.seconds

    @property
    def top_loss_nm(self) -> float:
        """What the developer takes off the top of the highest resist that stays; all of it if none does."""
        columns = self.times_s.reshape(len(self.times_s), -1)
        best = columns[:, columns[-1].argmax()]
        if best[-1] <= self.seconds:
            return self.thickness_nm
        times, depths = np.concatenate([[0.0], best]), np.concatenate([[0.0], self.depths_nm])
        above = int((times > self.seconds).argmax())
        share = (self.seconds - times[above - 1]) / (times[above] - times[above - 1])
        return float(depths[above - 1] + share * (depths[above] - depths[above - 1]))

    def wall(self, row: int = 0) -> "Wall":
        """The sidewall that a cut along x meets first, from the middle of the field to the right.

        Args:
            row: Row of the cut.

        Raises:
            MaskError: There is no edge at the resist's bottom.
        """
        width = self.times_s.shape[-1]
        first = width // 2
        line = np.take(self.times_s[:, row], np.arange(first, first + width // 2 + 1), axis=-1, mode="wrap")
        excess = np.log(line) - math.log(self.seconds)  # smoother than the times, which rates make grow by powers
        stays = bool(excess[-1, 0] > 0)
        edges = np.full(len(line), np.nan)
        for depth, profile in enumerate(excess):
            change = np.flatnonzero((profile[1:] > 0) != (profile[:-1] > 0))
            if len(change) and bool(profile[0] > 0) == stays:
                place = change[0]
                edges[depth] = place + profile[place] / (profile[place] - profile[place + 1])
        if not np.isfinite(edges[-1]):
            raise MaskError(
                "Expected an edge at the bottom of the resist, got none: all of it or nothing stays along the cut; "
                "change the dose or the pitch."
            )
        return Wall(self.depths_nm, (first + 0.5 + edges) * self.pixel_nm, stays, self.top_loss_nm, self.thickness_nm)


@dataclass(frozen=True, eq=False)
class Wall:
    """A sidewall, as a cut along x meets it from the left.

    Attributes:
        depths_nm: (Z,) depths below the resist's top.
        edges_nm: (Z,) its positions along x; NaN where there is none, as in what the developer took off the top.
        from_resist: Whether the cut comes from resist that stays.
        top_loss_nm: What the developer took off the top.
        thickness_nm: Thickness of the resist.
    """

    depths_nm: np.ndarray
    edges_nm: np.ndarray
    from_resist: bool
    top_loss_nm: float
    thickness_nm: float

    @property
    def angle_deg(self) -> float:
        """Angle inside the resist, 90 for an upright wall, less if the resist is wider at its bottom.

        Of the straight line through 10 to 90 % of the height that is left; NaN if these hold fewer than two samples.
        """
        height = self.thickness_nm - self.top_loss_nm
        low, high = (self.top_loss_nm + share * height for share in WALL)
        used = (self.depths_nm >= low) & (self.depths_nm <= high) & np.isfinite(self.edges_nm)
        if used.sum() < 2:
            return math.nan
        slope = np.polyfit(self.depths_nm[used], self.edges_nm[used], 1)[0]
        return 90.0 - math.degrees(math.atan(slope if self.from_resist else -slope))


def resist_profile(
    recipe: Recipe, mask: MaskValues, pixel_nm: float, *, dose: float = 1.0, defocus_nm: float = 0.0
) -> Profile:
    """The profile that a mask leaves in the resist.

    Args:
        recipe: Optics with films and a chemical resist with `development`.
        mask: Mask values (H, W) that fill the periodic field.
        pixel_nm: The mask's pixel, and that of the profile.
        dose: Factor on the dose.
        defocus_nm: Distance of the resist's top from best focus.

    Raises:
        RecipeError: The recipe has no film, or no chemical resist with `development`.
        LithoError: The package scikit-fmm is not installed.
        MaskError: The mask is not an array (H, W) of numbers in its range.
        KernelError: The field needs more memory than is allowed.
    """
    film, resist = film_of(recipe), require_development(recipe)
    values = mask_tensor(mask, lowest=recipe.mask.lowest)
    if values.ndim != 2:
        raise MaskError(f"Expected one mask (H, W), got shape {tuple(values.shape)}.")
    thickness_nm = film.resist.thickness_nm
    wave_nm = recipe.pupil.wavelength_nm / (2 * film.resist.n)
    count = max(FEWEST_DEPTHS, math.ceil(SAMPLES_PER_WAVE * thickness_nm / wave_nm))
    step_nm = thickness_nm / count
    depths_nm = (np.arange(count) + 0.5) * step_nm
    intensity = bulk_images(recipe, values, pixel_nm, depths_nm, defocus_nm=defocus_nm)
    acid = exposed(intensity, step_nm, resist, dose=dose)
    deprotected = baked_in_depth(acid, resist, (step_nm, pixel_nm, pixel_nm))
    assert resist.development is not None
    soluble = deprotected if resist.tone == "positive" else 1 - deprotected
    rate = resist.development.rate_nm_s(soluble).numpy()
    times = front_times(rate, (step_nm, pixel_nm, pixel_nm))
    fields = (intensity.numpy(), acid.numpy(), deprotected.numpy())
    return Profile(*fields, times, resist.development.seconds, step_nm, pixel_nm)


def baked_in_depth(acid: Tensor, resist: ChemicalResist, steps_nm: tuple[float, ...], *, steps: int = STEPS) -> Tensor:
    """The deprotected share after a bake between the resist's top and bottom, through which nothing diffuses.

    Args:
        acid: (Z, H, W) at depths (i + 1/2) times the first step, periodic in H and W.
        resist: The resist.
        steps_nm: Distance of samples along the depth, y and x.
        steps: Steps of the bake.

    Returns:
        Of the same shape.
    """
    size_nm = tuple(count * step for count, step in zip(acid.shape, steps_nm, strict=True))
    lattice = Lattice(size_nm, acid, reflecting=True)
    return resist.deprotected(bake(acid, resist.kinetics, lattice, steps, whole=False).amplification)


def require_development(recipe: Recipe) -> ChemicalResist:
    """The resist of a recipe, which must say how it develops.

    Raises:
        RecipeError: It does not.
    """
    resist = recipe.resist
    if not isinstance(resist, ChemicalResist) or resist.development is None:
        raise RecipeError(
            'Expected a recipe with model = "chemical" in [resist] and a table [resist.development], got one without; '
            "litho-dl recipes arf-positive-chemical shows them."
        )
    return resist
