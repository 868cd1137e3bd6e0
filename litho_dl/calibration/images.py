"""Images of scenes for any values of a recipe's numbers, and their derivatives; what did not change is not computed.

In float64, with every kernel that holds more than rounding noise: the kernels of a recipe's optics and a focus are
shared by all scenes, the image of a scene by all of its gauges and doses.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from litho_dl.calibration.keys import value_of, with_values
from litho_dl.calibration.scene import Scene
from litho_dl.core.errors import LithoError
from litho_dl.optics.imaging import ENERGY_TOLERANCE
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import build_socs, focus_columns
from litho_dl.optics.source import Source, sample_source
from litho_dl.optics.spot import spot_kernels
from litho_dl.optics.topography import polarized_parts
from litho_dl.process.bake_grid import BakeGrid
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.process.recipe import Recipe
from litho_dl.process.resist import Resist, diffusion_transfer, with_flare
from litho_dl.simulation.latent import LatentImages
from litho_dl.simulation.mask_spectrum import MaskSpectrum
from litho_dl.simulation.passband import socs_passband
from litho_dl.simulation.simulator import Simulator

ENERGY = 1 - 1e-9  # of the kernels that are kept
MOST_SIMULATORS, MOST_IMAGES = 48, 4096  # kept
DIFFUSION, FLARE = "resist.diffusion_nm", "pupil.flare"
EDGES = ("pupil.na", "pupil.wavelength_nm", "source.")  # keys that move the edges of pupil or source over their samples
EDGE_STEP, ANGLE_STEP_DEG = 0.01, 2.0
LAYERS, LAYER_STEP = "mask.topography.", 0.1  # images are quadratic in moments: differences are exact at any step
LENGTH_STEP, STEP = 1e-3, 2e-4  # of smooth keys: of wavelength / NA for lengths, else of the value, or of 1

Value = TypeVar("Value")
Half = tuple[int, int]


class Recent:
    """The last values of an expensive function, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value at a key, made unless it is there."""
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


def difference_step(recipe: Recipe, key: str) -> float:
    """The step of central differences in a key that enters the kernels.

    Smooth keys (focus, aberrations, films) have one so small that the differences are right to some 1e-6. The edges of
    pupil and source lie on a finite number of samples, so that images change in tiny jumps as edges move; for these
    keys the step is many jumps wide.
    """
    if key.startswith(EDGES):
        return ANGLE_STEP_DEG if key.endswith("_deg") else EDGE_STEP * (value_of(recipe, key) if "_nm" in key else 1.0)
    if key.startswith(LAYERS):
        return LAYER_STEP * max(1.0, abs(value_of(recipe, key)))
    if key.endswith("_nm"):
        return LENGTH_STEP * recipe.pupil.wavelength_nm / recipe.pupil.na
    return STEP * max(1.0, abs(value_of(recipe, key)))


def neighbours(recipe: Recipe, key: str, step: float) -> tuple[Recipe, Recipe, float]:
    """The recipes with a key a step lower and higher, and their distance; where one is invalid, the recipe itself.

    Raises:
        LithoError: Both are invalid.
    """
    value, found = value_of(recipe, key), []
    for other in (value - step, value + step):
        try:
            found.append((with_values(recipe, {key: other}), other))
        except LithoError:
            found.append((recipe, value))
    (low, low_value), (high, high_value) = found
    if low_value == high_value:
        raise LithoError(
            f"{key}: expected room for a step of {step:g} around {value:g}, got none; choose other bounds."
        )
    return low, high, high_value - low_value


class Images:
    """Images of scenes on one field.

    Attributes:
        field_nm: (height, width) of the periodic field.
        samples: Cells of the source on a side; None: as the recipe says for the field.
    """

    def __init__(self, field_nm: tuple[float, float], samples: int | None = None) -> None:
        self.field_nm, self.samples = field_nm, samples
        self._sources, self._simulators = Recent(MOST_SIMULATORS), Recent(MOST_SIMULATORS)
        self._bakes: dict[Half, BakeGrid] = {}
        self._images, self._spectra = Recent(MOST_IMAGES), Recent(MOST_IMAGES)

    def aerial(self, recipe: Recipe, scene: Scene, focus_nm: float) -> Tensor:
        """The half spectrum (4 h_y + 1, 2 h_x + 1) of the image at dose 1, before resist and flare."""

        def make() -> Tensor:
            return self._simulator(recipe, focus_nm).intensity_spectrum(
                self._spectrum(recipe, scene, focus_nm), "focus"
            )

        return self._images.get(self._key(recipe, scene, focus_nm), make)

    def latent(self, recipe: Recipe, scene: Scene, focus_nm: float, dose: float) -> Tensor:
        """The half spectrum of the latent image in a chemical resist.

        The bake has the samples and steps of the first resist that was asked for: images are smooth in all numbers.
        """
        numbers = (recipe.resist.model_dump_json(), recipe.pupil.flare, dose)

        def make() -> Tensor:
            aerial, own = self.aerial(recipe, scene, focus_nm), self._simulator(recipe, focus_nm).process
            half = aerial.shape[-2] // 2, aerial.shape[-1] - 1
            process = replace(own, resist=recipe.resist, corners={"tool": Corner(dose, "focus")})
            latent = LatentImages(process, half, self._bakes.get(half))
            self._bakes[half] = latent.grid
            spectra = {"focus": aerial * transfer(half, self.field_nm, 0.0, recipe.pupil.flare)}
            return latent(spectra)[latent.corners["tool"].kernels]

        return self._images.get((*numbers, self._key(recipe, scene, focus_nm)), make)

    def mask_derivative(self, recipe: Recipe, scene: Scene, focus_nm: float, key: str) -> Tensor:
        """The derivative of `aerial` in a number of the mask; exact, as the image is quadratic in the mask's spectrum.

        With d the spectrum's derivative, (I(S + d) - I(S - d)) / 2 = dI for every size of d. The spectrum is smooth and
        cheap: its derivative is a central difference of fourth order, right to some 1e-10.
        """
        return self._images.get(
            (key, self._key(recipe, scene, focus_nm)), lambda: self._mask_derivative(recipe, scene, focus_nm, key)
        )

    def _mask_derivative(self, recipe: Recipe, scene: Scene, focus_nm: float, key: str) -> Tensor:
        own, step = self._spectrum(recipe, scene, focus_nm), difference_step(recipe, key)

        def difference(step: float) -> MaskSpectrum:
            low, high, distance = neighbours(recipe, key, step)
            ends = [self._spectrum(end, scene, focus_nm) for end in (high, low)]
            return _combined(ends[0], ends[1], -1.0, 1 / distance)

        slope = _combined(difference(step), difference(2 * step), -0.25, 4 / 3)
        size = float(own.amplitude.abs().max() / slope.amplitude.abs().max().clamp(min=1e-300))
        both = [_combined(own, slope, side * size, 1.0) for side in (1, -1)]
        plus, minus = (self._simulator(recipe, focus_nm).intensity_spectrum(spectrum, "focus") for spectrum in both)
        return (plus - minus) / (2 * size)

    @staticmethod
    def _key(recipe: Recipe, scene: Scene, focus_nm: float) -> tuple[str, str, int, float]:
        return _optics(recipe), recipe.mask.model_dump_json(), id(scene), focus_nm

    def _spectrum(self, recipe: Recipe, scene: Scene, focus_nm: float) -> MaskSpectrum:
        simulator = self._simulator(recipe, focus_nm)

        def make() -> MaskSpectrum:
            return self._with_mask(recipe, simulator).spectrum(scene.coverage, scene.pixel_nm)

        return self._spectra.get((recipe.mask.model_dump_json(), id(scene), simulator.process.half), make)

    def _simulator(self, recipe: Recipe, focus_nm: float) -> Simulator:
        """The simulator of a recipe's optics at one focus; of the mask that it was first asked for."""
        return self._simulators.get((_optics(recipe), focus_nm), lambda: self._built(recipe, focus_nm))

    @staticmethod
    def _with_mask(recipe: Recipe, simulator: Simulator) -> Simulator:
        """A simulator with the mask of a recipe and the kernels of another one."""
        if recipe.mask == simulator.process.mask:
            return simulator
        process = replace(simulator.process, mask=recipe.mask)
        return Simulator(process, dtype=torch.float64, passband=simulator.passband)

    def _built(self, recipe: Recipe, focus_nm: float) -> Simulator:
        pupil, resist = recipe.pupil.model_copy(update={"flare": 0.0}), Resist(threshold=1.0)
        plain = recipe.model_copy(update={"pupil": pupil, "resist": resist})
        if pupil.imaging == "spot":
            kernels = spot_kernels(pupil, self.field_nm, focus_nm)
        else:
            source, film = self._source(recipe), recipe.film
            kernels = build_socs(source, pupil, self.field_nm, film=film, defocus_nm=focus_nm, energy=ENERGY)
            if recipe.mask.topography is not None:
                columns = focus_columns(source, pupil, self.field_nm, film=film, defocus_nm=focus_nm)
                kernels = replace(kernels, polarized=polarized_parts(columns, kernels.spectra))
        process = ProcessModel({"focus": kernels}, plain.mask, plain.resist, {"nominal": Corner(1.0, "focus")}, plain)
        return Simulator(process, dtype=torch.float64, passband=socs_passband(process, ENERGY_TOLERANCE))

    def _source(self, recipe: Recipe) -> Source:
        samples = self.samples or recipe.source_samples(self.field_nm)
        return self._sources.get(recipe.source.model_dump_json(), lambda: sample_source(recipe.source, samples))


def _optics(recipe: Recipe) -> str:
    """What kernels are made from, as text: the lens without flare, source, film, and a mask's boundary layers."""
    pupil: Pupil = recipe.pupil.model_copy(update={"flare": 0.0})
    film = None if recipe.film is None else recipe.film.model_dump(mode="json")
    mask = None if recipe.mask.topography is None else recipe.mask.model_dump(mode="json")
    return json.dumps([pupil.model_dump(mode="json"), recipe.source.model_dump(mode="json"), film, mask])


def _combined(one: MaskSpectrum, other: MaskSpectrum, share: float, factor: float) -> MaskSpectrum:
    """(one + share other) factor."""
    intensity = None
    if one.intensity is not None and other.intensity is not None:
        intensity = (one.intensity + share * other.intensity) * factor
    return MaskSpectrum((one.amplitude + share * other.amplitude) * factor, intensity)


@lru_cache(maxsize=64)
def transfer(half: Half, field_nm: tuple[float, float], diffusion_nm: float, flare: float) -> Tensor:
    """What diffusion and flare make of an image's spectrum, on a half spectrum (2 h_y + 1, h_x + 1)."""
    return with_flare(diffusion_transfer(half, field_nm, diffusion_nm), flare)


@lru_cache(maxsize=64)
def transfer_derivative(
    half: Half, field_nm: tuple[float, float], diffusion_nm: float, flare: float, key: str
) -> Tensor:
    """The derivative of `transfer` in diffusion or flare, in closed form.

    d/dsigma exp(-2 pi^2 sigma^2 f^2) = 2 sigma ln(exp(-2 pi^2 f^2)) exp(-2 pi^2 sigma^2 f^2), and flare is linear.
    """
    spread = diffusion_transfer(half, field_nm, diffusion_nm)
    if key == FLARE:
        return with_flare(spread, 1.0) - spread
    return with_flare(2 * diffusion_nm * diffusion_transfer(half, field_nm, 1.0).log() * spread, flare)
