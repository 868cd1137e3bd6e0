"""Kernels of a stated accuracy: as few as place edges within a tolerance of the full sum, with a fitted tail.

The error of an edge is the image's error over its slope, where it crosses the threshold. It is measured against
Hopkins' sum over a source sampled `FINER` times as finely: on random masks that the tail was not fitted to, and on
lines through pitch, every edge of which must lie within `PITCH_SHARE` of the tolerance, at pitches that it was fitted
to and between. Where the sampling alone uses up the tolerance, the source is sampled more finely.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from litho_dl.core.dft import PartialDft, analyse, analysis, full_spectrum, synthesis, synthesise
from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.optics.columns import Columns
from litho_dl.optics.imaging import intensity_spectrum, paired
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.socs import focus_columns, leading_kernels
from litho_dl.optics.source import sample_source
from litho_dl.optics.tail import fit_linear, tail_image, with_linear, with_mean
from litho_dl.optics.tcc import Tcc, hopkins_tcc, tcc_intensity_spectrum
from litho_dl.optics.topography import polarized_parts
from litho_dl.process.ensemble import alternated, drawn_masks, ensemble_grid, gratings, optimised_masks
from litho_dl.process.recipe import MOST_SAMPLES, Recipe
from litho_dl.process.resist import diffusion_transfer

COUNTS = (8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 128, 192, 256)
FINER = 1.35
SAMPLING_SHARE = 0.5  # of what is allowed; the rest is for the kernels
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
        Kernels with a tail, and their measured `edge_error_nm`; of a mask with boundary layers, the kernels that a thin
        mask needs, without a measured error, as light that edges alone send to the wafer is not all kept.

    Raises:
        KernelError: The tolerance is not met by the largest number of kernels, or no edge prints.
    """
    grid, samples = ensemble_grid(recipe, field_nm), recipe.source_samples(field_nm)
    columns, tcc = _sampled(recipe, field_nm, defocus_nm, samples)
    drawn, lines = drawn_masks(recipe, grid, DRAWN, SEED), gratings(recipe, grid)
    few = leading_kernels(columns, FEW, tcc=tcc)
    masks = torch.stack((drawn, optimised_masks(drawn, grid, few, recipe)), 1)
    while True:
        finer = min(MOST_SAMPLES, round(FINER * samples))
        finer_columns, truth = _sampled(recipe, field_nm, defocus_nm, finer)
        checked = _Checked.of(masks, lines, recipe, grid, columns.half, truth)
        sampling = checked.share_used(partial(_full_sum, tcc=tcc), edge_error_nm)
        if sampling <= SAMPLING_SHARE or recipe.kernels.source_samples is not None or finer == MOST_SAMPLES:
            break
        samples, columns, tcc = finer, finer_columns, truth
    every = leading_kernels(columns, COUNTS[-1], tcc=tcc)
    for count in COUNTS:
        kernels = with_tail(_first(every, count), tcc.diagonal, checked.fitted)
        used = checked.share_used(partial(_images, kernels=kernels), edge_error_nm)
        if used <= 1 and recipe.mask.topography is not None:  # what the tolerance says of thin masks alone
            return replace(kernels, polarized=polarized_parts(columns, kernels.spectra))
        if used <= 1:
            return replace(kernels, edge_error_nm=edge_error(checked.held_out, kernels, recipe, grid))
        if count >= len(every.weights):
            break
    raise KernelError(
        f"Expected kernels with edges within {edge_error_nm:g} nm, got {used * edge_error_nm:.3g} nm with "
        f"{len(kernels.weights)} of them and {samples} source samples, which leave {sampling * edge_error_nm:.3g} nm "
        f"alone; raise edge_error_nm in [kernels]{', or source_samples' if sampling > SAMPLING_SHARE else ''}."
    )


def _sampled(recipe: Recipe, field_nm: tuple[float, float], defocus_nm: float, samples: int) -> tuple[Columns, Tcc]:
    """The optics of one focus with a source of so many cells a side."""
    source = sample_source(recipe.source, samples)
    columns = focus_columns(source, recipe.pupil, field_nm, film=recipe.film, defocus_nm=defocus_nm)
    return columns, hopkins_tcc(columns)


class _Checked(NamedTuple):
    """The ensemble with its full sums: what is fitted, and what is checked, half of which is not fitted."""

    fitted: Examples
    held_out: Examples
    lines: tuple[Examples, Examples]
    recipe: Recipe
    grid: Grid

    @classmethod
    def of(
        cls, masks: Tensor, lines: Tensor, recipe: Recipe, grid: Grid, half: tuple[int, int], truth: Tcc
    ) -> "_Checked":
        """Masks (n, 2, H, W) and lines (m, 4, H, W), every second of which is fitted."""
        first, second, held_out = (
            examples(own.flatten(0, 1), recipe, grid, half, truth) for own in (lines[::2], lines[1::2], masks[1::2])
        )
        fitted = examples(masks[::2].flatten(0, 1), recipe, grid, half, truth)
        both = Examples(*(torch.cat(parts) for parts in zip(fitted, first, strict=True)))
        return cls(both, held_out, (first, second), recipe, grid)

    def share_used(self, image: Callable[[Examples], Tensor], edge_error_nm: float) -> float:
        """The largest error of images over what is allowed, a number up to 1 where they are good enough."""
        part = image_edge_error(image(self.held_out), self.held_out.exact, self.recipe, self.grid)
        through_pitch = max(
            image_edge_error(image(own), own.exact, self.recipe, self.grid, share=1.0) for own in self.lines
        )
        return max(part, through_pitch / PITCH_SHARE) / edge_error_nm


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


def examples(masks: Tensor, recipe: Recipe, grid: Grid, half: tuple[int, int], tcc: Tcc) -> Examples:
    """Masks with their images by Hopkins' sum.

    Args:
        masks: Coverage (B, H, W); of an alternating mask, every second shape is turned.
        recipe: Mask technology.
        grid: Pixels of the masks.
        half: (h_y, h_x), the kernels' highest frequencies.
        tcc: On the same field, but for a frequency or two.
    """
    if recipe.mask.lowest < 0:
        masks = alternated(masks)
    own, own_half = recipe.mask.amplitude(masks), (tcc.passed.shape[0] // 2, tcc.passed.shape[1] // 2)
    exact = tcc_intensity_spectrum(full_spectrum(analyse(own, _forward(grid, own_half, recipe))), tcc)
    rows, columns = 2 * (half[0] - own_half[0]), 2 * (half[1] - own_half[1])
    wide = _forward(grid, (2 * half[0], 2 * half[1]), recipe)
    return Examples(
        full_spectrum(analyse(own, _forward(grid, half, recipe))),
        analyse(recipe.mask.transmitted(masks), wide),
        pad(exact, (0, columns, rows, rows)),
    )


def _forward(grid: Grid, half: tuple[int, int], recipe: Recipe) -> PartialDft:
    f64, blur_nm = torch.float64, recipe.mask.blur_nm
    return analysis(grid, half, reference_nm=0.0, dtype=f64, device=torch.device("cpu"), blur_nm=blur_nm)


def _full_sum(examples: Examples, tcc: Tcc) -> Tensor:
    """Half spectra of the images by another TCC than that of `exact`."""
    return tcc_intensity_spectrum(examples.amplitude, tcc)


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
    return image_edge_error(_images(examples, kernels), examples.exact, recipe, grid, share=share)


def image_edge_error(found: Tensor, exact: Tensor, recipe: Recipe, grid: Grid, *, share: float = SHARE) -> float:
    """`edge_error` of images at hand: half spectra (B, 2 h_y + 1, h_x + 1) without the resist's diffusion."""
    half, resist = (exact.shape[-2] // 2, exact.shape[-1] - 1), recipe.resist.lumped
    back = synthesis(grid, half, dtype=torch.float64, device=exact.device)
    blur = diffusion_transfer(half, grid.field_nm, resist.diffusion_nm)
    error = synthesise((found - exact) * blur, back)
    exact = synthesise(exact * blur, back)
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
