"""The layers of a mask: what its absorber is made of, at its true thickness."""

import cmath
import math
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import torch
from pydantic import Field, model_validator

from litho_dl.core.settings import Settings, read_toml, validated
from litho_dl.optics.film import recursion

LEAST_REFLECTED = 0.3  # of a mirror; those of EUV masks reflect some 65 to 74 %
Index = Annotated[float, Field(gt=0, le=10)]


class StackLayer(Settings):
    """One film of the absorber or of the mirror.

    Attributes:
        name: What it is called.
        thickness_nm: Its thickness.
        n: Its refractive index.
        k: Its extinction coefficient.
    """

    name: str
    thickness_nm: Annotated[float, Field(gt=0, le=10_000)]
    n: Index
    k: Annotated[float, Field(ge=0, le=20)] = 0.0


class Mirror(Settings):
    """What a reflective mask's absorber lies on, and the light that falls onto it.

    Attributes:
        pairs: How many times the films of `pair` are repeated.
        pair: The films of a pair, the one on the substrate first.
        cap: Films between the pairs and the absorber, the one on the pairs first.
        chief_ray_deg: Angle of the chief ray to the mask's normal; it falls in the plane of y and z, travelling up y.
    """

    pairs: Annotated[int, Field(ge=1, le=200)]
    pair: Annotated[tuple[StackLayer, ...], Field(min_length=1)]
    cap: tuple[StackLayer, ...] = ()
    chief_ray_deg: Annotated[float, Field(ge=0, le=30)]

    @property
    def films(self) -> tuple[StackLayer, ...]:
        """All films, the one on the substrate first."""
        return self.pair * self.pairs + self.cap


class MaskStack(Settings):
    """The films of a mask that transmits light, or reflects it.

    Light comes through the substrate, then through the absorber or its openings; or it falls onto the absorber, and a
    mirror between absorber and substrate reflects it.

    Attributes:
        description: The stack in one line.
        wavelength_nm: Vacuum wavelength.
        substrate_index: Refractive index of the substrate.
        layers: The films of the absorber, the one on the substrate first.
        sidewall_deg: Slope of the absorber's walls: below 90, openings are narrower at the substrate than drawn, and
            wider at the open side.
        mirror: What makes the mask reflective; None: it transmits.
    """

    description: str
    wavelength_nm: Annotated[float, Field(ge=1, le=100_000)]
    substrate_index: Index
    layers: Annotated[tuple[StackLayer, ...], Field(min_length=1)]
    sidewall_deg: Annotated[float, Field(ge=45, le=135)] = 90.0
    mirror: Mirror | None = None

    @model_validator(mode="after")
    def _absorbs(self) -> Self:
        if self.mirror is not None:
            least = float((np.abs(self.reflected(covered=False)) ** 2).min())
            if not least >= LEAST_REFLECTED:
                raise ValueError(
                    f"mirror: expected films that reflect at least {LEAST_REFLECTED:.0%} of the light, got "
                    f"{least:.1%}; check thicknesses, n and k"
                )
        if not abs(self.background) < 1:
            raise ValueError("layers: expected an absorber that passes less light than its openings")
        return self

    @property
    def thickness_nm(self) -> float:
        """Thickness of the absorber."""
        return sum(layer.thickness_nm for layer in self.layers)

    @property
    def background(self) -> complex:
        """The amplitude behind the absorber, for one of 1 behind an opening of the same height; indices are n + ik.

        That of a reflective mask is the mean of the amplitudes of both polarisations.

        Source: transfer matrices of thin films, M. Born and E. Wolf, Principles of Optics, ch. 1.6.
        """
        if self.mirror is not None:
            return complex((self.reflected(covered=True) / self.reflected(covered=False)).mean())
        wave = 2j * math.pi / self.wavelength_nm
        indices = [complex(self.substrate_index), *(complex(layer.n, layer.k) for layer in self.layers), 1 + 0j]
        passed = (1 + 0j, 0j)  # forward and backward amplitudes in the open, counted back to the substrate
        for layer, before, after in zip((None, *self.layers)[::-1], indices[-2::-1], indices[:0:-1], strict=True):
            forward, backward = passed
            ratio = after / before
            passed = (
                ((1 + ratio) * forward + (1 - ratio) * backward) / 2,
                ((1 - ratio) * forward + (1 + ratio) * backward) / 2,
            )
            if layer is not None:
                step = cmath.exp(wave * before * layer.thickness_nm)
                passed = passed[0] / step, passed[1] * step
        through = 1 / passed[0]
        clear = 2 * self.substrate_index / (self.substrate_index + 1) * cmath.exp(wave * self.thickness_nm)
        return through / clear

    def reflected(self, *, covered: bool) -> np.ndarray:
        """What a reflective mask reflects of the chief ray where it has no edges, seen where the absorber ends.

        Args:
            covered: Whether the absorber is there, or as much empty space.

        Returns:
            (2,) complex amplitudes of s and p waves.
        """
        assert self.mirror is not None
        sine = math.sin(math.radians(self.mirror.chief_ray_deg))
        films = (*self.mirror.films, *(self.layers if covered else ()))[::-1]
        indices = [1.0, *(complex(film.n, film.k) for film in films), self.substrate_index]
        thicknesses = [film.thickness_nm for film in films]
        found = recursion(indices, thicknesses, self.wavelength_nm, torch.tensor(sine, dtype=torch.float64)).bottoms[0]
        way_nm = 0.0 if covered else 2 * self.thickness_nm * math.sqrt(1 - sine**2)
        seen: np.ndarray = found.numpy() * cmath.exp(2j * math.pi / self.wavelength_nm * way_nm)
        return seen


def load_stack(name_or_path: str | Path) -> MaskStack:
    """Loads a packaged stack by name, or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, _ = read_toml("stacks", name_or_path)
    return validated(MaskStack, table, origin)
