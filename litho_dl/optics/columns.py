"""The columns of A: what each source point passes, for every polarisation, field component, depth and focus.

With a thin mask all of them image the same mask spectrum coherently, so each is one more column. A source point passes
only a disc of mask frequencies; its fields are computed and kept on the smallest window of frequencies that holds it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.optics.film import Film
from litho_dl.optics.pupil import EDGE_TOLERANCE, Pupil, pupil_function
from litho_dl.optics.quadrature import hermite
from litho_dl.optics.source import Source
from litho_dl.optics.vector import film_response, medium_response, split, vector_pupil

VANISHING = 1e-15  # of a source point's light; weaker fields are rounding noise
BLOCK_VALUES = 2**21  # of fields that are computed together, 32 MiB


class PointPupils(NamedTuple):
    """The fields of source points, on the frequencies that each of them passes.

    Attributes:
        values: H_q(f + s), (S, Q, n_y, n_x) complex: each of the Q fields that every point has, times the roots of the
            weights of its depth and focus.
        places: Indices of these frequencies in the flattened mask spectrum, (S, n_y, n_x) int64.
        clear: Each point's contribution to the intensity of a clear field without films, (S,).
    """

    values: Tensor
    places: Tensor
    clear: Tensor


class Windows(NamedTuple):
    """Windows of frequencies, of one size for all source points.

    Attributes:
        rho_x: Normalised frequencies f + s, (S, n_y, n_x) float64.
        rho_y: The same along y.
        places: Indices in the flattened mask spectrum, (S, n_y, n_x) int64.
    """

    rho_x: Tensor
    rho_y: Tensor
    places: Tensor


def windows(source: Source, pupil: Pupil, field_nm: tuple[float, float], half: tuple[int, int]) -> Windows:
    """The smallest windows that hold every frequency that passes.

    Args:
        source: S source points.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        half: (h_y, h_x), the highest mask frequencies, as `optics.socs.passed_half` says.

    Returns:
        The windows.
    """
    step = pupil.wavelength_nm / pupil.na
    rho_y, rho_x = (
        torch.arange(-h, h + 1, dtype=torch.float64) * step / side for h, side in zip(half, field_nm, strict=True)
    )
    shift_x, shift_y = torch.from_numpy(source.points).T[..., None]
    x, y = rho_x + shift_x, rho_y + shift_y
    passed = x.square()[:, None] + y.square()[:, :, None] <= 1 + EDGE_TOLERANCE
    rows, columns = _intervals(passed.any(2)), _intervals(passed.any(1))
    x, y = torch.broadcast_tensors(x.gather(1, columns)[:, None], y.gather(1, rows)[:, :, None])
    return Windows(x, y, rows[:, :, None] * len(rho_x) + columns[:, None])


def _intervals(passed: Tensor) -> Tensor:
    """Consecutive indices (S, n) that include every True of each row of (S, N), with one n for all rows."""
    count = passed.shape[1]
    first = passed.byte().argmax(1)
    last = count - 1 - passed.flip(1).byte().argmax(1)
    length = int((last - first).max()) + 1
    return first.clamp(max=count - length)[:, None] + torch.arange(length, device=passed.device)


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of A for one focus, computed some source points at a time.

    Attributes:
        source: S source points with the states of their light.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        half: (h_y, h_x), the highest mask frequencies, as `optics.socs.passed_half` says.
        film: Films on the wafer; vector imaging only.
        defocus_nm: Distance of the image plane, or of the resist's top, from best focus.
        jones: What turns all states at the mask, (2, 2); vector imaging only.
    """

    source: Source
    pupil: Pupil
    field_nm: tuple[float, float]
    half: tuple[int, int]
    film: Film | None = None
    defocus_nm: float = 0.0
    jones: Tensor | None = None

    @cached_property
    def windows(self) -> Windows:
        """What each source point passes."""
        return windows(self.source, self.pupil, self.field_nm, self.half)

    @cached_property
    def passed(self) -> Tensor:
        """Which mask frequencies some source point passes, (F,) bool."""
        cut = self.windows
        inside = cut.rho_x.square() + cut.rho_y.square() <= 1 + EDGE_TOLERANCE
        passed = torch.zeros((2 * self.half[0] + 1) * (2 * self.half[1] + 1), dtype=torch.bool)
        passed[cut.places[inside]] = True
        return passed

    @cached_property
    def per_point(self) -> int:
        """Q, the number of fields of each source point."""
        return self._fields(slice(0, 1)).shape[1]

    def blocks(self) -> Iterator[PointPupils]:
        """The fields of consecutive source points, as many at a time as `BLOCK_VALUES` allows."""
        clear, places = clear_intensity(self.source, self.pupil), self.windows.places
        together = max(1, BLOCK_VALUES // (self.per_point * places[0].numel()))
        for start in range(0, len(places), together):
            part = slice(start, start + together)
            yield PointPupils(self._fields(part), places[part], clear[part])

    def all(self) -> PointPupils:
        """The fields of all source points at once, the fewest that give the same intensities."""
        values, places, clear = (torch.cat(parts) for parts in zip(*self.blocks(), strict=True))
        return PointPupils(fewest(values), places, clear)

    def _fields(self, part: slice) -> Tensor:
        """(S, Q, n_y, n_x): at every focus of the blur one field in scalar imaging, else those of `vector_pupil`."""
        pupil, states = self.pupil, torch.from_numpy(self.source.states[part])
        if self.jones is not None:
            states = states @ self.jones.to(states).mT
        rho_x, rho_y = self.windows.rho_x[part], self.windows.rho_y[part]
        fields = []
        for shift_nm, weight in zip(*map(Tensor.tolist, blur_foci(pupil)), strict=True):
            focus_nm = self.defocus_nm + shift_nm
            if pupil.imaging == "scalar":
                field = pupil_function(pupil, rho_x, rho_y, focus_nm).unsqueeze(1)
            else:
                field = vector_pupil(pupil, states, rho_x, rho_y, film=self.film, defocus_nm=focus_nm)
            fields.append(field if weight == 1 else math.sqrt(weight) * field)
        return torch.cat(fields, dim=1)


def fewest(values: Tensor) -> Tensor:
    """The fewest fields of each source point with the same sum of |E|^2 for every mask, to `VANISHING`.

    Args:
        values: (S, Q, n_y, n_x) complex.

    Returns:
        (S, at most Q, n_y, n_x): the fields turned among themselves such that they are orthogonal, without weak ones.
    """
    if values.shape[1] == 1:
        return values
    fields = values.flatten(2)
    energies, turn = torch.linalg.eigh(fields.conj() @ fields.mT)  # in ascending order
    kept = int((energies > VANISHING * energies[:, -1:]).sum(1).max())
    return (turn[..., -kept:].mT @ fields).unflatten(2, values.shape[2:])


def blur_foci(pupil: Pupil) -> tuple[Tensor, Tensor]:
    """Shifts of focus (B,) in nm that stand for the focus blur, and their weights (B,), float64."""
    index = pupil.immersion_index
    fastest = 2 * math.pi / pupil.wavelength_nm * (index - math.sqrt(index**2 - pupil.na**2))
    return hermite(pupil.focus_blur_nm, fastest)


def clear_intensity(source: Source, pupil: Pupil, film: Film | None = None, depths_nm: Tensor | None = None) -> Tensor:
    """The intensity of a clear field, from each source point of weight 1.

    Args:
        source: S source points with the states of their light.
        pupil: The lens.
        film: Films on the wafer; None: in the medium.
        depths_nm: (Z,) depths in the resist; only with a film.

    Returns:
        (S,) float64; with a film (Z, S).
    """
    x, y = torch.from_numpy(source.points).T
    power = pupil_function(pupil, x, y).abs().square()
    if pupil.imaging == "scalar":
        return power
    light, rho = split(pupil, torch.from_numpy(source.states), x, y), torch.hypot(x, y).clamp(max=1.0)
    if film is None:
        response = medium_response(pupil, rho)
    else:
        assert depths_nm is not None
        response = film_response(pupil, film, rho, depths_nm)
    s, p, axial = (part.abs().square() for part in response)
    found = power * (light.s.abs().square().sum(1) * s + light.p.abs().square().sum(1) * (p + axial))
    return found[0] if film is None else found


def clear_profile(source: Source, pupil: Pupil, film: Film, depths_nm: Tensor) -> Tensor:
    """The intensity of a clear field at depths in the resist, per intensity that the same light has without films.

    Args:
        source: The source points.
        pupil: The lens, with vector imaging.
        film: The films.
        depths_nm: (Z,) depths below the resist's top.

    Returns:
        (Z,) float64.
    """
    weights = torch.from_numpy(source.weights)
    return clear_intensity(source, pupil, film, depths_nm) @ weights / (clear_intensity(source, pupil) @ weights)


def clear_image(source: Source, pupil: Pupil, film: Film | None) -> float:
    """What a clear mask images to: 1 without films, and otherwise the energy that the resist sees per incident dose."""
    if film is None:
        return 1.0
    depths, weights = film.depths(pupil.wavelength_nm)
    return float(weights @ clear_profile(source, pupil, film, depths))
