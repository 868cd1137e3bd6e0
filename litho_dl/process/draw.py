"""Random optics: processes drawn from a seed, for networks that are to serve any."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import Recipe

# (wavelength in nm, smallest and largest NA, index of the medium), and how often each is drawn
TOOLS = ((248.0, 0.55, 0.93, 1.0), (193.0, 0.65, 0.93, 1.0), (193.0, 0.95, 1.35, 1.44), (13.5, 0.25, 0.40, 1.0))
TOOL_SHARES = (0.2, 0.3, 0.4, 0.1)
SHAPES = ("conventional", "annular", "quasar", "cquad", "dipole")
SHAPE_SHARES = (0.15, 0.3, 0.2, 0.25, 0.1)
ARF_FILMS = ({"n": 1.70, "k": 0.03, "resist": True}, {"n": 1.82, "k": 0.34, "thickness_nm": 35.0})
KRF_FILMS = ({"n": 1.78, "k": 0.01, "resist": True}, {"n": 1.48, "k": 0.41, "thickness_nm": 65.0})
PERIODS_NM = (68.0, 145.0)  # finest period at scale 1
KERNELS, SOURCE_SAMPLES = 16, 31


def drawn_process(seed: int, side: int, pixel_nm: float) -> ProcessModel:
    """A random projection system with its process, for a field of `side` pixels of `pixel_nm` times its scale.

    Wavelength, aperture, source (shape, sigma, polarisation, blur), scalar or vector imaging, films, aberrations,
    defocus, dose, mask (binary or attenuated, dark or clear field), threshold and diffusion are drawn, and the scale of
    the layouts that it prints. Its kernels are few: it is an example of optics, not an accurate model of given ones.

    Args:
        seed: Zero or more.
        side: Pixels of the square field on a side.
        pixel_nm: The pixel at scale 1.

    Returns:
        The process, the same for the same arguments.
    """
    rng = np.random.default_rng(seed)
    wavelength_nm, least_na, largest_na, index = TOOLS[rng.choice(len(TOOLS), p=TOOL_SHARES)]
    na, extreme = _uniform(rng, least_na, largest_na), wavelength_nm < 100
    source = _source(rng)
    vector = not extreme and bool(rng.random() < 0.35)
    if vector and source["shape"] != "conventional" and rng.random() < 0.6:
        source["polarization"] = "te"
    pupil: dict[str, Any] = {"wavelength_nm": wavelength_nm, "na": na, "immersion_index": index}
    pupil |= {"imaging": "vector" if vector else "scalar", "flare": _uniform(rng, 0.01, 0.05) if extreme else 0.0}
    if rng.random() < 0.3:
        pupil["zernike_waves"] = {int(rng.integers(5, 12)): _uniform(rng, -0.02, 0.02)}
    finest_nm = wavelength_nm / (na * (1 + source.get("sigma_outer", source.get("sigma", 1.0))))
    scale = finest_nm / math.exp(_uniform(rng, *map(math.log, PERIODS_NM)))
    depth_nm = wavelength_nm / (index - math.sqrt(index**2 - na**2)) / 2
    defocus_nm = _uniform(rng, 0.08, 0.3) * depth_nm * rng.choice((-1, 1))
    dose, clear = _uniform(rng, 0.015, 0.05), bool(rng.random() < 0.25)
    mask: dict[str, Any] = {"field": "clear" if clear else "dark"}
    if rng.random() < 0.4:
        mask |= {"type": "attenuated", "transmission": _uniform(rng, 0.04, 0.08)}
    film = _film(rng, wavelength_nm) if vector and rng.random() < 0.6 else None
    larger, smaller = (1 - dose, 1 + dose) if clear else (1 + dose, 1 - dose)
    table = {
        "description": f"Random optics {seed}",
        "scale": scale,
        "pupil": pupil,
        "source": source,
        "mask": mask,
        "resist": {"threshold": 1.0, "diffusion_nm": _uniform(rng, 0, 10) * scale},
        "corners": {
            "nominal": {"dose": 1.0, "defocus_nm": 0.0},
            "outer": {"dose": larger, "defocus_nm": 0.0},
            "inner": {"dose": smaller, "defocus_nm": defocus_nm},
        },
        "kernels": {"field_nm": side * pixel_nm * scale, "source_samples": SOURCE_SAMPLES, "count": KERNELS},
    }
    if film is not None:
        table["film"] = film
    process = build_process(Recipe.model_validate(table))
    threshold = _uniform(rng, 0.2, 0.34) * _clear_intensity(process)
    resist = process.resist.model_copy(update={"threshold": threshold, "steepness": 12.5 / threshold})
    assert process.recipe is not None
    return replace(process, resist=resist, recipe=process.recipe.model_copy(update={"resist": resist}))


def _source(rng: np.random.Generator) -> dict[str, Any]:
    shape = str(rng.choice(SHAPES, p=SHAPE_SHARES))
    if shape == "conventional":
        return {"shape": shape, "sigma": _uniform(rng, 0.4, 0.9)}
    outer = _uniform(rng, 0.6, 0.95)
    ring = {"shape": shape, "sigma_outer": outer, "sigma_inner": outer * _uniform(rng, 0.4, 0.8)}
    ring["blur_sigma"] = _uniform(rng, 0, 0.06)
    if shape != "annular":
        ring["opening_deg"] = _uniform(rng, 25, 60)
    return ring | ({"axis": str(rng.choice(("x", "y")))} if shape == "dipole" else {})


def _film(rng: np.random.Generator, wavelength_nm: float) -> dict[str, Any]:
    resist, reflector = ARF_FILMS if wavelength_nm < 200 else KRF_FILMS
    thickness_nm = _uniform(rng, 0.4, 0.8) * wavelength_nm
    substrate = {"n": 0.88, "k": 2.78} if wavelength_nm < 200 else {"n": 1.57, "k": 3.57}
    return {"layers": ({**resist, "thickness_nm": thickness_nm}, reflector), "substrate": substrate}


def _clear_intensity(process: ProcessModel) -> float:
    """The image of a mask that is open everywhere."""
    kernels = process.kernels["focus"]
    middle = tuple(side // 2 for side in kernels.spectra.shape[-2:])
    return float((kernels.weights * kernels.spectra[:, middle[0], middle[1]].abs().square()).sum())


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))
