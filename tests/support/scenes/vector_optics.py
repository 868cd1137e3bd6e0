"""Vector imaging on a small field in plain numpy, with the field in films by the `tmm` package: truths of their own."""

from collections.abc import Callable, Sequence

import numpy as np
import tmm

from litho_dl.optics.film import Film, Layer, Substrate
from litho_dl.optics.pupil import Pupil

WAVELENGTH_NM, WATER = 193.0, 1.44
WET = Pupil(wavelength_nm=WAVELENGTH_NM, na=1.35, immersion_index=WATER, imaging="vector")
STACK = Film(
    layers=(
        Layer(n=1.54, thickness_nm=30),
        Layer(n=1.70, k=0.03, thickness_nm=90, resist=True),
        Layer(n=1.82, k=0.34, thickness_nm=40),
    ),
    substrate=Substrate(n=0.88, k=2.78),
)


def states_at(polarization: str, x: float, y: float) -> list[tuple[float, float]]:
    """Incoherent (E_x, E_y) of a source point with a total power of 1."""
    radius = np.hypot(x, y)
    if polarization == "unpolarized" or (polarization in ("te", "tm") and radius < 1e-9):
        return [(0.5**0.5, 0.0), (0.0, 0.5**0.5)]
    along = {"x": (1.0, 0.0), "y": (0.0, 1.0)}
    if polarization in along:
        return [along[polarization]]
    return [(-y / radius, x / radius) if polarization == "te" else (x / radius, y / radius)]


def tmm_field(film: Film, pol: str, sine: float, depth_nm: float) -> np.ndarray:
    """(E_x, E_y, E_z) in the resist for a wave in the x-z plane of amplitude 1 in water; `sine` in NA units."""
    indices = [
        WATER,
        *(complex(layer.n, layer.k) for layer in film.layers),
        complex(film.substrate.n, film.substrate.k),
    ]
    lengths = [np.inf, *(layer.thickness_nm for layer in film.layers), np.inf]
    data = tmm.coh_tmm(pol, indices, lengths, np.arcsin(sine / WATER), WAVELENGTH_NM)
    found = tmm.position_resolved(film.resist_place + 1, depth_nm, data)
    return np.array([found["Ex"], found["Ey"], found["Ez"]], dtype=complex)


def water_field(pol: str, sine: float) -> np.ndarray:
    """The same without films."""
    return np.array([0, 1, 0] if pol == "s" else [(1 - (sine / WATER) ** 2) ** 0.5, 0, -sine / WATER], dtype=complex)


def abbe_image(
    amplitude: np.ndarray,
    pixel_nm: float,
    points: Sequence[tuple[float, float]],
    weights: Sequence[float],
    states: Callable[[float, float], list[tuple[complex, complex]]],
    *,
    pupil: Pupil = WET,
    film: Film | None = None,
    depths: Sequence[tuple[float, float]] = ((0.0, 1.0),),
    defocus_nm: float = 0.0,
    jones: Callable[[float, float], np.ndarray] = lambda x, y: np.eye(2),
) -> np.ndarray:
    """The image of a mask's amplitude (H, W), one source point, state, component and depth (nm, weight) at a time.

    Frequency by frequency, with rotations by the azimuth in place of formulas; a clear mask images to 1 in water.
    """
    spectrum, image, clear = np.fft.fft2(amplitude), np.zeros(amplitude.shape), 0.0
    f_y, f_x = (np.fft.fftfreq(n, pixel_nm) * WAVELENGTH_NM / pupil.na for n in amplitude.shape)
    known: dict[tuple[str, float, float], np.ndarray] = {}

    def field(x: float, y: float, state: tuple[complex, complex], depth_nm: float | None) -> np.ndarray:
        rho = min(np.hypot(x, y), 1.0)
        turn = np.arctan2(y, x)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        p, s = rotation.T @ jones(x, y) @ np.array(state)
        waves = []
        for pol in "ps":
            key = (pol, round(rho, 12), -1.0 if depth_nm is None else depth_nm)
            if key not in known:
                sine = pupil.na * rho
                known[key] = water_field(pol, sine) if depth_nm is None else tmm_field(film, pol, sine, depth_nm)
            waves.append(known[key])
        e = p * waves[0] + s * waves[1]
        e[:2] = rotation @ e[:2]
        sine = pupil.na * rho
        obliquity = ((1 - (sine / pupil.reduction) ** 2) / (1 - (sine / WATER) ** 2)) ** 0.25
        waves_of_path = defocus_nm / WAVELENGTH_NM * ((WATER**2 - sine**2) ** 0.5 - WATER)
        aberration = sum(c * {8: 8**0.5 * (3 * rho**2 - 2) * x}[j] for j, c in pupil.zernike_waves.items())
        return e * obliquity * np.exp(2j * np.pi * (waves_of_path + aberration))

    for (s_x, s_y), weight in zip(points, weights, strict=True):
        for state in states(s_x, s_y):
            clear += weight * (np.abs(field(s_x, s_y, state, None)) ** 2).sum()
            for depth_nm, share in depths:
                passed = np.zeros((3, *amplitude.shape), dtype=complex)
                for i, j in np.ndindex(amplitude.shape):
                    x, y = f_x[j] + s_x, f_y[i] + s_y
                    if x * x + y * y <= 1 + 1e-12:
                        passed[:, i, j] = field(x, y, state, depth_nm if film is not None else None)
                image += weight * share * (np.abs(np.fft.ifft2(spectrum * passed)) ** 2).sum(0)
    return image / clear
