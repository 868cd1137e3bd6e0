"""Settings of an ILT method; the presets are the TOML files in recipes/ilt."""

from dataclasses import asdict
from itertools import accumulate, pairwise
from math import floor
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from litho_dl.core.errors import RecipeError
from litho_dl.core.grid import common_multiple_nm, whole_ratio
from litho_dl.core.settings import (
    LEFT_OUT_IF_NONE,
    Length,
    Positive,
    Rate,
    Settings,
    Slope,
    Weight,
    load_settings,
    validated,
)
from litho_dl.ilt.assists import Assists
from litho_dl.ilt.fragmentation import Fragmentation
from litho_dl.ilt.objective import RULE_TERMS, require_known_terms
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.parameterization.manhattan import WRITING_GRID_NM
from litho_dl.layout.rules import LARGEST_LIMIT_NM, MaskRules
from litho_dl.simulation.simulator import Simulator

Name = Literal["pixel", "multilevel", "levelset", "curvilinear", "manhattan"]
OptimizerName = Literal["sgd", "adam", "lbfgs", "feedback"]
# The edges of these masks are level lines, and can be written on finer pixels than the level's.
SUBPIXEL_PARAMETERIZATIONS: tuple[Name, ...] = ("multilevel", "levelset", "curvilinear")
Weights = Annotated[dict[str, Weight], Field(min_length=1)]
LARGEST_BIAS_NM = 1000.0
LARGEST_STARTS = 100


class Level(Settings):
    """One level of the optimisation, on one mask pixel; pairs of values change geometrically from first to last step.

    Attributes:
        pixel_nm: Mask pixel; must divide the field.
        steps: Number of optimizer steps.
        learning_rate: Step size of the optimizer, in the unit of the parameters: nm for `levelset` and `manhattan`; for
            the others, the mask's edges are at 0 and its flat areas start at +-1/2. For `feedback`, the share of the
            edge placement error that a move corrects.
        mask_sharpness: Slope of the mask's sigmoid, per unit of the parameters.
        resist_steepness: Slope of the resist's sigmoid per unit intensity, in place of the process model's.
        image_pixel_nm: Pixel on which prints are compared with the target; None: the mask's. The cost of a print's edge
            is right only if the resist's sigmoid is about as wide as this pixel: at an image slope of 0.006 / nm and a
            pixel of 4 nm, for a steepness of about 200; at 2 nm, for twice that.
        kernels: Most kernels of each focus; the mean of what further ones add is kept (see `optics.tail.shortened`).
            Binary masks are always checked with all. None: all.
        parameterization: Parameterization of this level; None: the method's. If it differs from that of the level
            before, the level starts from that level's mask.
        optimizer: Optimizer of this level; None: the method's.
        objective: Weights of the terms at this level; None: the method's, which always choose the best masks.
        repaired: Whether to start from the best masks so far, cleaned up as by `clean`.
        patience: Number of checks without a better mask in any clip after which the level ends; None: no early end.
    """

    pixel_nm: Length
    steps: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: tuple[Rate, Rate]
    mask_sharpness: tuple[Slope, Slope]
    resist_steepness: tuple[Slope, Slope]
    image_pixel_nm: Length | None = None
    kernels: Annotated[Annotated[int, Field(ge=1)] | None, LEFT_OUT_IF_NONE] = None
    parameterization: Name | None = None
    optimizer: OptimizerName | None = None
    objective: Weights | None = None
    repaired: bool = False
    patience: Annotated[int, Field(ge=1)] | None = None

    @property
    def image_nm(self) -> float:
        """Pixel of the prints."""
        return self.image_pixel_nm or self.pixel_nm

    @field_validator("objective")
    @classmethod
    def _known_terms(cls, weights: dict[str, float] | None) -> dict[str, float] | None:
        return None if weights is None else require_known_terms(weights)


class Rules(Settings):
    """Mask rules of a method; see `layout.rules.MaskRules`.

    Attributes:
        min_width_nm: Least width of a feature.
        min_space_nm: Least space between features.
        min_area_nm2: Least area of a feature.
        min_radius_nm: Least radius of curvature, which `clean` keeps; `manhattan` has none.
    """

    min_width_nm: Length
    min_space_nm: Length
    min_area_nm2: Positive
    min_radius_nm: Annotated[float, Field(ge=0, le=LARGEST_LIMIT_NM)] = 0.0

    def mask_rules(self) -> MaskRules:
        """The rules as `layout.rules.MaskRules`."""
        return MaskRules(**self.model_dump())


class WindowCorner(Settings):
    """A process condition, from the nominal one, at which prints are compared with the target by `through_window`.

    Attributes:
        dose: Factor on the nominal dose.
        defocus_nm: Distance from the nominal focus, for a process of scale 1 like all lengths of methods.
        weight: Weight of the wrong area at this corner.
    """

    dose: Annotated[float, Field(gt=0, le=100)]
    defocus_nm: Annotated[float, Field(ge=-1e5, le=1e5)]
    weight: Weight = 1.0


class Method(Settings):
    """One ILT method: a parameterization, an objective and an optimizer, on one or more levels.

    Attributes:
        description: The method in one line.
        parameterization: A key of `parameterization.PARAMETERIZATIONS`.
        optimizer: `adam`; `sgd` with the gradient scaled to a largest entry of 1 in each clip; `lbfgs`; or `feedback`
            of edge placement errors, for `manhattan`.
        momentum: SGD's momentum, or Adam's beta_1, in [0, 1).
        damping: Adam's epsilon, in pixel areas per unit of the parameters. Adam moves a pixel of negligible gradient as
            far as any other, in a direction that rounding or distant features decide; with damping, gradients well
            below this value move it less, and masks depend less on such details. None: torch's 1e-8 nm^2.
        objective: Weights of terms of `objective.TERMS`.
        corners: Any number of process conditions, for the term `through_window`. Those of one focus share its kernels,
            which are built from the recipe. None: no such term.
        levels: The levels, coarse to fine; each pixel is a whole multiple of the next.
        bias_nm: Distance by which the target is grown on every side to start from; `manhattan` starts from the target.
        starts: Number of masks that each clip starts from; see `ilt.starts`. After the first half of the levels the two
            with the best binary masks are left, and in the end the better one. Not for `manhattan`.
        rules: Mask rules for the terms `width`, `space` and `area`, the clean-up, and the moves of `manhattan`.
        fragments: Fragments and moves of `manhattan`; None: the defaults.
        assists: Limits of assist features, and bars by rules; None: the defaults, without limits.
        clean: Whether to move the edges of the best masks until they keep the rules; see `layout.repair`.
        mask_pixel_nm: Pixel on which the best masks are written; None: the last level's. Needs one of
            `SUBPIXEL_PARAMETERIZATIONS`.
        curves_nm: Tolerance within which cleaned masks are written as Bezier curves; None: they are pixels.
        check_every: Number of steps between two checks of the binary masks.
        source_learning_rate: Step size of the simulator's own parameters, in units of the source's logits; 0 keeps them
            fixed.
    """

    description: str
    parameterization: Name
    optimizer: OptimizerName
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    damping: Annotated[float, Field(ge=0, le=1e6)] | None = None
    objective: Weights
    corners: Annotated[Annotated[tuple[WindowCorner, ...], Field(min_length=1)] | None, LEFT_OUT_IF_NONE] = None
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    bias_nm: Annotated[float, Field(ge=-LARGEST_BIAS_NM, le=LARGEST_BIAS_NM)] = 0.0
    starts: Annotated[int, Field(ge=1, le=LARGEST_STARTS, exclude_if=lambda value: value == 1)] = 1
    rules: Rules | None = None
    fragments: Annotated[Fragmentation | None, LEFT_OUT_IF_NONE] = None
    assists: Annotated[Assists | None, LEFT_OUT_IF_NONE] = None
    clean: bool = False
    mask_pixel_nm: Length | None = None
    curves_nm: Annotated[Length | None, LEFT_OUT_IF_NONE] = None
    check_every: Annotated[int, Field(ge=1)] = 10
    source_learning_rate: Annotated[float, Field(ge=0, le=1e6)] = 0.0

    def __repr__(self) -> str:
        pixels = ", ".join(f"{level.steps} at {level.pixel_nm:g} nm" for level in self.levels)
        weights = ", ".join(f"{name} {weight:g}" for name, weight in self.objective.items())
        return f"Method({self.parameterization}, {self.optimizer}: steps {pixels}; {weights})"

    __str__ = __repr__

    @field_validator("levels")
    @classmethod
    def _coarse_to_fine(cls, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        for coarse, fine in pairwise(levels):
            if whole_ratio(coarse.pixel_nm, fine.pixel_nm) is None:
                raise ValueError(
                    f"each pixel_nm must be a whole number of times the next, got {coarse.pixel_nm:g} before "
                    f"{fine.pixel_nm:g}"
                )
        return levels

    @field_validator("objective")
    @classmethod
    def _known_terms(cls, weights: dict[str, float]) -> dict[str, float]:
        return require_known_terms(weights)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        used = self.terms
        if ("through_window" in used) != (self.corners is not None):
            raise ValueError("the term through_window and tables [[corners]] go together; add or leave out both")
        if self.curves_nm is not None and not self.clean:
            raise ValueError("curves_nm draws curves through cleaned outlines; add clean = true")
        asking = [name for name in RULE_TERMS if name in used] + ["clean"] * self.clean
        if asking and self.rules is None:
            raise ValueError(f"{', '.join(asking)} needs mask rules; add a table [rules]")
        if any(level.repaired and (index == 0 or not self.clean) for index, level in enumerate(self.levels)):
            raise ValueError("repaired needs a level before it, and a method with clean = true")
        if self.clean and self.last_parameterization == "manhattan":
            raise ValueError("clean repairs pixel masks; manhattan keeps its own limits")
        if self.fragments is not None and "manhattan" not in self.parameterizations:
            raise ValueError("fragments needs the parameterization manhattan")
        if self.assists is not None and self.assists.widest_nm is not None:
            self._require_narrowing(self.assists.widest_nm)
        if self.mask_pixel_nm is not None:
            own, finest = self.mask_pixel_nm, self.target_nm
            nested = whole_ratio(max(own, finest), min(own, finest)) is not None
            if not (self.can_write_finer and nested and whole_ratio(self.levels[-1].pixel_nm, own) is not None):
                raise ValueError(
                    f"mask_pixel_nm must divide the last level's pixel_nm of {self.levels[-1].pixel_nm:g}, be a part "
                    f"or a multiple of the finest pixel of {finest:g}, and needs one of "
                    f"{', '.join(SUBPIXEL_PARAMETERIZATIONS)}"
                )
        if self.starts > 1 and "manhattan" in self.parameterizations:
            raise ValueError("starts above 1 are masks, but manhattan starts from the drawn edges; leave starts out")
        if self.starts > 1 and self.source_learning_rate > 0:
            raise ValueError("starts above 1 need a fixed source, which all starts would share; leave starts out")
        if self.damping is not None and not self.uses_adam:
            raise ValueError("damping needs the optimizer adam")
        for level in self.levels:
            kind = level.optimizer or self.optimizer
            moves_edges = (level.parameterization or self.parameterization) == "manhattan"
            if self.source_learning_rate > 0 and kind not in ("sgd", "adam"):
                raise ValueError(f"source_learning_rate needs the optimizer sgd or adam, got {kind}")
            if kind == "feedback" and not moves_edges:
                raise ValueError("the optimizer feedback needs the parameterization manhattan")
            if moves_edges and kind not in ("feedback", "adam"):
                raise ValueError(f"the parameterization manhattan needs the optimizer feedback or adam, got {kind}")
        return self

    def _require_narrowing(self, widest_nm: float) -> None:
        if not self.clean and self.last_parameterization != "manhattan":
            raise ValueError("assists.widest_nm is kept by the clean-up; add clean = true")
        if self.rules is not None and widest_nm < self.rules.min_width_nm:
            raise ValueError(f"assists.widest_nm must not be below min_width_nm of {self.rules.min_width_nm:g}")

    @property
    def last_parameterization(self) -> Name:
        """The parameterization of the last level."""
        return self.levels[-1].parameterization or self.parameterization

    @property
    def can_write_finer(self) -> bool:
        """True if its masks can be written on finer pixels than the last level's."""
        return self.last_parameterization in SUBPIXEL_PARAMETERIZATIONS

    @property
    def uses_adam(self) -> bool:
        """True if one of its levels uses Adam."""
        return "adam" in {level.optimizer or self.optimizer for level in self.levels}

    @property
    def mask_nm(self) -> float:
        """Pixel in nm on which finished masks are written."""
        if self.last_parameterization == "manhattan":
            return WRITING_GRID_NM
        return self.mask_pixel_nm or self.levels[-1].pixel_nm

    @property
    def target_nm(self) -> float:
        """Pixel in nm on which `solve` rasterises the target: 1 nm for `manhattan`, otherwise the finest in use."""
        finest = min(min(level.pixel_nm, level.image_nm) for level in self.levels)
        return WRITING_GRID_NM if "manhattan" in self.parameterizations else finest

    @property
    def field_step_nm(self) -> float:
        """The length of which a field must be a whole multiple, for all levels and for the masks that are written."""
        blocks = (
            level.pixel_nm * PARAMETERIZATIONS[level.parameterization or self.parameterization].block
            for level in self.levels
        )
        images = (level.image_nm for level in self.levels)
        return common_multiple_nm(*blocks, *images, self.target_nm, self.mask_nm)

    @property
    def parameterizations(self) -> set[str]:
        """The parameterizations of its levels."""
        return {level.parameterization or self.parameterization for level in self.levels}

    @property
    def terms(self) -> set[str]:
        """The terms that its objective and its levels name."""
        return {*self.objective, *(term for level in self.levels for term in level.objective or ())}

    def on_process(self, simulator: Simulator) -> Simulator:
        """A simulator with the method's `corners` beside its own, at its scale; itself if there are none.

        Raises:
            KernelError: The kernels of a focus cannot be built; see `ProcessModel.with_corners`.
            RecipeError: The simulator's source is optimised.
        """
        if self.corners is None:
            return simulator
        named = zip(self.corner_weights, self.corners, strict=True)
        return simulator.with_corners({name: (c.dose, c.defocus_nm * simulator.scale) for name, c in named})

    @property
    def corner_weights(self) -> dict[str, float]:
        """The weights of `corners`, by their names in a simulator of `on_process`."""
        return {f"window-{number}": corner.weight for number, corner in enumerate(self.corners or (), start=1)}

    @property
    def keeps_rules(self) -> bool:
        """True if its masks depend on mask rules."""
        has_bars = self.assists is not None and self.assists.bars is not None
        at_edges = "manhattan" in self.parameterizations
        return self.clean or has_bars or at_edges or not self.terms.isdisjoint(RULE_TERMS)

    @property
    def kept_fragments(self) -> Fragmentation:
        """`fragments` with the limits of the mask rules."""
        fragments = self.fragments or Fragmentation()
        return fragments if self.rules is None else fragments.keeping(self.rules.mask_rules())

    @property
    def kept_assists(self) -> Assists:
        """`assists` with the limits of the mask rules."""
        assists = self.assists or Assists()
        return assists if self.rules is None else assists.keeping(self.rules.mask_rules())

    def keeping(self, rules: MaskRules) -> "Method":
        """The method with other mask rules; unchanged if its masks depend on none. A radius is kept by `clean` only.

        Raises:
            RecipeError: A limit is 0.
        """
        if not self.keeps_rules:
            return self
        table = asdict(rules)
        if not (rules.min_width_nm and rules.min_space_nm and rules.min_area_nm2):
            raise RecipeError(
                f"Expected limits above 0 of the mask rules that the method keeps, got {rules}; a small one, such "
                f"as 1, switches a rule off."
            )
        return self.model_copy(update={"rules": validated(Rules, table, "mask rules that the method keeps")})

    def with_starts(self, starts: int | None) -> "Method":
        """The method with another number of starts; None: its own.

        Raises:
            RecipeError: It cannot have so many.
        """
        if starts is None:
            return self
        return validated(Method, self.model_dump() | {"starts": starts}, f"{starts} starts")

    @property
    def on_last_level(self) -> "Method":
        """The method with its last level and one start only, to continue from finished masks."""
        return self.model_copy(update={"levels": self.levels[-1:], "starts": 1})

    @property
    def on_second_half(self) -> "Method":
        """The second half of the last level, to continue from the method's own masks."""
        last = self.on_last_level
        return last.in_steps(max(1, last.levels[0].steps // 2), 0.5)

    def in_steps(self, steps: int, begin: float = 0.0) -> "Method":
        """The method with another number of steps.

        The steps are distributed over the levels in the same proportion, rounded in favour of the later ones; levels
        without steps are left out.

        Args:
            steps: Number of steps in all; at least 1.
            begin: How many levels are left out, at least 0 and less than all: 0 to start from the target, more to
                continue from masks that are nearly finished; 0.5 begins in the middle of the first level.

        Returns:
            The changed method.
        """
        assert steps >= 1
        assert 0 <= begin < len(self.levels)
        begin, (first, *others) = begin % 1, self.levels[floor(begin) :]
        ranges = {name: getattr(first, name) for name in ("learning_rate", "mask_sharpness", "resist_steepness")}
        rest = {name: (a ** (1 - begin) * b**begin, b) for name, (a, b) in ranges.items()}
        shares = [(1 - begin) * first.steps, *(level.steps for level in others)]
        ends = [floor(steps * done / sum(shares) + 1e-9) for done in accumulate(shares)]
        counts = [end - before for before, end in pairwise((0, *ends))]
        levels = (first.model_copy(update=rest), *others)
        chosen = (level.model_copy(update={"steps": n}) for level, n in zip(levels, counts, strict=True) if n > 0)
        return self.model_copy(update={"levels": tuple(chosen)})


def load_method(name_or_path: str | Path) -> Method:
    """Loads a packaged method by name, or a method file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    return load_settings(Method, "ilt", name_or_path)
