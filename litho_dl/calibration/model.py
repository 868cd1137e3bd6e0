"""What a recipe predicts for every measurement, and the derivative of that in the recipe's numbers.

An edge lies where the image I along a ray reaches the level L. By the implicit function theorem its distance s changes
with a number p by ds/dp = -(dI/dp - dL/dp) / (dI/ds); a CD is the sum of two such distances.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from litho_dl.calibration.edges import Ray, bracket, directional, refined, waves_of
from litho_dl.calibration.images import (
    DIFFUSION,
    FLARE,
    Half,
    Images,
    difference_step,
    neighbours,
    transfer,
    transfer_derivative,
)
from litho_dl.calibration.keys import DOSE, FOCUS, THRESHOLD, value_of, with_values
from litho_dl.calibration.measurement import Measurement
from litho_dl.calibration.scene import Scene
from litho_dl.core.dft import PointWaves, synthesise_at
from litho_dl.optics.print_rule import PrintRule
from litho_dl.process.chemistry import ChemicalResist
from litho_dl.process.recipe import Recipe

SAMPLE_NM = 2.0  # between samples that bracket an edge, times the recipe's scale
CONTOUR_REACH_NM = 40.0  # of a measured contour, within which the simulated edge is searched, times the scale


class Prediction(NamedTuple):
    """What a recipe predicts.

    Attributes:
        values_nm: (M,) CDs, and distances of simulated edges from points of measured contours, positive outside; NaN
            where the feature does not print or merges with another.
        distances_nm: (R,) distances of the edges along all rays, NaN where there is none.
    """

    values_nm: np.ndarray
    distances_nm: np.ndarray


@dataclass(eq=False)
class _Group:
    """Rays through one image: one scene, focus and dose."""

    scene: Scene
    defocus_nm: float
    dose: float
    rays: list[Ray] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # of the rays among all
    waves: dict[tuple[int, ...], PointWaves] = field(default_factory=dict)  # of the samples, by the image's shape


class Model:
    """The measurements, and how they follow from a recipe.

    Attributes:
        measurements: The M measurements.
        images: Computes images.
        owners: (R,) the measurement of each ray.
    """

    def __init__(self, measurements: Sequence[Measurement], images: Images, *, scale: float = 1.0) -> None:
        self.measurements, self.images, self._step_nm = tuple(measurements), images, SAMPLE_NM * scale
        groups: dict[tuple[int, float, float], _Group] = {}
        owners: list[int] = []
        offsets = np.zeros(len(measurements))
        for index, own in enumerate(measurements):
            group = groups.setdefault(
                (id(own.scene), own.defocus_nm, own.dose), _Group(own.scene, own.defocus_nm, own.dose)
            )
            rays, offsets[index] = rays_of(own, CONTOUR_REACH_NM * scale)
            group.places.extend(range(len(owners), len(owners) + len(rays)))
            group.rays.extend(rays)
            owners.extend([index] * len(rays))
        self._groups, self.owners, self._offsets = list(groups.values()), np.array(owners), offsets

    def predict(self, recipe: Recipe) -> Prediction:
        """The prediction of every measurement."""
        distances = np.full(len(self.owners), np.nan)
        for group in self._groups:
            distances[group.places] = self._edges(group, recipe)
        return Prediction(self._summed(distances) - self._offsets, distances)

    def prints(self, recipe: Recipe, latitude: float) -> np.ndarray:
        """Which measurements (M,) have an edge, also at doses that are higher and lower by a share."""
        dose = value_of(recipe, DOSE)
        ends = [with_values(recipe, {DOSE: dose * factor}) for factor in (1 - latitude, 1.0, 1 + latitude)]
        return np.all([np.isfinite(self.predict(end).values_nm) for end in ends], axis=0)

    def derivatives(self, recipe: Recipe, keys: Sequence[str], prediction: Prediction) -> np.ndarray:
        """The derivatives (M, P) of all predictions in the numbers at keys, at a recipe's own prediction."""
        slopes = np.full((len(self.owners), len(keys)), np.nan)
        for group in self._groups:
            distances = prediction.distances_nm[group.places]
            found = np.flatnonzero(np.isfinite(distances))
            if len(found):
                places = np.array(group.places)[found]
                slopes[places] = self._slopes(group, recipe, keys, found, distances[found])
        return np.stack([self._summed(column) for column in slopes.T], axis=1)

    def _summed(self, rays: np.ndarray) -> np.ndarray:
        """Sums (M,) of the values (R,) of each measurement's rays."""
        return np.bincount(self.owners, rays, len(self.measurements))

    def _image(self, group: _Group, recipe: Recipe) -> tuple[Tensor, float]:
        """The half spectrum in resist of a group, and the level at which it prints."""
        focus_nm = value_of(recipe, FOCUS) + group.defocus_nm
        if isinstance(recipe.resist, ChemicalResist):
            dose = value_of(recipe, DOSE) * group.dose
            return self.images.latent(recipe, group.scene, focus_nm, dose), recipe.resist.threshold
        aerial = self.images.aerial(recipe, group.scene, focus_nm)
        return aerial * transfer(*self._spread(aerial, recipe)), self._level(group, recipe)

    def _spread(self, aerial: Tensor, recipe: Recipe) -> tuple[Half, tuple[float, float], float, float]:
        """The arguments of `transfer` for an image."""
        half = aerial.shape[-2] // 2, aerial.shape[-1] - 1
        return half, self.images.field_nm, recipe.resist.diffusion_nm, recipe.pupil.flare

    @staticmethod
    def _level(group: _Group, recipe: Recipe) -> float:
        return recipe.resist.threshold / (value_of(recipe, DOSE) * group.dose)

    def _edges(self, group: _Group, recipe: Recipe) -> np.ndarray:
        """Distances of the edges along the rays of a group; NaN where there is none."""
        image, level = self._image(group, recipe)
        sides = PrintRule(1.0, recipe.mask.field).sign * np.array([ray.sign for ray in group.rays])
        lengths = np.array([ray.length_nm for ray in group.rays])
        count = int(np.ceil(lengths.max() / self._step_nm)) + 1
        places = lengths[:, None] * np.linspace(0, 1, count)
        shape = tuple(image.shape)
        if shape not in group.waves:
            points = np.concatenate([ray.points_nm(own) for ray, own in zip(group.rays, places, strict=True)])
            group.waves = {shape: waves_of(points, image, self.images.field_nm)}
        profiles = (synthesise_at(image, group.waves[shape]) - level).numpy().reshape(places.shape) * sides[:, None]
        nears = [None if ray.near_nm is None else ray.near_nm / ray.length_nm * (count - 1) for ray in group.rays]
        starts = [bracket(profile, near) for profile, near in zip(profiles, nears, strict=True)]
        found = np.array([index for index, start in enumerate(starts) if start is not None], dtype=int)
        distances = np.full(len(group.rays), np.nan)
        if len(found):
            first = np.array([start for start in starts if start is not None])

            def excess(at: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                value, slope = self._at(group, found, at, image)
                return (value - level) * sides[found], slope * sides[found]

            low, high = places[found, first], places[found, first + 1]
            distances[found] = refined(excess, low, high)[0]
        return distances

    def _at(self, group: _Group, rays: np.ndarray, at: np.ndarray, image: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """The image and its slope along some rays, at a distance (R,) on each."""
        points = np.stack([group.rays[index].points_nm(np.array(place)) for index, place in zip(rays, at, strict=True)])
        directions = torch.tensor([group.rays[index].direction for index in rays], dtype=torch.float64)
        waves = waves_of(points, image, self.images.field_nm)
        return (
            synthesise_at(image, waves).numpy(),
            directional(waves, image, directions, self.images.field_nm).numpy(),
        )

    def _slopes(
        self, group: _Group, recipe: Recipe, keys: Sequence[str], rays: np.ndarray, at: np.ndarray
    ) -> np.ndarray:
        """ds/dp (R, P) of the edges of some rays."""
        image, _ = self._image(group, recipe)
        _, along = self._at(group, rays, at, image)
        points = np.stack([group.rays[index].points_nm(np.array(place)) for index, place in zip(rays, at, strict=True)])
        columns = [self._change(group, recipe, key, points) for key in keys]
        return -np.stack(columns, axis=1) / along[:, None]

    def _change(self, group: _Group, recipe: Recipe, key: str, points: np.ndarray) -> np.ndarray:
        """d(I - L)/dp (R,) at points (R, 2)."""

        def at_points(image: Tensor) -> np.ndarray:
            return synthesise_at(image, waves_of(points, image, self.images.field_nm)).numpy()

        if isinstance(recipe.resist, ChemicalResist) or not _in_closed_form(key, recipe):
            low, high, distance = neighbours(recipe, key, difference_step(recipe, key))
            ends = [at_points(image) - level for image, level in (self._image(group, end) for end in (low, high))]
            return (ends[1] - ends[0]) / distance
        focus_nm, level = value_of(recipe, FOCUS) + group.defocus_nm, self._level(group, recipe)
        if key in (THRESHOLD, DOSE):
            relative = 1 / recipe.resist.threshold if key == THRESHOLD else -1 / value_of(recipe, DOSE)
            return np.full(len(points), -level * relative)
        if key in (DIFFUSION, FLARE):
            aerial = self.images.aerial(recipe, group.scene, focus_nm)
            return at_points(aerial * transfer_derivative(*self._spread(aerial, recipe), key))
        derivative = self.images.mask_derivative(recipe, group.scene, focus_nm, key)
        return at_points(derivative * transfer(*self._spread(derivative, recipe)))


def _in_closed_form(key: str, recipe: Recipe) -> bool:
    """Whether the derivative of a threshold resist's image is known without differences."""
    return key in (THRESHOLD, DOSE, DIFFUSION, FLARE) or (key.startswith("mask.") and recipe.mask.topography is None)


def rays_of(measurement: Measurement, reach_nm: float) -> tuple[list[Ray], float]:
    """The rays on which a measurement's edges lie, and what is subtracted from their distances' sum.

    Args:
        measurement: The measurement.
        reach_nm: Distance from a measured contour within which the simulated edge is searched.
    """
    gauge = measurement.gauge
    if gauge is None:
        assert measurement.contour is not None
        (x, y), (u, v) = measurement.contour
        origin = (x - reach_nm * u, y - reach_nm * v)
        return [Ray(origin, (u, v), 2 * reach_nm, 1, reach_nm)], reach_nm
    start, end = np.array(gauge.start_nm), np.array(gauge.end_nm)
    middle, along = (start + end) / 2, (end - start) / gauge.target_nm
    sign = 1 if gauge.kind == "line" else -1
    lengths = [gauge.target_nm / 2 + reach for reach in gauge.reach_nm]
    return [
        Ray(tuple(middle.tolist()), tuple((side * along).tolist()), length, sign)
        for side, length in zip((-1, 1), lengths, strict=True)
    ], 0.0
