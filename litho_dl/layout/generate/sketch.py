"""A drawing in progress: random numbers, rules in grid steps, and the shapes added so far, which keep the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from litho_dl.layout.design_rules import DesignRules

StepBox = tuple[int, int, int, int]  # x0, y0, x1, y1; grid steps
Shape = list[StepBox]  # boxes that touch and do not overlap; their union is one polygon
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Steps:
    """Design rules in grid steps (areas in squared steps); `run_space` is the space of edges that run side by side."""

    width: int
    max_width: int
    space: int
    run_space: int
    tip_to_tip: int
    tip_width: int
    pitch: int
    area: int

    @classmethod
    def of(cls, rules: DesignRules) -> "Steps":
        """The rules, divided by their grid."""

        def steps(length_nm: float) -> int:
            return round(length_nm / rules.grid_nm)

        width, space, pitch = steps(rules.width_nm), steps(rules.space_nm), steps(rules.pitch_nm)
        return cls(
            width=width,
            max_width=steps(rules.max_width_nm),
            space=space,
            run_space=pitch - width if rules.layer == "metal" else space,
            tip_to_tip=steps(rules.tip_to_tip_nm),
            tip_width=steps(rules.tip_width_nm),
            pitch=pitch,
            area=int(np.ceil(rules.area_nm2 / rules.grid_nm**2 - 1e-9)),
        )


class Sketch:
    """A drawing in progress on [0, size] x [0, size] grid steps.

    Random numbers come only from `Generator.random`, whose stream is fixed for PCG64: the same seed gives the same
    drawing.
    """

    def __init__(self, steps: Steps, size: int, seed: Sequence[int]) -> None:
        """Starts an empty drawing.

        Args:
            steps: The rules to keep.
            size: Side of the square in grid steps.
            seed: Numbers of zero or more.
        """
        self.steps = steps
        self.size = size
        self.area = 0
        self.mirrored = False
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).random
        self._boxes = np.zeros((64, 4), dtype=np.int64)
        self._count = 0

    @property
    def boxes(self) -> np.ndarray:
        """All boxes so far, int64 (n, 4)."""
        return self._boxes[: self._count]

    @property
    def density(self) -> float:
        """Covered share of the extent."""
        return self.area / self.size**2

    def integer(self, low: int, high: int) -> int:
        """A uniform random integer.

        Args:
            low: Least value.
            high: Largest value, included; values below `low` count as `low`.

        Returns:
            The integer.
        """
        return low + int(self._random() * (max(high, low) - low + 1))

    def number(self, low: float, high: float) -> float:
        """A uniform random number.

        Args:
            low: Least value.
            high: Upper limit, excluded.

        Returns:
            The number.
        """
        return low + self._random() * (high - low)

    def skewed(self, most: int) -> int:
        """A random integer from 0 to `most`, distributed as the square of a uniform number: small ones more often."""
        share = self._random()
        return int(most * (share * share))  # a product, since `pow` may differ in the last bit from machine to machine

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random() < probability

    def choice(self, options: Sequence[Choice]) -> Choice:
        """One of several options, all equally likely."""
        return options[self.integer(0, len(options) - 1)]

    def add(self, shape: Shape) -> bool:
        """Adds a shape if it keeps all rules, by itself and with the others; returns whether it was added.

        A mirrored sketch also adds the mirror image at x = size / 2, joined to the shape if they touch.
        """
        if not self.mirrored:
            return self._add(np.array(shape, dtype=np.int64))
        left = np.array(shape, dtype=np.int64)
        right = left[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [self.size, 0, self.size, 0]
        if 2 * left[:, 2].max() == self.size:
            return self._add(np.concatenate([left, right]))
        apart = 2 * left[:, 2].max() < self.size and bool(clear(left, right, self.steps).all())
        return apart and self._add(left) and self._add(right)

    def _add(self, new: np.ndarray) -> bool:
        sides = new[:, 2:] - new[:, :2]
        area = int(sides.prod(axis=1).sum())
        if new.min() < 0 or new.max() > self.size or sides.min() <= 0 or area < self.steps.area:
            return False
        if not clear(new, self._near(new), self.steps).all():
            return False
        if len(new) > 1 and not _clear_of_itself(new, self.steps):
            return False
        while self._count + len(new) > len(self._boxes):
            self._boxes = np.concatenate([self._boxes, np.zeros_like(self._boxes)])
        self._boxes[self._count : self._count + len(new)] = new
        self._count += len(new)
        self.area += area
        return True

    def _near(self, new: np.ndarray) -> np.ndarray:
        """The boxes that are close enough to new ones for a rule to apply."""
        reach = max(self.steps.tip_to_tip, self.steps.run_space)
        low, high = new[:, :2].min(axis=0) - reach, new[:, 2:].max(axis=0) + reach
        return self.boxes[((self.boxes[:, :2] < high) & (self.boxes[:, 2:] > low)).all(axis=1)]


def clear(a: np.ndarray, b: np.ndarray, steps: Steps) -> np.ndarray:
    """Whether boxes of different shapes keep their distance.

    Boxes that face each other along an axis need the space of tips if both may be tips, that of long runs if they face
    over more than the tip width, and otherwise the least space. Boxes that face corner to corner need the least space.

    Args:
        a: (m, 4) boxes in grid steps.
        b: (n, 4) boxes in grid steps.
        steps: The rules.

    Returns:
        bool (m, n).
    """
    gap = np.maximum(a[:, None, :2] - b[None, :, 2:], b[None, :, :2] - a[:, None, 2:])
    narrow_a, narrow_b = (boxes[:, 2:] - boxes[:, :2] <= steps.tip_width for boxes in (a, b))
    tips = (narrow_a[:, None] & narrow_b[None])[..., ::-1]  # facing along x, the heights count
    overlap = -gap[..., ::-1]
    needed = np.where(tips, steps.tip_to_tip, np.where(overlap > steps.tip_width, steps.run_space, steps.space))
    faces: np.ndarray = (overlap > 0) & (gap >= needed)
    outside = np.maximum(gap, 0)
    corner = (gap >= 0).all(axis=2) & ((outside**2).sum(axis=2) >= steps.space**2)
    return faces.any(axis=2) | corner


def _clear_of_itself(shape: np.ndarray, steps: Steps) -> bool:
    """Whether the boxes of one shape leave no gap that is too narrow; gaps that a third box fills do not count."""
    first, second = np.nonzero(np.triu(~clear(shape, shape, steps), 1))
    if not len(first):
        return True
    edges = np.sort(np.concatenate([shape[first].reshape(-1, 2, 2), shape[second].reshape(-1, 2, 2)], axis=1), axis=1)
    low, high = edges[:, 1], edges[:, 2]  # the middle two of four edges bound the gap, or the overlap
    below, above = shape[None, :, :2] <= low[:, None], shape[None, :, 2:] >= high[:, None]
    filled = np.asarray((below & above).all(axis=2))
    return bool(filled.any(axis=1).all())
