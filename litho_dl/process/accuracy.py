"""Kernels of a stated accuracy: as few as place edges within a tolerance of Abbe's image, with a fitted tail.

The error of an edge is the image's error over its slope, where it crosses the threshold. It is measured against
Hopkins' sum over all source points: on random masks that the tail was not fitted to, and on lines through pitch, every
edge of which must lie within `PITCH_SHARE` of the tolerance, at pitches that it was fitted to and between. What the
sampling of the source adds is not in it: with `FEWEST_SAMPLES` of `process.recipe`, up to 0.03 nm at NA 1.35 and 193 nm
against half as many again.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.core.dft import PartialDft, analyse, analysis, full_spectrum, synthesis, synthesise
from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.optics.imaging import intensity_spectrum, paired
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.socs import focus_columns, leading_kernels
from litho_dl.optics.source import sample_source
from litho_dl.optics.tail import fit_linear, tail_image, with_linear, with_mean
from litho_dl.optics.tcc import Tcc, hopkins_tcc, tcc_intensity_spectrum
from litho_dl.process.ensemble import alternated, drawn_masks, ensemble_grid, gratings, optimised_masks
from litho_dl.process.recipe import Recipe
from litho_dl.process.resist import diffusion_transfer

COUNTS = (8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 128, 192, 256)
DRAWN, SEED = 6, 20  # random masks, each also optimised; every second one is fitted, as is every second pitch
SHARE = 0.99  # of the edges
PITCH_SHARE = 0.5  # leaves pitches between a margin: a tolerance of 0.25 nm keeps CDs within 0.3 nm
LEAST_NILS = 1.0  # of edges that count, for features of `FEATURE`
FEATURE = 0.42  # lambda / NA; 60 nm at NA 1.35 and 193 nm
FEWEST_EDGES = 100  # pixels
FEW = 16  # kernels that optimise the ensemble's masks


class Examples(NamedTuple):
    """Masks, and their exact images, or some of them.

    Attributes:
        amplitude: Spectra of t, (B, 2 h_y + 1, 2 h_x + 1) complex.
        transmitted: Half spectra of |t|^2, (B, 4 h_y + 1, 2 h_x + 1) complex.
        exact: Half spectra of the images, of the same shape.
    """

    amplitude: Tensor
    transmitted: Tensor
    exact: Tensor

    def part(self, which: slice) -> "Examples":
        """Some of them."""
        return Examples(*(values[which] for values in self))


def accurate_kernels(
    recipe: Recipe, field_nm: tuple[float, float], defocus_nm: float, edge_error_nm: float
) -> SocsKernels:
    """The fewest kernels that, with a tail, place 99 % of edges within a tolerance.

    Args:
        recipe: Optics, mask technology and resist.
        field_nm: (height, width) of the field.
        defocus_nm: Distance of the image plane from best focus.
        edge_error_nm: The tolerance.

    Returns:
        Kernels with a tail, and their measured `edge_error_nm`.

    Raises:
        KernelError: The tolerance is not met by the largest number of kernels, or no edge prints.
    """
    samples = recipe.source_samples(field_nm)
    source = sample_source(recipe.source, samples)
    columns = focus_columns(source, recipe.pupil, field_nm, film=recipe.film, defocus_nm=defocus_nm)
    tcc = hopkins_tcc(columns)
    every = leading_kernels(columns, COUNTS[-1], tcc=tcc)
    grid = ensemble_grid(recipe, field_nm)
    drawn = drawn_masks(recipe, grid, DRAWN, SEED)
    masks = torch.stack((drawn, optimised_masks(drawn, grid, _first(every, FEW), recipe)), 1)
    lines = gratings(recipe, grid)
    fitted = _examples(torch.cat((masks[::2].flatten(0, 1), lines[::2].flatten(0, 1))), recipe, grid, tcc)
    held_out, other_lines = (_examples(own[1::2].flatten(0, 1), recipe, grid, tcc) for own in (masks, lines))
    lines_fitted = fitted.part(slice(DRAWN, None))
    measured = math.inf
    for count in COUNTS:
        kernels = with_tail(_first(every, count), tcc.diagonal, fitted)
        measured = edge_error(held_out, kernels, recipe, grid)
        through_pitch = max(edge_error(own, kernels, recipe, grid, share=1.0) for own in (lines_fitted, other_lines))
        if measured <= edge_error_nm and through_pitch <= PITCH_SHARE * edge_error_nm:
            return replace(kernels, edge_error_nm=measured)
        measured = max(measured, through_pitch / PITCH_SHARE)
        if count >= len(every.weights):
            break
    raise KernelError(
        f"Expected kernels with edges within {edge_error_nm:g} nm, got {measured:.3g} nm with {len(kernels.weights)} "
        f"of them and {samples} source samples; raise edge_error_nm in [kernels]."
    )


def with_tail(kernels: SocsKernels, diagonal: Tensor, fitted: Examples) -> SocsKernels:
    """Kernels with the tail that suits some masks best.

    Args:
        kernels: Kernels without a tail, not rescaled.
        diagonal: The TCC's.
        fitted: The masks.
    """
    mean = with_mean(kernels, diagonal)
    return with_linear(mean, fit_linear(fitted.exact - _images(fitted, mean), fitted.transmitted, kernels.field_nm))


def _first(kernels: SocsKernels, count: int) -> SocsKernels:
    """The first kernels, without a tail."""
    kept = kernels.weights[:count].sum() / kernels.weights.sum() * (1 - (kernels.discarded_energy or 0.0))
    return SocsKernels(
        kernels.spectra[:count], kernels.weights[:count], kernels.field_nm, discarded_energy=max(0.0, 1 - float(kept))
    )


def _examples(masks: Tensor, recipe: Recipe, grid: Grid, tcc: Tcc) -> Examples:
    """Masks (B, H, W) with their images by Hopkins' sum."""
    if recipe.mask.lowest < 0:
        masks = alternated(masks)
    half = tcc.passed.shape[0] // 2, tcc.passed.shape[1] // 2
    amplitude = _amplitude(masks, grid, half, recipe)
    wide = _forward(grid, (2 * half[0], 2 * half[1]), recipe)
    return Examples(amplitude, analyse(recipe.mask.transmitted(masks), wide), tcc_intensity_spectrum(amplitude, tcc))


def _amplitude(masks: Tensor, grid: Grid, half: tuple[int, int], recipe: Recipe) -> Tensor:
    return full_spectrum(analyse(recipe.mask.amplitude(masks), _forward(grid, half, recipe)))


def _forward(grid: Grid, half: tuple[int, int], recipe: Recipe) -> PartialDft:
    f64, blur_nm = torch.float64, recipe.mask.blur_nm
    return analysis(grid, half, reference_nm=0.0, dtype=f64, device=torch.device("cpu"), blur_nm=blur_nm)


def _images(examples: Examples, kernels: SocsKernels) -> Tensor:
    """Half spectra of the images."""
    few = paired(kernels.weighted_spectra).to(torch.complex64)
    images = intensity_spectrum(examples.amplitude.to(torch.complex64), few).to(torch.complex128)
    if kernels.tail is None:
        return images
    return images + tail_image(examples.amplitude, examples.transmitted, kernels.tail)


def edge_error(examples: Examples, kernels: SocsKernels, recipe: Recipe, grid: Grid, *, share: float = SHARE) -> float:
    """A share of the edges of some masks, by default 99 %, lie closer than this to the exact image's, in nm.

    Args:
        examples: The masks with their exact images.
        kernels: The kernels.
        recipe: The resist.
        grid: Pixels of the field.
        share: In (0, 1].

    Raises:
        KernelError: No image crosses the threshold.
    """
    half, resist = (2 * kernels.half[0], 2 * kernels.half[1]), recipe.resist
    back = synthesis(grid, half, dtype=torch.float64, device=examples.exact.device)
    blur = diffusion_transfer(half, grid.field_nm, resist.diffusion_nm)
    exact = synthesise(examples.exact * blur, back)
    error = synthesise(_images(examples, kernels) * blur, back) - exact
    step = 2 * grid.pixel_nm
    slope = torch.hypot(*((exact.roll(-1, axis) - exact.roll(1, axis)) / step for axis in (-1, -2)))
    feature_nm = FEATURE * recipe.pupil.wavelength_nm / recipe.pupil.na
    edges = ((exact - resist.threshold).abs() < slope * grid.pixel_nm / 2) & (
        slope * feature_nm >= LEAST_NILS * resist.threshold
    )
    if int(edges.sum()) < FEWEST_EDGES:
        raise KernelError(
            f"Expected images of example masks with edges at the threshold {resist.threshold:g}, got nearly none on "
            f"a field of {grid.field_nm[1]:g} x {grid.field_nm[0]:g} nm; choose a threshold between dark and bright "
            f"parts, a field of at least 4 wavelength / NA, less blur, or give count in [kernels]."
        )
    return float((error[edges] / slope[edges]).abs().quantile(share))
