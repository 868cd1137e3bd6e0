"""Boundary layers of a mask, fitted to the rigorous diffraction of its lines, and what they leave.

A line of width w in a period p has the orders

    contrast w/p sinc(n w/p) + background [n = 0] + sum of both edges' moments,

linear in the moments of `optics.topography.Layer`. They are fitted by least squares to the orders of lines through
pitch, for light along the lines and across them, every order weighted by the share of the source that it reaches the
wafer from.

The edges of a reflective mask that face along y stand across the chief ray: one throws a shadow, the other reflects.
They are fitted apart from those that face along x, with odd moments, and where their lines print is counted from the
place that scanners find for all such lines: what moves all of them alike is taken out.
"""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from litho_dl.core.errors import RecipeError
from litho_dl.core.progress import Advance
from litho_dl.optics.mask import MaskType
from litho_dl.optics.print_rule import MaskField
from litho_dl.optics.pupil import EDGE_TOLERANCE
from litho_dl.optics.rigorous import line_orders, snapped
from litho_dl.optics.source import sample_source
from litho_dl.optics.stack import MaskStack
from litho_dl.optics.topography import EdgeLayers, Layer, Topography
from litho_dl.process.recipe import Recipe

DARKEST = 1e-6  # of the light; an absorber that passes less is opaque
OFF_PHASE = 0.03  # imaginary part of the amplitude behind the absorber
SOURCE_SAMPLES = 61


class Opening(NamedTuple):
    """Openings of one width and pitch, on the wafer's scale.

    Attributes:
        pitch_nm: Their pitch.
        width_nm: Their width at half height.
    """

    pitch_nm: float
    width_nm: float


def fitted_mask(recipe: Recipe, stack: MaskStack) -> MaskType:
    """The mask technology of a recipe with the transmission of a stack, without boundary layers and blur.

    Raises:
        RecipeError: The recipe has another wavelength, an alternating mask or a bias, light behind the absorber is
            neither in phase nor in opposite phase, or, for transmission masks, there is no vector imaging or the lens
            is anamorphic.
    """
    imaging = recipe.pupil.imaging
    scalar = stack.mirror is not None and imaging == "scalar"  # EUV hardly tells one polarisation from the other
    if not (imaging == "vector" or scalar) or recipe.mask.type == "alternating":
        raise RecipeError(
            f"Expected optics with vector imaging, which tells light along edges from light across them, and with a "
            f'binary or an attenuated mask; got {imaging} imaging and type = "{recipe.mask.type}".'
        )
    if any(recipe.mask.biases_nm):
        raise RecipeError("Expected optics without bias_nm, which boundary layers include; leave it out.")
    if len(set(recipe.pupil.reductions)) > 1 and stack.mirror is None:
        raise RecipeError(
            "Expected one reduction along x and y, as the mask transmits, got an anamorphic lens; fit its axes apart."
        )
    if not math.isclose(recipe.pupil.wavelength_nm, stack.wavelength_nm, rel_tol=1e-3):
        raise RecipeError(
            f"Expected a stack for the recipe's wavelength, {recipe.pupil.wavelength_nm:g} nm, got one for "
            f"{stack.wavelength_nm:g} nm; give n and k at that wavelength."
        )
    background, power = stack.background, abs(stack.background) ** 2
    kept = {"field": recipe.mask.field}
    if power < DARKEST:
        return MaskType.model_validate({"type": "binary", **kept})
    if abs(background.imag) > OFF_PHASE:
        raise RecipeError(
            f"Expected an absorber that is opaque or turns the phase by 180 degrees, got {power:.1%} of the light at "
            f"{math.degrees(cmath.phase(background)):.0f} degrees; change its thickness."
        )
    phase = 180 if background.real < 0 else 0
    return MaskType.model_validate({"type": "attenuated", "transmission": power, "phase_deg": phase, **kept})


@dataclass(frozen=True, eq=False)
class Diffraction:
    """Rigorous orders of lines.

    Attributes:
        openings: The lines, as they were solved.
        orders: (2, 2 N + 1) of each: TE and TM.
        across: Whether they run along x, across the chief ray of a reflective mask, instead of along y.
    """

    openings: tuple[Opening, ...]
    orders: tuple[np.ndarray, ...]
    across: bool = False


def diffract(
    stack: MaskStack,
    pitches_nm: Sequence[float],
    widths_nm: Sequence[float],
    field: MaskField,
    reduction: float,
    advance: Advance | None = None,
    *,
    across: bool = False,
) -> Diffraction:
    """Solves drawn lines of every width at every pitch that leaves at least half the narrowest width between them.

    Args:
        stack: The mask.
        pitches_nm: Pitches on the wafer.
        widths_nm: Widths of drawn lines on the wafer: openings in a dark field, absorber in a clear one.
        field: The mask's field.
        reduction: Mask over wafer.
        advance: Called after each.
        across: As in `Diffraction`.

    Raises:
        RecipeError: No pitch leaves any room.
        LithoError: The solver is not installed.
    """
    pairs = [(pitch, width) for width in widths_nm for pitch in pitches_nm if pitch - width >= min(widths_nm) / 2]
    if not pairs:
        raise RecipeError(
            f"Expected pitches of at least 1.5 times the lines' width, got {max(pitches_nm):g} nm for "
            f"{min(widths_nm):g} nm."
        )
    openings = [
        Opening(pitch, snapped(width if field == "dark" else pitch - width, pitch, reduction)) for pitch, width in pairs
    ]
    orders = []
    for done, opening in enumerate(openings, 1):
        orders.append(line_orders(stack, *opening, reduction=reduction, across=across))
        if advance is not None:
            advance(done, len(openings), f"pitch {opening.pitch_nm:g} nm")
    return Diffraction(tuple(openings), tuple(orders), across)


def fit_layers(
    recipe: Recipe, mask: MaskType, x: Diffraction, y: Diffraction | None = None, *, moments: int = 3
) -> Topography:
    """The boundary layers that suit rigorous orders best.

    Args:
        recipe: Lens and source.
        mask: The mask technology, as `fitted_mask` gives it.
        x: The orders of lines along y, whose edges face along x.
        y: Those of lines along x; None: the same.
        moments: How many moments are fitted, from 1 to 3.
    """
    fitted = [None if own is None else _edge_layers(recipe, mask, own, moments) for own in (x, y)]
    return Topography.model_validate({"x": fitted[0], "y": fitted[1]})


def _edge_layers(recipe: Recipe, mask: MaskType, diffraction: Diffraction, moments: int) -> EdgeLayers:
    even, odd = [], []
    for state in (0, 1):
        columns, rest = [], []
        for (pitch, width), orders in zip(diffraction.openings, diffraction.orders, strict=True):
            n = np.arange(orders.shape[1]) - orders.shape[1] // 2
            weight = math.sqrt(pitch) * light_share(recipe, n / pitch) ** 0.5
            areas = abs(mask.contrast) * width / pitch * np.sinc(n * width / pitch)
            edges, wave = 2 / pitch * np.cos(np.pi * n * width / pitch), 2 * np.pi * n / pitch
            slope = areas / mask.contrast
            parts = [edges, -(wave**2) * slope, -(wave**2) / 2 * edges][:moments]
            if diffraction.across:
                parts += [-1j * wave * slope, -1j * wave * edges, 0.5j * wave**3 * slope][:moments]
            columns.append(weight[:, None] * np.stack(parts, 1))
            rest.append(weight * (orders[state] - areas - mask.background * (n == 0)))
        solved = np.linalg.lstsq(np.concatenate(columns).astype(complex), np.concatenate(rest), rcond=None)[0]
        even.append(solved[:moments])
        odd.append(solved[moments:])
    parallel, perpendicular = (_layer(values) for values in even)
    return EdgeLayers(parallel=parallel, perpendicular=perpendicular, odd=_layer((odd[0] + odd[1]) / 2))


def _layer(moments: np.ndarray) -> Layer:
    names = ("zeroth_nm", "first_nm2", "second_nm3")
    return Layer(**{name: (float(v.real), float(v.imag)) for name, v in zip(names, moments, strict=False)})


def registered(recipe: Recipe, mask: MaskType, diffraction: Diffraction) -> tuple[Diffraction, float]:
    """Lines across the chief ray, counted from where they print, and how far up y that is in nm on the wafer.

    An edge that is displaced by s up the axis deviates by contrast s there, so that the odd moments tell the place.
    """
    shift_nm = _edge_layers(recipe, mask, diffraction, 3).odd.moments[0].real / mask.contrast
    orders = []
    for (pitch, _), own in zip(diffraction.openings, diffraction.orders, strict=True):
        n = np.arange(own.shape[1]) - own.shape[1] // 2
        orders.append(own * np.exp(2j * np.pi * n * shift_nm / pitch))
    return replace(diffraction, orders=tuple(orders)), shift_nm


def light_share(recipe: Recipe, frequencies: np.ndarray) -> np.ndarray:
    """The share of the source that passes the lens from a mask frequency along an axis, the mean of x and y."""
    source = sample_source(recipe.source, SOURCE_SAMPLES)
    rho = frequencies[:, None] * recipe.pupil.wavelength_nm / recipe.pupil.na
    along = [
        np.hypot(rho + source.points[:, axis], source.points[:, 1 - axis]) <= 1 + EDGE_TOLERANCE for axis in (0, 1)
    ]
    share: np.ndarray = (np.mean(along, axis=0) * source.weights).sum(1)
    return share
