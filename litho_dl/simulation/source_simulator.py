"""A simulator whose illumination is a trainable pixel map, for source-mask optimisation (SMO)."""

import copy
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from litho_dl.core.errors import KernelError, RecipeError
from litho_dl.optics.abbe import mask_points, points_intensity_spectrum
from litho_dl.optics.columns import PointPupils
from litho_dl.optics.socs import focus_columns, passed_half
from litho_dl.optics.source import Conventional, Source, SourceShape, sample_source
from litho_dl.process.model import ProcessModel, kernel_name
from litho_dl.process.recipe import Recipe
from litho_dl.simulation.mask_spectrum import MaskSpectrum
from litho_dl.simulation.passband import Passband
from litho_dl.simulation.simulator import Simulator, process_of

Symmetry = Literal["none", "xy"]
MIRRORS: dict[str, tuple[tuple[int, ...], ...]] = {"none": ((),), "xy": ((), (0,), (1,), (0, 1))}
WHOLE_PUPIL = Conventional(sigma=1.0)
DARK = 0.05  # of the brightest pixel; dimmer ones are off in `source_map`
BISECTIONS = 60
HIGHEST_SHIFT = 100.0  # of the logits; the sigmoid of it is 1 to rounding


class SourceSimulator(Simulator):
    """Abbe imaging with one trainable source for all masks of a batch, differentiable in masks and source.

    The source is a map of n x n pixels over [-1, 1]^2 sigma. Pixel s has the brightness B_s = sigmoid(l_s + t) in
    (0, 1), where l is the logits of the start source plus a Gaussian mean of the free `source_logits` (q, q), so that
    the source changes smoothly; its weight J_s is B_s times the share of the pixel inside the unit disc. The shift
    t >= 0 is 0 unless the pupil fill, sum_s J_s divided by the same sum with every B_s = 1, would fall below its
    minimum; then t raises it to the minimum. As no pixel exceeds 1, at least that share of the pupil is lit, and the
    source cannot shrink to a few points.

    Example:
        >>> simulator = SourceSimulator("duv193-immersion-annular")
        >>> solution = solve(simulator, clips, "smo")
        >>> simulator.source_map()                                     # (21, 21)
    """

    def __init__(
        self,
        optics: str | Path | ProcessModel,
        *,
        field_nm: float | None = None,
        samples: int = 21,
        symmetry: Symmetry = "xy",
        smooth_sigma: float = 0.08,
        floor: float = 0.02,
        minimum_fill: float = 0.15,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Sets the source to that of the recipe.

        Args:
            optics: As for `Simulator`, with a recipe. Its field, mask, resist and corners are used, not its kernels.
            field_nm: As for `Simulator`.
            samples: Pixels of the source map on a side.
            symmetry: `xy`: mirrored in both axes, so that poles stay balanced (a start source without this symmetry is
                averaged); or `none`.
            smooth_sigma: Standard deviation of the Gaussian that smooths every change of the source, in [0, 1] sigma.
            floor: Least brightness of a pixel at the start, in (0, 0.5), so that dark pixels can grow.
            minimum_fill: Least pupil fill, in (0, 1); that of the start source if it is less.
            dtype: float32 or float64.

        Raises:
            KernelError: The process has no recipe.
            GridMismatchError: A process model has another field.
            RecipeError: A setting is out of range, the source lights no pixel of the map, or its poles have several
                polarisations, of which a map has one.
        """
        process = process_of(optics, field_nm)
        _require(process, samples, symmetry, smooth_sigma, floor, minimum_fill)
        assert process.recipe is not None
        cells = sample_source(polarized_pupil(process.recipe.source), samples)
        points = focus_points(process, process.recipe, cells)
        one = next(iter(points.values()))  # the disc and the clear field do not depend on focus
        passband = Passband(
            {name: cut.values for name, cut in points.items()},
            passed_half(process.recipe.pupil, cells.sigma_max, process.field_nm),
            (one.values.shape[-2] - 1, one.values.shape[-1] - 1),
        )
        super().__init__(process, dtype=dtype, passband=passband)
        self.samples, self.cells, side = samples, cells, free_side(samples, symmetry)
        columns, rows = source_pixels(cells, samples).T
        start = start_map(process.recipe.source, samples, symmetry)[rows, columns]
        self.minimum_fill = min(minimum_fill, float(cells.weights @ start))
        self.source_logits = nn.Parameter(torch.zeros(side, side, dtype=dtype))
        self.register_buffer("start_logits", torch.logit(torch.from_numpy(start), eps=floor).to(dtype))
        self.register_buffer("spread", torch.from_numpy(spreading(cells, samples, symmetry, smooth_sigma)).to(dtype))
        self.register_buffer("spectrum_places", one.places)
        self.register_buffer("coverage", torch.from_numpy(cells.weights).to(dtype))
        self.register_buffer("clear", one.clear.to(dtype))

    start_logits: Tensor
    spread: Tensor
    spectrum_places: Tensor
    coverage: Tensor
    clear: Tensor

    def in_double(self) -> "SourceSimulator":
        """The same simulator in float64, with the present source."""
        return copy.deepcopy(self).double()

    def with_corners(self, corners: dict[str, tuple[float, float]]) -> "SourceSimulator":
        """Refuses corners whose foci the source was not prepared for.

        Raises:
            RecipeError: Always.
        """
        raise RecipeError(
            "Expected a method without [[corners]] for source-mask optimisation; name corners in the optics recipe."
        )

    def shortened(self, count: int) -> "SourceSimulator":
        """Itself: source pixels are not ordered as kernels are, and all are optimised."""
        return self

    def brightness(self) -> Tensor:
        """The brightness B_s of every source pixel in the unit disc, (S,) in (0, 1)."""
        logits = self.start_logits + self.spread @ self.source_logits.flatten()
        return torch.sigmoid(logits + fill_shift(logits, self.coverage, self.minimum_fill))

    def intensity_spectrum(self, spectrum: MaskSpectrum, kernels: str) -> Tensor:
        """The half spectrum of the image in resist, with the present source; see `Simulator.intensity_spectrum`."""
        points = PointPupils(self.kernels(kernels), self.spectrum_places, self.clear)
        weights = self.coverage * self.brightness()
        return points_intensity_spectrum(spectrum.amplitude, points, weights) * self.diffusion

    def fill(self) -> float:
        """Pupil fill: the source's light divided by that with every pixel at 1, in (0, 1)."""
        brightness = self.brightness().detach()
        return float((self.coverage * brightness).sum() / self.coverage.sum())

    def source_map(self) -> np.ndarray:
        """Brightness (samples, samples) in [0, 1], row 0 = lowest sigma_y; 0 below `DARK` of the brightest pixel."""
        image = np.zeros((self.samples, self.samples))
        columns, rows = source_pixels(self.cells, self.samples).T
        image[rows, columns] = self.brightness().detach().double().cpu().numpy()
        return np.where(image < DARK * image.max(), 0, image)

    def source(self) -> Source:
        """The lit points of `source_map`, weighted as in a freeform source of that map."""
        columns, rows = source_pixels(self.cells, self.samples).T
        weights = self.cells.weights * self.source_map()[rows, columns]
        lit = weights > 0
        return Source(self.cells.points[lit], weights[lit] / weights[lit].sum(), self.cells.states[lit])


def polarized_pupil(shape: SourceShape) -> SourceShape:
    """A source that fills the pupil with light of a shape's polarisation.

    Raises:
        RecipeError: The shape has light of several polarisations.
    """
    if len(shape.polarizations) > 1:
        raise RecipeError(
            f"Expected a source of one polarisation, which its map keeps, got poles of "
            f"{', '.join(sorted(shape.polarizations))}; give all poles the same."
        )
    return WHOLE_PUPIL.model_copy(update={"polarization": next(iter(shape.polarizations))})


def focus_points(process: ProcessModel, recipe: Recipe, cells: Source) -> dict[str, PointPupils]:
    """The fields of all source pixels at each focus, on the frequencies that they pass.

    Args:
        process: The process.
        recipe: Its recipe.
        cells: The source pixels.

    Returns:
        Fields by kernel name.
    """
    defocus = {kernel_name(corner.defocus_nm): corner.defocus_nm for corner in recipe.corners.values()}
    return {
        name: mask_points(
            focus_columns(cells, recipe.pupil, process.field_nm, film=recipe.film, defocus_nm=defocus[name]),
            process.mask,
        )
        for name in process.kernels
    }


def source_pixels(source: Source, samples: int) -> np.ndarray:
    """The map pixels whose centres are the points of a source.

    Args:
        source: A source sampled at pixel centres.
        samples: Pixels of the map on a side.

    Returns:
        (S, 2) rows of (column, row).
    """
    return np.rint((source.points + 1) / 2 * samples - 0.5).astype(int)


def free_side(samples: int, symmetry: Symmetry) -> int:
    """The side of the part of the map that its symmetry leaves free.

    Args:
        samples: Pixels of the map on a side.
        symmetry: `xy` or `none`.

    Returns:
        The side q in pixels.
    """
    return samples if symmetry == "none" else (samples + 1) // 2


def start_map(shape: SourceShape, samples: int, symmetry: Symmetry) -> np.ndarray:
    """The map of a source shape, averaged over its mirror images.

    Args:
        shape: The source shape.
        samples: Pixels of the map on a side.
        symmetry: `xy` or `none`.

    Returns:
        Brightness (samples, samples), maximum 1, row 0 = lowest sigma_y.

    Raises:
        RecipeError: The shape lights no pixel.
    """
    own, whole = sample_source(shape, samples), sample_source(WHOLE_PUPIL, samples)
    image, coverage = np.zeros((samples, samples)), np.ones((samples, samples))
    for values, source in ((image, own), (coverage, whole)):
        columns, rows = source_pixels(source, samples).T
        values[rows, columns] = source.weights
    image = np.mean([np.flip(image / coverage, axes) for axes in MIRRORS[symmetry]], axis=0)
    return image / image.max()


def spreading(cells: Source, samples: int, symmetry: Symmetry, smooth_sigma: float) -> np.ndarray:
    """The matrix from the free logits (q, q) to the logits of the source pixels.

    The change of a pixel is the Gaussian mean of the free changes around it; mirrored pixels share one.

    Args:
        cells: The source pixels.
        samples: Pixels of the map on a side.
        symmetry: `xy` or `none`.
        smooth_sigma: Standard deviation of the Gaussian in sigma; 0: no smoothing.

    Returns:
        (S, q q), each row with sum 1.
    """
    columns, rows = source_pixels(cells, samples).T
    side = free_side(samples, symmetry)
    if symmetry == "xy":
        rows, columns = (np.minimum(index, samples - 1 - index) for index in (rows, columns))
    shares = np.eye(len(cells.points))
    if smooth_sigma > 0:
        distance = np.square(cells.points[:, None] - cells.points).sum(-1)
        shares = np.exp(-distance / (2 * smooth_sigma**2))
    folded = np.zeros((side * side, len(cells.points)))
    np.add.at(folded, rows * side + columns, shares)
    return folded.T / folded.T.sum(1, keepdims=True)


def fill_shift(logits: Tensor, coverage: Tensor, minimum_fill: float) -> Tensor:
    """The least t >= 0 at which sum c sigmoid(l + t) / sum c reaches a minimum; differentiable in l.

    dt/dl_s = -c_s sigmoid'(l_s + t) / sum c sigmoid'(l + t), by implicit differentiation.

    Args:
        logits: l of the source pixels, (S,).
        coverage: c, the share of each pixel inside the unit disc, (S,).
        minimum_fill: The minimum, in (0, 1).

    Returns:
        t, a scalar.
    """

    def excess(shift: Tensor) -> Tensor:
        return (coverage * torch.sigmoid(logits + shift)).sum() / coverage.sum() - minimum_fill

    low, high = torch.zeros_like(logits[0]), logits.detach().abs().amax() + HIGHEST_SHIFT
    with torch.no_grad():
        if excess(low) >= 0:
            return low
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if excess(middle) >= 0 else (middle, high)
        lifted = torch.sigmoid(logits + high)
        slope = (coverage * lifted * (1 - lifted)).sum() / coverage.sum()
    residual = excess(high)
    return high - (residual - residual.detach()) / slope.clamp(min=torch.finfo(slope.dtype).tiny)


def _require(
    process: ProcessModel, samples: int, symmetry: str, smooth_sigma: float, floor: float, minimum_fill: float
) -> None:
    if process.recipe is None:
        raise KernelError(
            "Expected optics with a recipe, got imported kernels, whose source and lens are not known; "
            "give a recipe's name or a .toml file."
        )
    if process.recipe.pupil.imaging == "spot":
        raise KernelError(
            "Expected optics with a source to optimise, got a spot, which writes without one; optimise shapes alone."
        )
    unknown = sorted(set(process.kernels) - {kernel_name(c.defocus_nm) for c in process.recipe.corners.values()})
    if unknown:
        raise KernelError(f"Expected kernels of the foci that the recipe's corners name, got {', '.join(unknown)}.")
    if symmetry not in MIRRORS:
        raise RecipeError(f"Expected a source symmetry among {', '.join(MIRRORS)}, got {symmetry!r}.")
    if not (isinstance(samples, int) and samples >= 3):
        raise RecipeError(f"Expected a source map of at least 3 x 3 pixels, got {samples!r} on a side.")
    if not 0 <= smooth_sigma <= 1:
        raise RecipeError(f"Expected a smoothing length in [0, 1] sigma, got {smooth_sigma:g}.")
    if not 0 < floor < 0.5:
        raise RecipeError(f"Expected a brightness floor in (0, 0.5), got {floor:g}.")
    if not 0 < minimum_fill < 1:
        raise RecipeError(f"Expected a minimum pupil fill in (0, 1), got {minimum_fill:g}.")
