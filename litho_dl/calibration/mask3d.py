"""Boundary layers of a mask, fitted to the rigorous diffraction of its lines, and what they leave.

A line of width w in a period p has the orders

    contrast w/p sinc(n w/p) + background [n = 0] + sum of both edges' moments,

linear in the moments of `optics.topography.Layer`. They are fitted by least squares to the orders of lines through
pitch, for light along the lines and across them, every order weighted by the share of the source that it reaches the
wafer from.

The edges of a reflective mask that face along y stand across the chief ray: one throws a shadow, the other reflects.
They are fitted apart from those that face along x, with odd moments. What moves all lines alike is taken out, as
scanners do: where lines across the chief ray print, and the focus.
"""

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
SHIFT_STEP_NM = 1e-3


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
            neither in phase nor in opposite phase, a reflective mask's light falls in on its way out, or, for
            transmission masks, there is no vector imaging or the lens is anamorphic.
    """
    imaging = recipe.pupil.imaging
    scalar = stack.mirror is not None and imaging == "scalar"  # EUV hardly tells one polarisation from the other
    if not (imaging == "vector" or scalar) or recipe.mask.type == "alternating":
        raise RecipeError(
            f"Expected optics with vector imaging, which tells light along edges from light across them, and with a "
            f'binary or an attenuated mask; got {imaging} imaging and type = "{recipe.mask.type}".'
        )
    if stack.mirror is not None:
        widest_deg = math.degrees(math.asin(recipe.pupil.na / recipe.pupil.reductions[1]))
        if widest_deg >= stack.mirror.chief_ray_deg:
            raise RecipeError(
                f"Expected a chief ray that keeps light that comes from light that goes, got "
                f"{stack.mirror.chief_ray_deg:g} degrees where the lens takes {widest_deg:.2g} to either side; see "
                f"chief_ray_deg, na and reduction."
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
        axis: The axis that their edges face along, 0 for x, 1 for y; None: they stand for both, as in light along
            the optical axis.
    """

    openings: tuple[Opening, ...]
    orders: tuple[np.ndarray, ...]
    axis: int | None = None

    @property
    def across(self) -> bool:
        """Whether they run along x, across the chief ray of a reflective mask."""
        return self.axis == 1


def diffract(
    stack: MaskStack,
    pitches_nm: Sequence[float],
    widths_nm: Sequence[float],
    field: MaskField,
    reduction: float,
    advance: Advance | None = None,
    *,
    axis: int | None = None,
) -> Diffraction:
    """Solves drawn lines of every width at every pitch that leaves at least half the narrowest width between them.

    Args:
        stack: The mask.
        pitches_nm: Pitches on the wafer.
        widths_nm: Widths of drawn lines on the wafer: openings in a dark field, absorber in a clear one.
        field: The mask's field.
        reduction: Mask over wafer.
        advance: Called after each.
        axis: As in `Diffraction`.

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
        orders.append(line_orders(stack, *opening, reduction=reduction, across=axis == 1))
        if advance is not None:
            advance(done, len(openings), f"pitch {opening.pitch_nm:g} nm")
    return Diffraction(tuple(openings), tuple(orders), axis)


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
            weight = math.sqrt(pitch) * light_share(recipe, n / pitch, diffraction.axis) ** 0.5
            areas = abs(mask.contrast) * width / pitch * np.sinc(n * width / pitch)
            edges, wave = 2 / pitch * np.cos(np.pi * n * width / pitch), 2 * np.pi * n / pitch
            slope = areas / mask.contrast
            parts = [edges, -(wave**2) * slope, -(wave**2) / 2 * edges][:moments]
            if diffraction.across:
                parts += [-1j * wave * slope, -1j * wave * edges, 0.5j * wave**3 * slope][:moments]
            columns.append(weight[:, None] * np.stack(parts, 1))
            rest.append(weight * (orders[state] - areas - mask.background * (n == 0)))
        system = np.concatenate(columns).astype(complex)
        scales = np.abs(system).max(0)
        solved, _, rank, _ = np.linalg.lstsq(system / scales, np.concatenate(rest), rcond=1e-9)
        if rank < len(scales):
            raise RecipeError(
                f"Expected lines that tell {len(scales)} moments apart, got {len(diffraction.openings)}, of which some "
                f"send no second order through the lens; give more pitches, and wider ones."
            )
        even.append(solved[:moments] / scales[:moments])
        odd.append(solved[moments:] / scales[moments:])
    parallel, perpendicular = (_layer(values) for values in even)
    return EdgeLayers(parallel=parallel, perpendicular=perpendicular, odd=_layer((odd[0] + odd[1]) / 2))


def _layer(moments: np.ndarray) -> Layer:
    names = ("zeroth_nm", "first_nm2", "second_nm3")
    return Layer(**{name: (float(v.real), float(v.imag)) for name, v in zip(names, moments, strict=False)})


def registered(recipe: Recipe, mask: MaskType, diffraction: Diffraction) -> tuple[Diffraction, float]:
    """Lines across the chief ray, counted from where they print, and how far up y that is in nm on the wafer.

    An edge that is displaced by s up the axis deviates by contrast s there, so that the odd moments tell the place; the
    step is repeated, since this holds for small s alone.
    """
    total_nm, step_nm = 0.0, math.inf
    while abs(step_nm) > SHIFT_STEP_NM:
        step_nm = _edge_layers(recipe, mask, diffraction, 3).odd.moments[0].real / mask.contrast
        diffraction, total_nm = _phased(diffraction, partial(np.multiply, 2 * np.pi * step_nm)), total_nm + step_nm
    return diffraction, total_nm


def refocused(recipe: Recipe, diffraction: Diffraction, focus_nm: float) -> Diffraction:
    """Lines counted from a focus: the plane that the mask is taken to lie in moves there."""
    wavelength = recipe.pupil.wavelength_nm
    return _phased(diffraction, lambda f: -np.pi * wavelength * focus_nm * f**2)


def _phased(diffraction: Diffraction, phase: Callable[[np.ndarray], np.ndarray]) -> Diffraction:
    """Lines whose orders are turned by a phase that depends on their frequency in 1 / nm on the wafer."""
    orders = []
    for (pitch, _), own in zip(diffraction.openings, diffraction.orders, strict=True):
        n = np.arange(own.shape[1]) - own.shape[1] // 2
        orders.append(own * np.exp(1j * phase(n / pitch)))
    return replace(diffraction, orders=tuple(orders))


def light_share(recipe: Recipe, frequencies: np.ndarray, axis: int | None = None) -> np.ndarray:
    """The share of the source that passes the lens from mask frequencies along x (0), along y (1), or their mean."""
    source = sample_source(recipe.source, SOURCE_SAMPLES)
    rho = frequencies[:, None] * recipe.pupil.wavelength_nm / recipe.pupil.na
    along = [
        np.hypot(rho + source.points[:, own], source.points[:, 1 - own]) <= 1 + EDGE_TOLERANCE
        for own in ((0, 1) if axis is None else (axis,))
    ]
    share: np.ndarray = (np.mean(along, axis=0) * source.weights).sum(1)
    return share
