"""Bulk images: the intensity at many depths of the resist."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.dft import synthesis, synthesise
from litho_dl.core.errors import RecipeError
from litho_dl.core.grid import Grid
from litho_dl.optics.abbe import abbe_intensity_spectrum
from litho_dl.optics.film import Film
from litho_dl.optics.reflection import require_depths
from litho_dl.optics.socs import passed_half
from litho_dl.optics.source import sample_source
from litho_dl.process.recipe import Recipe
from litho_dl.process.resist import with_flare
from litho_dl.simulation.mask_spectrum import mask_spectrum, mask_transforms
from litho_dl.simulation.mask_values import MaskValues, mask_tensor


def film_of(recipe: Recipe) -> Film:
    """The film of a recipe.

    Raises:
        RecipeError: It has none.
    """
    if recipe.pupil.imaging == "spot":
        raise RecipeError("Expected a recipe with films, got a spot, which is computed without any; give other optics.")
    if recipe.film is None:
        raise RecipeError(
            "Expected a recipe with films, got one without; add a table [film] with layers and a substrate, and set "
            'imaging = "vector" in [pupil].'
        )
    return recipe.film


def bulk_images(
    recipe: Recipe,
    mask: MaskValues,
    pixel_nm: float,
    depths_nm: Sequence[float] | np.ndarray,
    *,
    defocus_nm: float = 0.0,
) -> Tensor:
    """Images of a mask at depths of the resist, before acid diffusion, by Abbe's sum over all source points.

    Args:
        recipe: Optics with films.
        mask: Mask values (..., H, W) that fill the periodic field of H x W pixels.
        pixel_nm: The mask's pixel.
        depths_nm: (Z,) depths below the resist's top.
        defocus_nm: Distance of the resist's top from best focus.

    Returns:
        Intensities at pixel centres, (Z, ..., H, W) float64; a clear mask without films has 1.

    Raises:
        RecipeError: The recipe has no films.
        LithoError: A depth lies outside the resist.
        MaskError: The mask is not an array of numbers in its range.
        KernelError: The field needs more memory than is allowed.
    """
    film, depths = film_of(recipe), np.asarray(depths_nm, dtype=float)
    require_depths(film, depths)
    values = mask_tensor(mask, lowest=recipe.mask.lowest).double().cpu()
    grid = Grid((values.shape[-2], values.shape[-1]), pixel_nm)
    source, pupil = sample_source(recipe.source, recipe.source_samples()), recipe.pupil
    half = passed_half(pupil, source.sigma_max, grid.field_nm)
    own = recipe.mask
    transforms = mask_transforms(
        own, grid, half, wide=False, reference_nm=0.0, dtype=values.dtype, device=values.device
    )
    spectrum = mask_spectrum(values, own, transforms).amplitude
    transfer = with_flare(torch.ones(4 * half[0] + 1, 2 * half[1] + 1, dtype=values.dtype), pupil.flare)
    back = synthesis(grid, (2 * half[0], 2 * half[1]), dtype=values.dtype, device=values.device)
    images = []
    for depth in depths.tolist():
        there = film.model_copy(update={"image": depth})
        image = abbe_intensity_spectrum(
            spectrum, source, pupil, grid.field_nm, film=there, defocus_nm=defocus_nm, mask=own
        )
        images.append(synthesise(image * transfer, back))
    return torch.stack(images)


def bulk_line_image(recipe: Recipe, pitch_nm: float, depths_nm: Sequence[float] | np.ndarray, samples: int) -> Tensor:
    """The bulk image of openings along y, half a pitch wide, across one pitch.

    Args:
        recipe: Optics with films.
        pitch_nm: The pitch.
        depths_nm: (Z,) depths below the resist's top.
        samples: Samples across the pitch, a multiple of 4.

    Returns:
        (Z, samples) float64; errors as `bulk_images`.
    """
    x = (torch.arange(samples, dtype=torch.float64) + 0.5) / samples
    lines = ((x - 0.5).abs() < 0.25).double()[None]
    return bulk_images(recipe, lines, pitch_nm / samples, depths_nm)[:, 0]
