"""FLOPs and bytes of one optimisation step, counted from shapes; what a card's peak rates are compared with.

A multiply-add is two FLOPs, a complex one eight; a transform of n points has 5 n log2 n, a real one half of that; an
exponential, a root or a division is one. Bytes are the least that unfused stages can move: each stage reads its inputs
and writes its results once. The step that runs moves more, so a share of the peak bandwidth is a lower bound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from litho_dl.core.dft import needed_pixels
from litho_dl.ilt.method import Level
from litho_dl.ilt.views import View
from litho_dl.optics.imaging import fft_length
from litho_dl.simulation.simulator import Simulator

REAL, COMPLEX = 4, 8  # bytes in single precision
PRINTS = 3  # nominal, outer, inner


@dataclass(frozen=True)
class Work:
    """FLOPs and bytes."""

    flops: float
    bytes: float

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def times(self, count: float) -> "Work":
        """The same, `count` times."""
        return Work(self.flops * count, self.bytes * count)


@dataclass(frozen=True)
class StepShape:
    """Sizes that determine a step's work.

    Attributes:
        batch: Clips.
        pixels: (H, W) of masks.
        images: (H, W) of the parts of the field on which prints are compared with targets.
        whole: Whether there is but one, all of the field.
        parameters: Free parameters of a clip.
        half: (h_y, h_x), the highest mask frequencies.
        kernels: Kernels of each focus.
        terms: Terms of the objective.
        points: Points of a clip at which the image is evaluated, for the term `placement`.
    """

    batch: int
    pixels: tuple[int, int]
    images: tuple[tuple[int, int], ...]
    whole: bool
    parameters: int
    half: tuple[int, int]
    kernels: tuple[int, ...]
    terms: int
    points: int = 0

    @property
    def transform(self) -> int:
        """Points of one kernel's transform."""
        return math.prod(fft_length(4 * h + 1) for h in self.half)


@dataclass(frozen=True)
class Product:
    """`count` real matrix products (rows, inner) x (inner, columns); one factor is a matrix that all share."""

    count: int
    rows: int
    inner: int
    columns: int
    shared_is_left: bool

    @property
    def multiply_adds(self) -> int:
        """Of all products."""
        return self.count * self.rows * self.inner * self.columns

    @property
    def work(self) -> Work:
        """Forward."""
        left, right = self.rows * self.inner, self.inner * self.columns
        shared, own = (left, right) if self.shared_is_left else (right, left)
        elements = shared + self.count * (own + self.rows * self.columns)
        return Work(2 * self.multiply_adds, REAL * elements)


def step_shape(
    simulator: Simulator, level: Level, seen: Sequence[View], batch: int, parameters: int, terms: int, points: int = 0
) -> StepShape:
    """The shape of a step at a level, with prints in the views that are seen."""
    kernels = tuple(len(kernels) for kernels in simulator.passband.kernels.values())
    pixels = simulator.grid(level.pixel_nm).shape
    images = tuple(view.comparison.target.shape[-2:] for view in seen)
    half, whole = simulator.passband.half, len(seen) == 1
    return StepShape(batch, pixels, images, whole, parameters, half, kernels, terms, points)


def products(shape: StepShape) -> list[Product]:
    """The matrix products of the partial transforms, forward: the mask's analysis, the synthesis of each focus."""
    (height, width), (h_y, h_x), b = shape.pixels, shape.half, shape.batch
    analysis = [Product(b, height, n, 2 * f, shared_is_left=False) for n, f in _matrices(width, h_x + 1)]
    analysis += [Product(b, 2 * f, n, 2 * (h_x + 1), shared_is_left=True) for n, f in _matrices(height, h_y + 1)]
    synthesis = []
    for index, (height, width) in enumerate(shape.images):
        window = index == 0 and not shape.whole
        rows, columns = (_matrices(n, 2 * h + 1, window) for n, h in ((height, h_y), (width, h_x)))
        synthesis += [Product(b, n, 2 * f, 2 * (2 * h_x + 1), shared_is_left=True) for n, f in rows]
        synthesis += [Product(b, height, 2 * f, n, shared_is_left=False) for n, f in columns]
    return analysis + synthesis * len(shape.kernels)


def _matrices(n: int, frequencies: int, window: bool = False) -> list[tuple[int, int]]:
    """(pixels, frequencies) of an axis' matrices; the sums of halves are left out."""
    if window or needed_pixels(n, frequencies) == n:
        return [(n, frequencies)]
    return [(n // 2, (frequencies + 1) // 2), (n // 2, frequencies // 2)]


def matrix_work(shape: StepShape) -> Work:
    """Forward and backward: the matrices have no gradient, so each product comes back as one of its own size."""
    return _sum([product.work for product in products(shape)]).times(2)


def point_multiply_adds(shape: StepShape) -> int:
    """Complex multiply-adds of the matrix product of points and the nominal image's spectrum, forward."""
    h_y, h_x = shape.half
    return shape.batch * shape.points * (4 * h_y + 1) * (2 * h_x + 1)


def point_work(shape: StepShape) -> Work:
    """Images at points, forward and backward; the waves at points do not change between steps."""
    h_y, h_x = shape.half
    waves = shape.batch * shape.points * (4 * h_y + 1 + 2 * h_x + 1)
    return Work(8 * point_multiply_adds(shape), COMPLEX * waves).times(2)


def fft_work(shape: StepShape) -> Work:
    """Forward and backward: one complex transform a kernel, one real one a focus."""
    n = shape.transform
    one = Work(5 * n * math.log2(n), 2 * COMPLEX * n)
    complex_, real = one.times(sum(shape.kernels)), one.times(0.5 * len(shape.kernels))
    return (complex_ + real).times(2 * shape.batch)


def elementwise_work(shape: StepShape) -> Work:
    """Forward and backward, optimizer included; masks are taken as sigmoids of interpolated control points."""
    return _sum([_kernel_work(shape), _image_work(shape), _parameter_work(shape)])


def _kernel_work(shape: StepShape) -> Work:
    """K_k S and sum |E_k|^2, with their gradients."""
    band, n, b = math.prod(2 * h + 1 for h in shape.half), shape.transform, shape.batch
    kernels, foci = sum(shape.kernels), len(shape.kernels)
    apply = Work((6 + 8) * b * kernels * band, 2 * COMPLEX * band * (kernels + b * kernels + b * foci))
    # Forward reads E and writes I; backward reads E and dI and writes dE.
    square = Work((4 + 3) * b * kernels * n, b * n * (3 * COMPLEX * kernels + 2 * REAL * foci))
    return apply + square


def _image_work(shape: StepShape) -> Work:
    """Mask sigmoid, prints and terms, with their gradients."""
    pixels = shape.batch * math.prod(shape.pixels)
    images = shape.batch * sum(math.prod(sides) for sides in shape.images)
    mask = Work(4 + 4, (2 + 3) * REAL)  # scaled sigmoid; m (1 - m) dm
    prints = Work(6 + 5, (2 + 3) * REAL).times(PRINTS)
    terms = Work(4 + 4, (2 + 4) * REAL).times(shape.terms)  # two images in; both and their gradients
    return mask.times(pixels) + (prints + terms).times(images)


def _parameter_work(shape: StepShape) -> Work:
    """Bilinear interpolation and its transpose, and Adam."""
    pixels, parameters = shape.batch * math.prod(shape.pixels), shape.batch * shape.parameters
    interpolation = Work(2 * 8 * pixels, 2 * REAL * (pixels + parameters))
    return interpolation + Work(12 * parameters, 7 * REAL * parameters)


def step_work(shape: StepShape) -> dict[str, Work]:
    """The work of one step, by kind."""
    return {
        "matrix products": matrix_work(shape) + point_work(shape),
        "FFTs": fft_work(shape),
        "elementwise": elementwise_work(shape),
    }


def total(work: dict[str, Work]) -> Work:
    """All kinds together."""
    return _sum(list(work.values()))


def _sum(parts: list[Work]) -> Work:
    return Work(sum(part.flops for part in parts), sum(part.bytes for part in parts))
