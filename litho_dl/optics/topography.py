"""Mask topography: what the thickness of the absorber does to light at its edges, as boundary layers.

The field behind a thick mask is that of a thin one plus a deviation along every edge, narrow for the optics. Its
moments across the edge are complex, and differ between the field parallel to the edge (TE) and perpendicular to it
(TM). With the edge's normal n, light of the state e is deviated as

    b_par e + (b_perp - b_par) n (n . e).

Zeroth and second moments are lines along the edges: the three edge densities of `optics.edges` are further channels of
the mask. First moments point outward, and so are second derivatives of the coverage, a factor on the coverage's own
kernel. As straight edges have their spectrum at frequencies along their normals, a second moment is the factor
-2 pi^2 |f|^2 on a line's strength.

Every channel meets the incoming states through a matrix of its own, and therefore has kernels of its own. All are
combinations of how each kernel sees light of which only the x component is let through (G_x; G_y is the rest), and
light with x and y exchanged (G_xy). They are summed before the fields are transformed, so that images cost as many
transforms as those of thin masks.

Opposite edges of a shape differ under oblique light, as that of EUV masks: edges that face up the axis gain the moments
`odd`, and those that face down lose them. Zeroth and second ones add up to gradients of the coverage, factors on its
kernel; first ones, whose outward directions are opposite too, are gradients of the densities of edges.

Source: J. Tirapu-Azpiroz, E. Yablonovitch, Proc. SPIE 4346, 1260 (2001) and 5040, 1071 (2003): boundary layers.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from litho_dl.core.settings import Settings
from litho_dl.optics.columns import Columns

CHANNELS = 4  # coverage, and the densities of edges
Part = Annotated[float, Field(ge=-1e6, le=1e6)]
Amplitude = tuple[Part, Part]


class Layer(Settings):
    """Moments of the deviation across an edge, counted outward from the drawn shape, for a clear amplitude of 1.

    Each is a real and an imaginary part, on the wafer's scale. A shift of the edge by b has the zeroth moment
    contrast b and the first contrast b^2 / 2.

    Attributes:
        zeroth_nm: The integral of the deviation.
        first_nm2: The integral of the deviation times the distance.
        second_nm3: The same with its square.
    """

    zeroth_nm: Amplitude = (0.0, 0.0)
    first_nm2: Amplitude = (0.0, 0.0)
    second_nm3: Amplitude = (0.0, 0.0)

    @property
    def moments(self) -> tuple[complex, complex, complex]:
        """The three moments."""
        return complex(*self.zeroth_nm), complex(*self.first_nm2), complex(*self.second_nm3)


class EdgeLayers(Settings):
    """The boundary layers of edges that face along one axis.

    Attributes:
        parallel: For light polarised along the edge (TE).
        perpendicular: For light polarised across it (TM).
        odd: What the moments, for light of any polarisation, gain at edges that face up the axis, and lose at those
            that face down.
    """

    parallel: Layer = Layer()
    perpendicular: Layer = Layer()
    odd: Layer = Layer()


class Topography(Settings):
    """The boundary layers of a mask, as `litho-dl kernels mask3d` fits them to rigorous solutions.

    Attributes:
        x: Edges that face along x, as those of vertical lines.
        y: Edges that face along y; None: as x in all respects, the odd part included. They differ for masks in oblique
            light.
    """

    x: EdgeLayers
    y: EdgeLayers | None = None

    @property
    def edges(self) -> tuple[EdgeLayers, EdgeLayers]:
        """Those facing along x, and along y."""
        return self.x, self.y or self.x

    @property
    def mean_nm(self) -> tuple[complex, complex]:
        """Zeroth moments for unpolarised light at edges that face along x, and along y."""
        x, y = ((edge.parallel.moments[0] + edge.perpendicular.moments[0]) / 2 for edge in self.edges)
        return x, y


# The Jones matrices that stand for G_x and G_xy.
PARTS = (torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))


def channel_factors(
    topography: Topography, contrast: float, half: tuple[int, int], field_nm: tuple[float, float]
) -> Tensor:
    """What the kernel of each channel takes of (G_x, G_y, G_xy) at every frequency.

    Args:
        topography: The boundary layers.
        contrast: Amplitude of drawn shapes, less that of the background.
        half: (h_y, h_x), the highest frequencies.
        field_nm: (height, width) of the field.

    Returns:
        (4, 3, 2 h_y + 1, 2 h_x + 1) complex128.
    """
    x, y = topography.edges
    (par_x, perp_x), (par_y, perp_y) = ((edge.parallel.moments, edge.perpendicular.moments) for edge in (x, y))
    crossed = [(a - b + c - d) / 2 for a, b, c, d in zip(perp_x, par_x, perp_y, par_y, strict=True)]
    f_y, f_x = (
        2 * torch.pi * torch.arange(-h, h + 1, dtype=torch.float64) / side
        for h, side in zip(half, field_nm, strict=True)
    )
    f_y = f_y[:, None]
    square = f_x.square() + f_y.square()
    found = torch.zeros(CHANNELS, 3, *square.shape, dtype=torch.complex128)
    (odd_x, first_x, second_x), (odd_y, first_y, second_y) = x.odd.moments, y.odd.moments
    gradient = f_x * (odd_x - square / 2 * second_x) + f_y * (odd_y - square / 2 * second_y)
    found[0, :2] = 1 - 1j * gradient / contrast
    found[0, 0] -= (f_x.square() * perp_x[1] + f_y.square() * par_y[1]) / contrast
    found[0, 1] -= (f_y.square() * perp_y[1] + f_x.square() * par_x[1]) / contrast
    found[0, 2] -= f_x * f_y * crossed[1] / contrast
    for channel, part, moments in ((1, 0, perp_x), (1, 1, par_x), (2, 0, par_y), (2, 1, perp_y), (3, 2, crossed)):
        found[channel, part] = moments[0] - square * moments[2] / 2
    for channel, outward in ((1, f_x * first_x), (2, f_y * first_y), (3, f_x * first_y + f_y * first_x)):
        found[channel, :2] -= 1j * outward
    return found


def with_layers(spectra: Tensor, polarized: Tensor, factors: Tensor) -> Tensor:
    """The kernels of all channels.

    Args:
        spectra: Kernels, (K, 2 h_y + 1, 2 h_x + 1) complex.
        polarized: Their G_x and G_xy, (K, 2, 2 h_y + 1, 2 h_x + 1) complex, on the same scale.
        factors: Those of `channel_factors`.

    Returns:
        (K, 4, 2 h_y + 1, 2 h_x + 1) complex128.
    """
    own_x, crossed = polarized.unbind(1)
    parts = torch.stack((own_x, spectra - own_x, crossed), 1).to(factors)
    return torch.einsum("cpyx,kpyx->kcyx", factors, parts).contiguous()  # einsum leaves frequencies outermost


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
    factors = channel_factors(topography, contrast, columns.half, columns.field_nm).flatten(2)
    areas, places = (torch.cat(parts) for parts in list(zip(*columns.blocks(), strict=True))[:2])
    if columns.pupil.imaging == "scalar":
        own_x, crossed = areas / 2, torch.zeros_like(areas)
    else:
        own_x, crossed = (torch.cat([b.values for b in replace(columns, jones=part).blocks()]) for part in PARTS)
    for own in factors:
        to_x, to_y, to_crossed = (part[places].unsqueeze(1) for part in own)
        yield to_x * own_x + to_y * (areas - own_x) + to_crossed * crossed
