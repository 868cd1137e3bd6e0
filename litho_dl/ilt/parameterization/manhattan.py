"""Masks of edge fragments that move along their normals, as in classical OPC."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import Grid
from litho_dl.ilt.assists import Assists
from litho_dl.ilt.bars import assist_bars
from litho_dl.ilt.fragmentation import Fragmentation
from litho_dl.ilt.fragments import Fragments, fragment, free_moves, moves_to_border
from litho_dl.ilt.parameterization.base import EdgeParameterization, Start
from litho_dl.ilt.sraf import assist_rectangles
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.edges import is_manhattan
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.optics.print_rule import MaskField, PrintRule
from litho_dl.simulation.exposure import Exposure

WRITING_GRID_NM = 1.0
SEARCH_NM = 60.0  # distance from a drawn edge up to which its print is searched
SAMPLES = 61
EDGE_SAMPLES = 32  # of a gradient along the edge between two vertices


class Manhattan(EdgeParameterization):
    """mask = exact area coverage of the target's polygons, each fragment moved outwards by its parameter in nm.

    Fragments of slanted edges move along their normals. Features of the start mask away from the target become
    rectangles, which serve as assist features; so do bars by rules, which are fixed. Gradients also move the sides of
    the rectangles; edge placement errors are fed back to the target's fragments alone. Moves are limited so that widths
    and spaces of at least `kept_nm` remain, across the field's border too, and rectangles keep the limits of assist
    features. The parameters (B, n) are padded for clips with fewer fragments.

    Source: N. Cobb, PhD thesis, UC Berkeley (1998), ch. 5: fragments, and moves fed back from their placement errors.
    """

    def __init__(self, settings: Fragmentation | None = None, assists: Assists | None = None) -> None:
        self._settings, self._assists = settings or Fragmentation(), assists or Assists()
        self._pixel_nm = 0.0
        self._shape = (0, 0)
        self._slanted: list[Fragments | None] = []

    def start(self, start: Start) -> Tensor:
        """Zero moves for all fragments of the drawn polygons.

        Raises:
            MaskError: A target does not cover half of any pixel.
        """
        self._pixel_nm, self._shape = start.pixel_nm, (start.mask.shape[-2], start.mask.shape[-1])
        self._slanted = []
        clips, limits = [], []
        masks = start.mask.detach().cpu().numpy()
        covered = (start.drawn >= 0.5).cpu().numpy()
        outlines = start.polygons or [None] * len(covered)
        for drawn, mask, polygons in zip(covered, masks, outlines, strict=True):
            targets = list(pixel_polygons(drawn, start.drawn_nm) if polygons is None else polygons)
            if not targets:
                raise MaskError(
                    f"Expected targets whose edges can be found on {start.drawn_nm:g} nm pixels, got one that covers "
                    f"none by half; use a finer pixel."
                )
            own, slanted = self._settings, not is_manhattan(targets)
            features = self._assist_features(start, mask, drawn, targets, slanted=slanted)
            clip = fragment(targets, features, own.rules)
            clips.append(clip)
            limits.append(self._free_moves(clip, targets + features))
            self._slanted.append(clip if slanted else None)
        self._pack(clips, limits, start.mask)
        return start.mask.new_zeros(len(clips), max(len(clip.sites) for clip in clips))

    def _assist_features(
        self, start: Start, mask: np.ndarray, drawn: np.ndarray, targets: list[Polygon], *, slanted: bool
    ) -> list[Polygon]:
        """The assist features of one clip."""
        own = self._assists
        if own.bars is not None:
            height, width = drawn.shape
            return assist_bars(targets, own.bars, (height * start.drawn_nm, width * start.drawn_nm))
        if not own.allowed:
            return []
        return assist_rectangles(mask, start.pixel_nm, drawn, start.drawn_nm, own, slanted=slanted)

    def _free_moves(self, clip: Fragments, polygons: list[Polygon]) -> np.ndarray:
        """Limits (n, 2) of the moves of one clip; bars by rules stay, and rectangles do not grow beyond limits."""
        own, assists = self._settings, self._assists
        height, width = self._shape
        field_nm = (height * self._pixel_nm, width * self._pixel_nm)
        limits = free_moves(clip, polygons, own.kept_nm, own.largest_move_nm, assists)
        margins_nm = own.kept_nm / 2, max(own.kept_nm, assists.space_nm) / 2
        limits[:, 1] = np.minimum(limits[:, 1], moves_to_border(clip, field_nm, margins_nm))
        if assists.bars is not None:
            limits[clip.drawn :] = 0
        if assists.reach_nm is not None or assists.widest_nm is not None:
            limits[clip.drawn :, 1] = 0
        return limits

    def _pack(self, clips: list[Fragments], limits: list[np.ndarray], like: Tensor) -> None:
        """Stores the fragments of all clips as padded tensors (B, n or v, ...)."""
        count, corners = max(len(c.sites) for c in clips), max(len(c.vertices) for c in clips)

        def padded(parts: list[np.ndarray], length: int, fill: float) -> Tensor:
            filled = [np.pad(p, [(0, length - len(p))] + [(0, 0)] * (p.ndim - 1), constant_values=fill) for p in parts]
            return torch.from_numpy(np.stack(filled)).to(like.device)

        self._sites = padded([c.sites for c in clips], count, 0).to(like)
        self._normals = padded([c.normals for c in clips], count, 0).to(like)
        self._fed = padded([np.ones(c.drawn) for c in clips], count, 0).to(like)  # 1 where errors are fed back
        self._limits = padded(limits, count, 0).to(like)  # (B, n, 2): inwards (negative), outwards
        self._vertices = padded([c.vertices for c in clips], corners, 0).to(like)
        self._owners = padded([c.owners for c in clips], corners, -1).long()
        self._vectors = padded([c.vectors for c in clips], corners, 0).to(like)
        self._signs = padded([_corner_signs(c) for c in clips], corners, 0).to(like)

    def of(self, clips: slice) -> "Manhattan":
        """With the fragments of some of the clips."""
        part = copy.copy(self)
        for name in ("_sites", "_normals", "_fed", "_limits", "_vertices", "_owners", "_vectors", "_signs", "_slanted"):
            setattr(part, name, getattr(self, name)[clips])
        return part

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """Exact area coverage; the sharpness has no effect."""
        return self._coverage(parameters, self._pixel_nm, self._shape)

    def _coverage(self, parameters: Tensor, pixel_nm: float, shape: tuple[int, int]) -> Tensor:
        """The polygons' area coverage: that of Manhattan ones by one matrix product a clip.

        Their indicator is a sum of corner functions, sign H(x - x_v) H(y - y_v), integrated over pixels.
        """
        moves = torch.cat((parameters, parameters.new_zeros(len(parameters), 1)), dim=1)
        xy = self._vertices.clone()
        for side in (0, 1):
            own = moves.gather(1, self._owners[..., side] % moves.shape[1])
            xy = xy + own[..., None] * self._vectors[..., side, :]
        low = (torch.arange(n, device=xy.device) + 1 for n in shape)
        rows, columns = (_share(edge - xy[..., axis, None] / pixel_nm) for edge, axis in zip(low, (1, 0), strict=True))
        coverage = ((rows * self._signs[..., None]).mT @ columns).clamp(0, 1)
        for index, clip in enumerate(self._slanted):
            if clip is not None:
                coverage[index] = _Drawn.apply(xy[index], clip, pixel_nm, shape)
        return coverage

    def open_pixels(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """Where the polygons, with edges on the writing grid, cover at least half of a pixel."""
        shape = (self._shape[0] * finer, self._shape[1] * finer)
        return self._coverage(on_grid(parameters), self._pixel_nm / finer, shape) >= 0.5

    def binary(self, parameters: Tensor) -> Tensor:
        """Area coverage of the polygons, with edges on the writing grid."""
        return self.mask(on_grid(parameters), 1.0)

    def output_mask(self, parameters: Tensor, pixel_nm: float, finer: int = 1) -> tuple[Tensor, float]:
        """The polygons on pixels of the writing grid, whatever `finer` is."""
        ratio = pixel_nm / WRITING_GRID_NM
        shape = (round(self._shape[0] * ratio), round(self._shape[1] * ratio))
        return self._coverage(on_grid(parameters), WRITING_GRID_NM, shape) >= 0.5, WRITING_GRID_NM

    def function(self, parameters: Tensor) -> Tensor:
        """The area coverage minus 0.5."""
        return self.mask(parameters, 1.0) - 0.5

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """The same moves, on finer pixels."""
        self._pixel_nm /= ratio
        self._shape = (self._shape[0] * ratio, self._shape[1] * ratio)
        return parameters

    def project(self, parameters: Tensor, step: int) -> Tensor:
        """The moves, clipped to their limits."""
        return parameters.clamp(self._limits[..., 0], self._limits[..., 1])

    def edge_errors(self, parameters: Tensor, exposure: Exposure, image_nm: float) -> Tensor:
        """The threshold crossing of the nominal image nearest to each site, along its normal; nm, + = too large."""
        image = exposure.aerial("nominal")
        offsets = torch.linspace(-SEARCH_NM, SEARCH_NM, SAMPLES, device=image.device, dtype=image.dtype)
        places = self._sites[:, :, None] + offsets[:, None] * self._normals[:, :, None]  # (B, n, samples, 2)
        profile = sampled(image, places / image_nm)
        return self._fed * nearest_crossing(profile, exposure.resist.threshold, offsets, exposure.mask_field)


def _corner_signs(clip: Fragments) -> np.ndarray:
    """Of Manhattan outlines: +1 where they turn from a vertical to a horizontal edge, -1 at the vertices between."""
    signs, first = [], 0
    for count in (count for counts in clip.outlines for count in counts):
        out = clip.vertices[first + 1] - clip.vertices[first]
        signs.append(np.resize([1, -1] if abs(out[0]) > abs(out[1]) else [-1, 1], count))
        first += count
    return np.concatenate(signs)


class _Drawn(torch.autograd.Function):
    """Area coverage of the moved polygons of a clip, whose outlines may meet and cross.

    The gradient by a vertex is the integral, over the two edges that it moves, of the gradient by coverage times the
    edge's normal velocity.
    """

    @staticmethod
    def forward(ctx: Any, vertices: Tensor, clip: Fragments, pixel_nm: float, shape: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(vertices)
        ctx.clip, ctx.pixel_nm = clip, pixel_nm
        polygons = clip.polygons(vertices[: len(clip.vertices)].detach().cpu().double().numpy())
        height, width = (pixel_nm * pixels for pixels in shape)
        moved = Layout("moved", tuple(polygons)).clipped((0.0, 0.0, width, height))
        return torch.from_numpy(rasterize(moved, Grid(shape, pixel_nm))).to(vertices)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (vertices,) = ctx.saved_tensors
        following = torch.from_numpy(ctx.clip.following).to(vertices.device)
        first = vertices[: len(following)]
        way = first[following] - first
        share = (torch.arange(EDGE_SAMPLES).to(vertices) + 0.5) / EDGE_SAMPLES
        places = first[:, None] + share[:, None] * way[:, None]
        along = sampled(gradient[None], places[None] / ctx.pixel_nm)[0] / (EDGE_SAMPLES * ctx.pixel_nm**2)
        normal = torch.stack((way[:, 1], -way[:, 0]), dim=1)
        found = torch.zeros_like(vertices)
        found[: len(following)] = (along @ (1 - share))[:, None] * normal
        found.index_add_(0, following, (along @ share)[:, None] * normal)
        return found, None, None, None


def _share(values: Tensor) -> Tensor:
    """Clamps to [0, 1], with gradient 1/2 at 0 and 1: an edge on a pixel's border acts half on either pixel."""
    return torch.minimum(torch.maximum(values, values.new_zeros(())), values.new_ones(()))


def on_grid(parameters: Tensor) -> Tensor:
    """Moves rounded to the writing grid."""
    return (parameters / WRITING_GRID_NM).round() * WRITING_GRID_NM


def sampled(image: Tensor, places: Tensor) -> Tensor:
    """Cubic interpolation of periodic images.

    Args:
        image: (B, H, W).
        places: (B, n, m, 2) points (x, y) in pixels.

    Returns:
        (B, n, m).
    """
    margin = 2
    wrapped = pad(image[:, None], (margin,) * 4, mode="circular")
    sides = enumerate(
        (image.shape[-1], image.shape[-2])
    )  # plain numbers, as reading them from a tensor would wait for the device
    normalised = [(places[..., axis].remainder(n) + margin) / (n + 2 * margin) * 2 - 1 for axis, n in sides]
    return grid_sample(wrapped, torch.stack(normalised, -1), mode="bicubic", align_corners=False)[:, 0]


def nearest_crossing(profile: Tensor, threshold: float, offsets: Tensor, field: MaskField = "dark") -> Tensor:
    """The offset nearest to 0 at which the print of a profile ends, going outwards.

    Without a crossing it is the end of the search: inwards if nothing prints at the site, outwards if everything does.

    Args:
        profile: Intensity (..., m) at the offsets.
        threshold: Intensity at which the resist prints.
        offsets: (m,) in nm, equidistant and rising, outwards positive.
        field: The mask's field, which says on which side of the threshold.

    Returns:
        (...) in nm, by linear interpolation.
    """
    printed = PrintRule(threshold, field).printed(profile)
    before, after = profile[..., :-1], profile[..., 1:]
    ends = printed[..., :-1] & ~printed[..., 1:]
    share = (before - threshold) / (before - after).where(ends, torch.ones_like(before))
    crossing = (offsets[:-1] + share * (offsets[1] - offsets[0])).where(ends, torch.full_like(before, torch.inf))
    nearest = crossing.gather(-1, crossing.abs().argmin(-1, keepdim=True))[..., 0]
    at_site = printed[..., profile.shape[-1] // 2]
    return torch.where(nearest.isinf(), torch.where(at_site, offsets[-1], offsets[0]), nearest)
