"""Example masks at the scale of an optical system: gratings, drawn ones, and ones as an optimisation makes them.

Kernels are truncated, and their tails fitted, by what these masks need; see `process.accuracy`. All lengths are in
units of lambda / NA, so every system gets masks of like difficulty.
"""

import math

import torch
from torch import Tensor

from litho_dl.core.dft import analyse, analysis, full_spectrum, synthesis, synthesise
from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.optics.imaging import intensity_spectrum, paired
from litho_dl.optics.kernels import SocsKernels
from litho_dl.process.recipe import Recipe
from litho_dl.process.resist import diffusion_transfer, sigmoid_print

FINEST = 0.056  # pixel; 8 nm at NA 1.35 and 193 nm
MOST_FINER = 4
WIRE, VIA = (0.42, 0.75), (0.6, 0.8)  # widths
SPACE, LENGTH = (0.42, 1.6), (1.0, 5.0)
FINEST_PITCH, PITCHES = 0.65, 7
DUTIES = (0.5, 0.25)
DRAWN_SHARE = 0.7  # of the field's side that shapes fill
STEPS, RATE, MOMENTS = 50, 0.1, (0.9, 0.999)  # of the optimisation, by Adam
MASK_SHARPNESS, RESIST_STEEPNESS = 4.0, 40.0
DOSES, BAND_WEIGHT = (0.96, 1.0, 1.04), 1.5


def ensemble_grid(recipe: Recipe, field_nm: tuple[float, float]) -> Grid:
    """The pixels of the ensemble's masks: square, as fine as `FINEST`, and a whole number on each side.

    Args:
        recipe: Wavelength and aperture.
        field_nm: (height, width) of the field.

    Raises:
        KernelError: Only far finer pixels would fill the field.
    """
    unit_nm = recipe.pupil.wavelength_nm / recipe.pupil.na
    height, width = field_nm
    rows = math.ceil(height / (FINEST * unit_nm))
    most = MOST_FINER * rows
    while abs(rows * width / height - round(rows * width / height)) > 1e-9 * rows:
        rows += 1
        if rows > most:
            raise KernelError(
                f"Expected a field that square pixels fill, got {height:g} x {width:g} nm; choose sides in a ratio of "
                f"small whole numbers, or give count in [kernels]."
            )
    return Grid.of_field(field_nm, height / rows)


def gratings(recipe: Recipe, grid: Grid) -> Tensor:
    """Lines through pitch, 1:1 and 1:3, along y and along x, with whole numbers of periods on the field.

    Args:
        recipe: Wavelength and aperture.
        grid: Pixels of the field.

    Returns:
        Coverage (`PITCHES`, 4, H, W) in [0, 1], float64.
    """
    finest_nm, masks = FINEST_PITCH * recipe.pupil.wavelength_nm / recipe.pupil.na, []
    for index in range(PITCHES):
        for duty in DUTIES:
            for axis in (1, 0):
                most = max(1, math.floor(grid.field_nm[axis] / finest_nm))
                line = _line(grid.shape[axis], max(1, round(most ** (1 - index / (PITCHES - 1)))), duty)
                masks.append((line if axis else line[:, None]).expand(grid.shape))
    return torch.stack(masks).unflatten(0, (PITCHES, -1))


def _line(pixels: int, periods: int, duty: float) -> Tensor:
    """Open shares (pixels,) of the pixels of a grating."""
    edges = torch.arange(pixels + 1, dtype=torch.float64) * periods / pixels
    opened = edges.floor() * duty + (edges - edges.floor()).clamp(max=duty)  # up to each edge
    return (opened[1:] - opened[:-1]) * pixels / periods


def drawn_masks(recipe: Recipe, grid: Grid, count: int, seed: int) -> Tensor:
    """Random wires and vias, by turns, as drawn.

    Args:
        recipe: Wavelength and aperture.
        grid: Pixels of the field.
        count: Number of masks.
        seed: Of the random numbers.

    Returns:
        Coverage (count, H, W) of 0 and 1, float64.
    """
    random = torch.Generator().manual_seed(seed)
    unit = recipe.pupil.wavelength_nm / recipe.pupil.na / grid.pixel_nm
    return torch.stack([(_vias if index % 3 == 2 else _wires)(grid, unit, random) for index in range(count)])


def _drawn_length(bounds: tuple[float, float], unit: float, random: torch.Generator) -> int:
    low, high = bounds
    return max(1, round(unit * (low + (high - low) * float(torch.rand((), generator=random)))))


def _middle(pixels: int) -> tuple[int, int]:
    """The part of a side that shapes fill."""
    border = round(pixels * (1 - DRAWN_SHARE) / 2)
    return border, pixels - border


def _wires(grid: Grid, unit: float, random: torch.Generator) -> Tensor:
    """Rows of wires of one width each, cut to random lengths, along x or y."""
    mask = torch.zeros(grid.shape, dtype=torch.float64)
    along_y = bool(torch.rand((), generator=random) < 0.5)
    drawn = mask.T if along_y else mask
    (low_y, high_y), (low_x, high_x) = (_middle(n) for n in drawn.shape)
    y = low_y
    while y < high_y:
        width, x = _drawn_length(WIRE, unit, random), low_x + _drawn_length(SPACE, unit, random)
        while x < high_x:
            length = _drawn_length(LENGTH, unit, random)
            drawn[y : min(y + width, high_y), x : min(x + length, high_x)] = 1
            x += length + _drawn_length(SPACE, unit, random)
        y += width + _drawn_length(SPACE, unit, random)
    return mask


def _vias(grid: Grid, unit: float, random: torch.Generator) -> Tensor:
    """Squares at random places, some of them close together."""
    mask = torch.zeros(grid.shape, dtype=torch.float64)
    area = math.prod(n * DRAWN_SHARE / unit for n in grid.shape)
    for _ in range(max(4, round(area / 8))):
        side = _drawn_length(VIA, unit, random)
        y, x = (
            low + int(float(torch.rand((), generator=random)) * max(1, high - low - side))
            for low, high in map(_middle, grid.shape)
        )
        mask[y : y + side, x : x + side] = 1
    return mask


def optimised_masks(drawn: Tensor, grid: Grid, kernels: SocsKernels, recipe: Recipe) -> Tensor:
    """Masks that print the drawn ones, by a short descent on L2 and PV band with few kernels.

    They need not be good, only like good ones: with assist features, serifs and specks where the optics ask for them.

    Args:
        drawn: Coverage (B, H, W) of 0 and 1.
        grid: Its pixels.
        kernels: A few leading kernels of the field.
        recipe: Mask technology and resist.

    Returns:
        Coverage of 0 and 1, of the same shape and dtype.
    """
    target, (half_y, half_x) = drawn.float(), kernels.half
    f32, blur_nm = torch.float32, recipe.mask.blur_nm
    forward = analysis(grid, kernels.half, reference_nm=0.0, dtype=f32, device=drawn.device, blur_nm=blur_nm)
    back = synthesis(grid, (2 * half_y, 2 * half_x), dtype=f32, device=drawn.device)
    few = paired(kernels.weighted_spectra).to(torch.complex64)
    lumped = recipe.resist.lumped
    blur = diffusion_transfer((2 * half_y, 2 * half_x), grid.field_nm, lumped.diffusion_nm).float()
    resist = lumped.model_copy(update={"steepness": RESIST_STEEPNESS})
    logits, mean, square = target - 0.5, torch.zeros_like(target), torch.zeros_like(target)
    for step in range(1, STEPS + 1):
        logits.requires_grad_()
        amplitude = recipe.mask.amplitude(torch.sigmoid(MASK_SHARPNESS * logits))
        image = synthesise(intensity_spectrum(full_spectrum(analyse(amplitude, forward)), few) * blur, back)
        prints = (sigmoid_print(image, resist, dose, recipe.mask.field) for dose in DOSES)
        low, nominal, high = prints
        loss = (nominal - target).square().sum() + BAND_WEIGHT * (high - low).square().sum()
        (gradient,) = torch.autograd.grad(loss, logits)
        mean = MOMENTS[0] * mean + (1 - MOMENTS[0]) * gradient
        square = MOMENTS[1] * square + (1 - MOMENTS[1]) * gradient.square()
        root = (square / (1 - MOMENTS[1] ** step)).sqrt() + torch.finfo(torch.float32).tiny
        logits = logits.detach() - RATE * mean / (1 - MOMENTS[0] ** step) / root
    return (logits > 0).to(drawn)


def alternated(masks: Tensor) -> Tensor:
    """Masks (B, H, W) of which every second shape has the opposite phase, as on an alternating mask."""
    from scipy.ndimage import label  # imported here: it loads slowly, and few masks are alternating

    shapes = torch.stack([torch.from_numpy(label(mask.numpy() > 0)[0]) for mask in masks])
    return torch.where(shapes % 2 == 0, -masks, masks)
