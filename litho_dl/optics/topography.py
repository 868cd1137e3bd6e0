"""Mask topography: what the thickness of the absorber does to light at its edges, as boundary layers.

The field behind a thick mask is that of a thin one, plus a line of amplitude along every edge, narrow for the optics:
its strength is complex, and differs between the field parallel to the edge (TE) and perpendicular to it (TM). With the
edge's normal n, light of the state e leaves such a line as

    |grad m| (b_par e + (b_perp - b_par) n (n . e)),

so the three edge densities of `optics.edges` are further channels of the mask, each of which meets the incoming states
through a matrix of its own, and therefore has kernels of its own. All are combinations of how each kernel sees light
of which only the x component is let through (G_x; G_y is the rest), and light with x and y exchanged (G_xy).

Opposite edges of a line differ under oblique light: +odd at edges facing up the axis and -odd at those facing down add
up to the gradient of the coverage, which is a factor on the kernel of the coverage itself.

Source: J. Tirapu-Azpiroz, E. Yablonovitch, Proc. SPIE 4346 and 5040 (2001, 2003): boundary layers of thick masks.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor

from litho_dl.core.settings import Settings
from litho_dl.optics.columns import Columns

Amplitude = tuple[float, float]


class EdgeAmplitude(Settings):
    """The amplitude of the line along an edge, for a clear mask's amplitude of 1, as real and imaginary part.

    Attributes:
        parallel_nm: For light polarised along the edge (TE), in nm on the wafer's scale.
        perpendicular_nm: For light polarised across it (TM).
        odd_nm: What is added at edges of drawn shapes that face up the axis, and taken away at those facing down.
    """

    parallel_nm: Amplitude = (0.0, 0.0)
    perpendicular_nm: Amplitude = (0.0, 0.0)
    odd_nm: Amplitude = (0.0, 0.0)


class Topography(Settings):
    """The boundary layers of a mask, as `litho-dl kernels mask3d` fits them to rigorous solutions.

    Attributes:
        x: Edges that face along x, as those of vertical lines.
        y: Edges that face along y; None: as x. They differ for masks in oblique light (EUV).
    """

    x: EdgeAmplitude
    y: EdgeAmplitude | None = None

    @model_validator(mode="after")
    def _finite(self) -> Self:
        for edge in self.edges:
            for part in (edge.parallel_nm, edge.perpendicular_nm, edge.odd_nm):
                if not all(abs(value) < 1e4 for value in part):
                    raise ValueError(f"expected amplitudes of less than 10,000 nm, got {part}")
        return self

    @property
    def edges(self) -> tuple[EdgeAmplitude, EdgeAmplitude]:
        """Those facing along x, and along y."""
        return self.x, self.y or self.x

    @property
    def mean_nm(self) -> tuple[complex, complex]:
        """What unpolarised light sees on average of edges facing along x, and along y."""
        x, y = ((complex(*edge.parallel_nm) + complex(*edge.perpendicular_nm)) / 2 for edge in self.edges)
        return x, y


# The Jones matrices that stand for G_x and G_xy.
PARTS = (torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))


def channel_weights(topography: Topography) -> Tensor:
    """What each channel of edges takes of (G_x, G_y, G_xy), (3, 3) complex128."""
    x, y = topography.edges
    par_x, perp_x, par_y, perp_y = (
        complex(*part) for edge in (x, y) for part in (edge.parallel_nm, edge.perpendicular_nm)
    )
    crossed = (perp_x - par_x + perp_y - par_y) / 2
    return torch.tensor([[perp_x, par_x, 0], [par_y, perp_y, 0], [0, 0, crossed]], dtype=torch.complex128)


def odd_factor(
    topography: Topography, contrast: float, half: tuple[int, int], field_nm: tuple[float, float]
) -> Tensor | None:
    """The factor of the coverage's kernel that opposite edges cause, 1 - 2 pi i (f . odd) / contrast; None if it is 1.

    Args:
        topography: The boundary layers.
        contrast: Amplitude of drawn shapes, less that of the background.
        half: (h_y, h_x), the highest frequencies.
        field_nm: (height, width) of the field.

    Returns:
        (2 h_y + 1, 2 h_x + 1) complex128.
    """
    odd_x, odd_y = (complex(*edge.odd_nm) for edge in topography.edges)
    if not (odd_x or odd_y):
        return None
    f_y, f_x = (torch.arange(-h, h + 1, dtype=torch.float64) / side for h, side in zip(half, field_nm, strict=True))
    return 1 - 2j * torch.pi * (f_x * odd_x + f_y[:, None] * odd_y) / contrast


def polarized_parts(columns: Columns, spectra: Tensor) -> Tensor:
    """How kernels see light of which the x component is let through (G_x), and with x and y exchanged (G_xy).

    A unitary turn of the columns of A that makes A V = U sqrt(E) leaves all images as they are; the columns of edge
    channels turn with them: G = A_J A^H U / E for those columns A_J whose states are turned by the Jones matrix J.

    Args:
        columns: The columns of A.
        spectra: Kernels of unit norm, (K, 2 h_y + 1, 2 h_x + 1) complex128.

    Returns:
        (K, 2, 2 h_y + 1, 2 h_x + 1) complex128: half the kernels and zero in scalar imaging, where no light is told
        from other light.
    """
    if columns.pupil.imaging == "scalar":
        return torch.stack((spectra / 2, torch.zeros_like(spectra)), 1)
    rows, width = spectra.shape[-2:]
    found = torch.zeros(len(spectra), len(PARTS), rows, width, dtype=torch.complex128)
    energies = torch.zeros(len(spectra), dtype=torch.float64)
    order = columns.windows.places[:, 0, 0].argsort(stable=True).numpy()
    ordered = replace(columns, source=columns.source.part(order))
    roots = torch.from_numpy(ordered.source.weights).sqrt()
    turned_columns = (replace(ordered, jones=part).blocks() for part in PARTS)
    for block, *turned in zip(ordered.blocks(), *turned_columns, strict=True):
        own, roots = roots[: len(block.values)], roots[len(block.values) :]
        starts, counts = block.places[:, 0, 0].unique_consecutive(return_counts=True)
        places = counts.tolist()
        fields = [(own[:, None, None, None] * part.values).split(places) for part in (block, *turned)]
        for index, start in enumerate(starts.tolist()):
            (height, across), (y, x) = block.values.shape[2:], divmod(start, width)
            window = slice(y, y + height), slice(x, x + across)
            flat, *others = (part[index].flatten(2).flatten(0, 1) for part in fields)
            turn = spectra[:, *window].flatten(1) @ flat.mH  # (K, columns)
            energies += turn.abs().square().sum(1)
            for channel, other in enumerate(others):
                found[:, channel, *window] += (turn @ other).view(-1, height, across)
    return found / energies[:, None, None, None]


def channel_columns(columns: Columns, topography: Topography, contrast: float) -> Iterator[Tensor]:
    """The fields of all source points for each channel of a mask with boundary layers, for Abbe's sum.

    Args:
        columns: The columns of A.
        topography: The boundary layers.
        contrast: Amplitude of drawn shapes, less that of the background.

    Yields:
        (S, Q, n_y, n_x) complex128 on the windows of the columns, in the order of the channels.
    """
    odd = odd_factor(topography, contrast, columns.half, columns.field_nm)
    areas, places = (torch.cat(parts) for parts in list(zip(*columns.blocks(), strict=True))[:2])
    yield areas if odd is None else areas * odd.flatten()[places].unsqueeze(1)
    if columns.pupil.imaging == "scalar":
        own_x, crossed = areas / 2, torch.zeros_like(areas)
    else:
        own_x, crossed = (torch.cat([b.values for b in replace(columns, jones=part).blocks()]) for part in PARTS)
    for to_x, to_y, to_crossed in channel_weights(topography).tolist():
        yield to_x * own_x + to_y * (areas - own_x) + to_crossed * crossed
