"""Rigorous diffraction of masks: Maxwell's equations for periodic lines and contacts, by coupled waves (RCWA).

The solver is `meent` (extra `mask3d`), whose factorisation of products at the absorber's walls converges for TM too
(Li, J. Opt. Soc. Am. A 13, 1870 (1996)). Light falls onto a transmission mask along the optical axis, and onto a
reflective one along the chief ray. Amplitudes are those of the electric field at the plane where the absorber ends,
divided by those behind a wide opening.
"""

import math
from functools import partial
from types import ModuleType

import numpy as np

from litho_dl.core.errors import LithoError
from litho_dl.optics.stack import MaskStack

CELL_NM = 0.5  # of walls, on the mask
SLICES = 6  # of slanted walls
PER_PERIOD = 6.0  # harmonics on either side, for each wavelength that fits in a period
PER_PERIOD_REFLECTED = 2.5  # indices near 1 hardly scatter evanescent waves
FEWEST = 20


def solver() -> ModuleType:
    """The package `meent`.

    Raises:
        LithoError: It is not installed.
    """
    try:
        import meent
    except ImportError:
        raise LithoError(
            "Rigorous mask diffraction needs the package meent; install litho_dl with the extra mask3d."
        ) from None
    return meent


def snapped(length_nm: float, pitch_nm: float, reduction: float) -> float:
    """The opening that is solved instead of one of a given width, both on the wafer's scale."""
    cells = _cells(pitch_nm * reduction)
    return 2 * round(length_nm / pitch_nm * cells / 2) * pitch_nm / cells


def _cells(period_nm: float) -> int:
    return 2 * math.ceil(period_nm / (2 * CELL_NM))


def line_orders(
    stack: MaskStack,
    pitch_nm: float,
    opening_nm: float,
    *,
    reduction: float = 4.0,
    across: bool = False,
    harmonics: int | None = None,
) -> np.ndarray:
    """The diffraction orders of parallel openings, one of them centred at 0.

    Args:
        stack: The mask.
        pitch_nm: Their pitch on the wafer.
        opening_nm: Their width at half height on the wafer, as `snapped` gives it.
        reduction: Mask over wafer.
        across: Whether the chief ray of a reflective mask runs across the lines, in the direction of positive orders,
            instead of along them.
        harmonics: Orders on either side that are solved for; None: as many as converge.

    Returns:
        (2, 2 N + 1) complex, the orders -N ... N of light polarised along the lines (TE), and across them (TM).

    Raises:
        LithoError: `meent` is not installed.
    """
    period = pitch_nm * reduction
    density = PER_PERIOD if stack.mirror is None else PER_PERIOD_REFLECTED
    most = max(FEWEST, math.ceil(density * period / stack.wavelength_nm)) if harmonics is None else harmonics
    cells = _cells(period)
    x = (np.arange(cells) + 0.5) * period / cells - period / 2
    layers, heights = _slices(stack)
    rows = [np.where(np.abs(x) < opening_nm * reduction / 2 + grown, 1.0, index) for index, grown in layers]
    solve = _transmitted if stack.mirror is None else partial(_reflected, across=across)
    return solve(stack, period, rows, heights, most) * (-1.0) ** np.arange(-most, most + 1)


def _transmitted(
    stack: MaskStack, period_nm: float, rows: list[np.ndarray], heights: list[float], most: int
) -> np.ndarray:
    """Orders at normal incidence, counted from the period's edge."""
    meent, found = solver(), []
    for pol, scale in ((0, 1.0), (1, stack.substrate_index)):  # TM amplitudes are those of the magnetic field
        solved = meent.call_mee(
            backend=0,
            n_top=stack.substrate_index,
            n_bot=1.0,
            theta=0.0,
            pol=pol,
            fto=[most, 0],
            period=[period_nm, period_nm],
            wavelength=stack.wavelength_nm,
            ucell=np.array(rows, dtype=complex)[:, None],
            thickness=heights,
            fourier_type=1,
        ).conv_solve()
        found.append(scale * np.conj((solved.res.T_p if pol else solved.res.T_s).ravel()))
    return np.array(found) / _clear(stack)


def _reflected(
    stack: MaskStack, period_nm: float, rows: list[np.ndarray], heights: list[float], most: int, *, across: bool
) -> np.ndarray:
    """Orders of the chief ray, counted from the period's edge, as a lens that makes all orders parallel sees them."""
    assert stack.mirror is not None
    meent, mirror = solver(), stack.mirror.films[::-1]
    theta = math.radians(stack.mirror.chief_ray_deg)
    cell = [*rows[::-1], *(np.full(len(rows[0]), complex(film.n, -film.k)) for film in mirror)]
    along = 0.0 if across else math.sin(theta)  # components of the directions along the lines, and across them
    over = (math.sin(theta) if across else 0.0) + np.arange(-most, most + 1) * stack.wavelength_nm / period_nm
    with np.errstate(divide="ignore", invalid="ignore"):
        azimuth = np.zeros_like(over) if across else np.where(over == 0, np.pi / 2, np.arctan(along / over))
    clear, found = stack.reflected(covered=False), []
    for pol in (0, 1):  # of the incident light: s, p
        solved = meent.call_mee(
            backend=0,
            n_top=1.0,
            n_bot=stack.substrate_index,
            theta=theta,
            phi=0.0 if across else math.pi / 2,
            pol=pol,
            fto=[most, 0],
            period=[period_nm, period_nm],
            wavelength=stack.wavelength_nm,
            ucell=np.array(cell, dtype=complex)[:, None],
            thickness=[*heights[::-1], *(film.thickness_nm for film in mirror)],
            fourier_type=1,
        ).conv_solve()
        s, p = np.conj(solved.res.R_s.ravel()), np.conj(solved.res.R_p.ravel() / 1j)
        te = np.sin(azimuth) * p + np.cos(azimuth) * s
        tm = np.cos(azimuth) * p - np.sin(azimuth) * s
        sign = 1 if across and pol == 0 else -1  # the incident s points down x if light runs along y; p is turned back
        found.append(sign * (te if across == (pol == 0) else tm) / clear[pol])
    return np.array(found if across else found[::-1])


def contact_orders(
    stack: MaskStack, pitch_nm: float, opening_nm: float, *, reduction: float = 4.0, harmonics: int
) -> np.ndarray:
    """The diffraction orders of square openings on a square grid, one of them centred at 0.

    Args:
        stack: The mask.
        pitch_nm: Their pitch on the wafer, along x and y.
        opening_nm: Their side at half height on the wafer, as `snapped` gives it.
        reduction: Mask over wafer.
        harmonics: Orders on either side and axis that are solved for; the time grows with the sixth power.

    Returns:
        (2, 2, 2 N + 1, 2 N + 1) complex, [out, in, order along y, order along x] of E_x and E_y: amplitudes of s and p
        waves, turned by the order's azimuth, as they would be behind a lens that makes all orders parallel.

    Raises:
        LithoError: `meent` is not installed, or the mask is reflective.
    """
    if stack.mirror is not None:
        raise LithoError("Expected a stack that transmits: contacts of reflective masks are not solved, lines are.")
    meent, period = solver(), pitch_nm * reduction
    cells = _cells(period)
    x = (np.arange(cells) + 0.5) * period / cells - period / 2
    layers, heights = _slices(stack)
    opened = [np.abs(x) < opening_nm * reduction / 2 + grown for _, grown in layers]
    cell = np.array(
        [np.where(own[:, None] & own, 1.0, index) for own, (index, _) in zip(opened, layers, strict=True)], complex
    )
    solved = meent.call_mee(
        backend=0,
        n_top=stack.substrate_index,
        n_bot=1.0,
        theta=0.0,
        phi=0.0,
        psi=0.0,
        fto=[harmonics, harmonics],
        period=[period, period],
        wavelength=stack.wavelength_nm,
        ucell=cell,
        thickness=heights,
        fourier_type=1,
    ).conv_solve()
    orders = np.arange(-harmonics, harmonics + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.where(orders[:, None] == 0, 0.0, -np.arctan(orders[:, None] / orders))
    jones = []
    for part in (solved.res_tm_inc, solved.res_te_inc):  # E_x, then E_y comes in
        s, p = np.conj(part.T_s), np.conj(part.T_p / 1j)
        jones.append((np.cos(angle) * p - np.sin(angle) * s, np.sin(angle) * p + np.cos(angle) * s))
    signs = (-1.0) ** orders
    turned = np.array(jones).swapaxes(0, 1)[..., ::-1, :]  # the solver's rows count downward, so that p is along k
    return turned / _clear(stack) * signs[:, None] * signs


def _slices(stack: MaskStack) -> tuple[list[tuple[complex, float]], list[float]]:
    """Index, n - ik, and what an opening is wider by on either side in nm on the mask, of slices; their thicknesses."""
    slope = 1 / math.tan(math.radians(stack.sidewall_deg)) if stack.sidewall_deg != 90 else 0.0
    slices, heights, height = [], [], 0.0
    for layer in stack.layers:
        count = SLICES if slope else 1
        for _ in range(count):
            step = layer.thickness_nm / count
            slices.append((complex(layer.n, -layer.k), slope * (height + step / 2 - stack.thickness_nm / 2)))
            heights.append(step)
            height += step
    return slices, heights


def _clear(stack: MaskStack) -> complex:
    """The amplitude behind a wide opening."""
    into = 2 * stack.substrate_index / (stack.substrate_index + 1)
    return into * np.exp(2j * np.pi / stack.wavelength_nm * stack.thickness_nm)
