"""The free parameters of a calibration: where they start, their bounds, and what is known of them before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from litho_dl.calibration.keys import full_key, limits, value_of, with_values
from litho_dl.core.errors import RecipeError
from litho_dl.process.recipe import Recipe


class Prior(NamedTuple):
    """A normal distribution, such as a data sheet's value and its tolerance."""

    mean: float
    sigma: float


@dataclass(frozen=True)
class Parameter:
    """A number of the recipe that is fitted.

    Attributes:
        key: Its full key, such as `resist.threshold`.
        start: Where the fit starts.
        low: Its least value.
        high: Its largest value.
        prior: What is known of it before; None: nothing.
    """

    key: str
    start: float
    low: float
    high: float
    prior: Prior | None = None


def choose_parameters(
    recipe: Recipe,
    keys: Sequence[str],
    *,
    starts: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, Prior] | None = None,
) -> tuple[tuple[Parameter, ...], Recipe]:
    """The parameters that are fitted, after checks, and the recipe at their start.

    Args:
        recipe: The recipe, with the values to start from.
        keys: What is fitted, as users write it; see `keys.full_key`.
        starts: Values to start from in place of the recipe's, by key.
        bounds: (low, high) by key; other parameters have the bounds of the recipe's model.
        priors: By key.

    Raises:
        RecipeError: A key is unknown, given twice, or not fitted, or a value makes no sense.
    """
    full = [full_key(key, recipe) for key in keys]
    if not full or len(set(full)) < len(full):
        raise RecipeError(f"--fit: expected one or more keys, each once, got {', '.join(keys) or 'none'}.")
    given: list[dict] = []
    for option, values in (("--start", starts), ("--bounds", bounds), ("--prior", priors)):
        named = {full_key(key, recipe): value for key, value in (values or {}).items()}
        stray = [key for key in named if key not in full]
        if stray:
            raise RecipeError(f"{option}: {', '.join(stray)}: expected a fitted key; add it to --fit, or leave it out.")
        given.append(named)
    found = []
    for key in full:
        start = float(given[0].get(key, value_of(recipe, key)))
        low, high = limits(recipe, key)
        if key in given[1]:
            own_low, own_high = given[1][key]
            if not (low <= own_low < own_high <= high):
                raise RecipeError(
                    f"--bounds: {key}: expected {low:g} <= LOW < HIGH <= {high:g}, got {own_low}:{own_high}."
                )
            low, high = own_low, own_high
        if not low <= start <= high:
            raise RecipeError(
                f"{key}: expected a start from {low:g} to {high:g}, got {start:g}; give --start {key}=..."
            )
        prior = given[2].get(key)
        if prior is not None and not (math.isfinite(prior.mean) and 0 < prior.sigma < math.inf):
            raise RecipeError(
                f"--prior: {key}: expected a finite mean and a sigma > 0, got {prior.mean}:{prior.sigma}."
            )
        found.append(Parameter(key, start, low, high, None if prior is None else Prior(*map(float, prior))))
    return tuple(found), with_values(recipe, {parameter.key: parameter.start for parameter in found})
