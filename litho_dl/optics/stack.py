"""The layers of a mask: what its absorber is made of, at its true thickness."""

import cmath
import math
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from litho_dl.core.settings import Settings, read_toml, validated

Index = Annotated[float, Field(gt=0, le=10)]


class StackLayer(Settings):
    """One film of the absorber.

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


class MaskStack(Settings):
    """A transmission mask: light comes through the substrate, then through the absorber or its openings.

    Attributes:
        description: The stack in one line.
        wavelength_nm: Vacuum wavelength.
        substrate_index: Refractive index of the substrate.
        layers: The films of the absorber, the one on the substrate first.
        sidewall_deg: Slope of the absorber's walls: below 90, openings are narrower at the substrate than drawn, and
            wider at the open side.
    """

    description: str
    wavelength_nm: Annotated[float, Field(ge=1, le=100_000)]
    substrate_index: Index
    layers: Annotated[tuple[StackLayer, ...], Field(min_length=1)]
    sidewall_deg: Annotated[float, Field(ge=45, le=135)] = 90.0

    @model_validator(mode="after")
    def _absorbs(self) -> Self:
        if abs(self.background) >= 1:
            raise ValueError("layers: expected an absorber that passes less light than its openings")
        return self

    @property
    def thickness_nm(self) -> float:
        """Thickness of the absorber."""
        return sum(layer.thickness_nm for layer in self.layers)

    @property
    def background(self) -> complex:
        """The amplitude behind the absorber, for one of 1 behind an opening of the same height; indices are n + ik.

        Source: transfer matrices of thin films at normal incidence, M. Born and E. Wolf, Principles of Optics, ch. 1.6.
        """
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


def load_stack(name_or_path: str | Path) -> MaskStack:
    """Loads a packaged stack by name, or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, _ = read_toml("stacks", name_or_path)
    return validated(MaskStack, table, origin)
