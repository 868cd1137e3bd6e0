"""Illumination: source shapes in sigma units, and their sampling to weighted points."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from litho_dl.core.errors import RecipeError
from litho_dl.core.io import read_image
from litho_dl.core.settings import Settings
from litho_dl.optics.polarization import Polarization, jones_states

Sigma = Annotated[float, Field(gt=0, le=1)]
SUBSAMPLES = 9  # the mean brightness of a source cell is computed on 9 x 9 points
NEGLIGIBLE = 1e-6  # of the brightest cell; darker cells are dropped


class SourceShape(Settings, ABC):
    """Base of all shapes.

    Attributes:
        shape: The shape's name.
        blur_sigma: Standard deviation of a Gaussian blur, in sigma units.
        polarization: Polarisation of the light; `te` is tangential and `tm` radial at each source point. Scalar imaging
            knows `unpolarized` alone.
    """

    shape: str
    blur_sigma: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    polarization: Polarization = "unpolarized"

    @abstractmethod
    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Brightness before blurring.

        Args:
            x: sigma_x of the points, any shape.
            y: sigma_y of the points, of the same shape.

        Returns:
            Values >= 0 of the points' shape.

        Raises:
            RecipeError: Of a freeform source, its file cannot be used.
        """

    def polarized_brightness(self, x: np.ndarray, y: np.ndarray) -> dict[Polarization, np.ndarray]:
        """`brightness` by polarisation, for shapes that hold light of several ones."""
        return {self.polarization: self.brightness(x, y)}

    @property
    def polarizations(self) -> frozenset[Polarization]:
        """The polarisations of the source's light."""
        return frozenset((self.polarization,))


class Conventional(SourceShape):
    """A filled disc."""

    shape: Literal["conventional"] = "conventional"
    sigma: Sigma

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (np.hypot(x, y) <= self.sigma).astype(float)


class _Ring(SourceShape):
    sigma_inner: Annotated[float, Field(ge=0, lt=1)]
    sigma_outer: Sigma

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.sigma_inner >= self.sigma_outer:
            raise ValueError(
                f"sigma_inner must be below sigma_outer, got {self.sigma_inner:g} and {self.sigma_outer:g}"
            )
        return self

    def _ring(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        r = np.hypot(x, y)
        return (r >= self.sigma_inner) & (r <= self.sigma_outer)

    def _poles(self, x: np.ndarray, y: np.ndarray, first_deg: float, step_deg: float, opening_deg: float) -> np.ndarray:
        """Sectors of the ring at angles `first_deg` + n `step_deg`, each with a full angle of `opening_deg`."""
        off_axis = (np.degrees(np.arctan2(y, x)) - first_deg + step_deg / 2) % step_deg - step_deg / 2
        return (self._ring(x, y) & (np.abs(off_axis) <= opening_deg / 2)).astype(float)


class Annular(_Ring):
    """A ring."""

    shape: Literal["annular"] = "annular"

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._ring(x, y).astype(float)


class Dipole(_Ring):
    """Two sectors of a ring, on the x axis (for lines along y) or the y axis; `opening_deg` is a pole's full angle."""

    shape: Literal["dipole"] = "dipole"
    opening_deg: Annotated[float, Field(gt=0, le=180)]
    axis: Literal["x", "y"]

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._poles(x, y, 0.0 if self.axis == "x" else 90.0, 180.0, self.opening_deg)


class Quasar(_Ring):
    """Four sectors of a ring on the diagonals; `opening_deg` is a pole's full angle."""

    shape: Literal["quasar"] = "quasar"
    opening_deg: Annotated[float, Field(gt=0, le=90)]

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._poles(x, y, 45.0, 90.0, self.opening_deg)


class CQuad(_Ring):
    """Four sectors of a ring on the axes; `opening_deg` is a pole's full angle."""

    shape: Literal["cquad"] = "cquad"
    opening_deg: Annotated[float, Field(gt=0, le=90)]

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self._poles(x, y, 0.0, 90.0, self.opening_deg)


class Pole(Settings):
    """One disc of a multipole source, in sigma units; without a polarisation of its own it has the source's."""

    x: Annotated[float, Field(ge=-1, le=1)]
    y: Annotated[float, Field(ge=-1, le=1)]
    radius: Sigma
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    polarization: Polarization | None = None

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The weight inside the disc, 0 outside, of the shape of x and y."""
        return self.weight * (np.hypot(x - self.x, y - self.y) <= self.radius)


class Multipole(SourceShape):
    """A list of discs; where they overlap, their brightness adds up."""

    shape: Literal["multipole"] = "multipole"
    poles: Annotated[tuple[Pole, ...], Field(min_length=1)]

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sum([pole.brightness(x, y) for pole in self.poles], axis=0)

    def polarized_brightness(self, x: np.ndarray, y: np.ndarray) -> dict[Polarization, np.ndarray]:
        groups: dict[Polarization, list[np.ndarray]] = {}
        for pole in self.poles:
            groups.setdefault(pole.polarization or self.polarization, []).append(pole.brightness(x, y))
        return {kind: np.sum(discs, axis=0) for kind, discs in groups.items()}

    @property
    def polarizations(self) -> frozenset[Polarization]:
        return frozenset(pole.polarization or self.polarization for pole in self.poles)


class Freeform(SourceShape):
    """A pixel map over [-1, 1] x [-1, 1] sigma from a .png, .npy or .csv file; first row = lowest sigma_y.

    In a recipe, the path is relative to the recipe's file.
    """

    shape: Literal["freeform"] = "freeform"
    file: Path

    def brightness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        image = read_image(self.file).astype(float)
        if not np.isfinite(image).all() or image.min() < 0 or image.max() <= 0:
            raise RecipeError(f"{self.file}: expected a source map of finite values >= 0, not all zero.")
        rows, columns = (
            np.clip(((c + 1) / 2 * n).astype(int), 0, n - 1) for c, n in zip((y, x), image.shape, strict=True)
        )
        return image[rows, columns]


SourceSpec = Annotated[
    Conventional | Annular | Dipole | Quasar | CQuad | Multipole | Freeform, Field(discriminator="shape")
]


@dataclass(frozen=True, eq=False, repr=False)
class Source:
    """Weighted points of an incoherent source, with the polarisation of their light.

    Attributes:
        points: (S, 2) sigma_x, sigma_y.
        weights: (S,), with sum 1.
        states: (S, P, 2) float64, P = 1 or 2: incoherent Jones states (E_x, E_y) whose squared norms sum to 1 at each
            point. Unpolarised unless given; scalar imaging ignores them.
    """

    points: np.ndarray
    weights: np.ndarray
    states: np.ndarray = None  # type: ignore[assignment]  # never None once made

    def __post_init__(self) -> None:
        if self.states is None:
            object.__setattr__(self, "states", jones_states(self.points, {"unpolarized": np.ones(len(self.points))}))

    def __repr__(self) -> str:
        return f"Source({len(self.weights)} points, sigma up to {self.sigma_max:.3g})"

    def part(self, which: np.ndarray) -> "Source":
        """Some of the points, with their weights as they are; indices or a bool for each."""
        return Source(self.points[which], self.weights[which], self.states[which])

    @property
    def sigma_max(self) -> float:
        """Distance of the outermost point from the optical axis."""
        return float(np.hypot(*self.points.T).max())


def sample_source(shape: SourceShape, samples: int) -> Source:
    """Samples a shape on a square grid of cells over [-1, 1]^2; each bright cell becomes one point at its centre.

    A point's weight is the mean brightness of its cell, so edges are anti-aliased; no point lies outside the unit disc.
    Where poles of different polarisation share a cell, its light is their incoherent mixture.

    Args:
        shape: The source shape.
        samples: Cells a side.

    Returns:
        The source points and their weights.

    Raises:
        RecipeError: No cell is bright, or a freeform source's file cannot be used.
    """
    fine = (np.arange(samples * SUBSAMPLES) + 0.5) / (samples * SUBSAMPLES) * 2 - 1
    x, y = np.meshgrid(fine, fine)
    light = {}
    for kind, map_fine in shape.polarized_brightness(x, y).items():
        if shape.blur_sigma > 0:
            from scipy.ndimage import gaussian_filter  # imported here: it loads slowly, and few sources are blurred

            map_fine = gaussian_filter(map_fine, shape.blur_sigma * samples * SUBSAMPLES / 2, mode="constant")
        map_fine = map_fine * (np.hypot(x, y) <= 1)
        light[kind] = map_fine.reshape(samples, SUBSAMPLES, samples, SUBSAMPLES).mean((1, 3))
    weights = np.sum(list(light.values()), axis=0)
    centres = (np.arange(samples) + 0.5) / samples * 2 - 1
    cx, cy = np.meshgrid(centres, centres)
    lit = (weights > NEGLIGIBLE * weights.max()) & (np.hypot(cx, cy) <= 1)
    if not lit.any():
        raise RecipeError(f"The {shape.shape} source lights no cell of {samples} x {samples}; raise `samples`.")
    points = np.stack((cx[lit], cy[lit]), axis=1)
    states = jones_states(points, {kind: own[lit] for kind, own in light.items()})
    return Source(points, weights[lit] / weights[lit].sum(), states)
