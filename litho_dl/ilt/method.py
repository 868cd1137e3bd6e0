"""Settings of an ILT method; the presets are the TOML files in recipes/ilt."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from litho_dl.core.settings import read_toml, validated
from litho_dl.ilt.objective import TERMS

Positive = Annotated[float, Field(gt=0)]


class Level(BaseModel):
    """One stage of the optimisation, on one mask pixel. Ranges run geometrically from the first step to the last.

    Attributes:
        pixel_nm: Mask pixel; must divide the field.
        steps: Optimizer steps.
        learning_rate: Step size of the optimizer, in units of the parameters (a mask's edges lie at 0, its flat areas
            start at +-1/2).
        mask_sharpness: Slope of the mask's sigmoid.
        resist_steepness: Slope of the resist's sigmoid, per unit intensity; in place of the process model's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pixel_nm: Positive
    steps: Annotated[int, Field(ge=1)]
    learning_rate: tuple[Positive, Positive]
    mask_sharpness: tuple[Positive, Positive]
    resist_steepness: tuple[Positive, Positive]


class Method(BaseModel):
    """One ILT method: parameterization x objective x optimizer over one or more levels.

    Attributes:
        description: One line for lists.
        parameterization: A key of `parameterization.PARAMETERIZATIONS`.
        optimizer: `adam`, or `sgd` with the gradient scaled to a largest entry of 1 in each clip.
        momentum: SGD's momentum, Adam's beta_1.
        objective: Weight of each term of `objective.TERMS`.
        levels: Stages in order, coarse to fine; each pixel is a whole number of times the next.
        check_every: Steps between two looks at the binary masks.
        source_learning_rate: Step size for the simulator's own parameters, in units of the source's logits; 0 leaves
            them as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: str
    parameterization: Literal["pixel", "multilevel"]
    optimizer: Literal["sgd", "adam"]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    objective: Annotated[dict[str, float], Field(min_length=1)]
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    check_every: Annotated[int, Field(ge=1)] = 10
    source_learning_rate: Annotated[float, Field(ge=0)] = 0.0

    @field_validator("levels")
    @classmethod
    def _coarse_to_fine(cls, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        for coarse, fine in pairwise(levels):
            ratio = coarse.pixel_nm / fine.pixel_nm
            if ratio < 1 - 1e-9 or abs(ratio - round(ratio)) > 1e-9:
                raise ValueError(
                    f"each pixel_nm must be a whole number of times the next, got {coarse.pixel_nm:g} before "
                    f"{fine.pixel_nm:g}"
                )
        return levels

    @field_validator("objective")
    @classmethod
    def _known_terms(cls, weights: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(weights) - set(TERMS))
        if unknown:
            raise ValueError(f"unknown terms {', '.join(unknown)}; known: {', '.join(TERMS)}")
        return weights


def load_method(name_or_path: str | Path) -> Method:
    """Loads a preset by name, or a method file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, _ = read_toml("ilt", name_or_path)
    return validated(Method, table, origin)
