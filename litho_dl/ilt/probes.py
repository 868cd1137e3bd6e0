"""EPE probes, which the objective counts: pixels inside and outside the target's edges, and points closer to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.dft import PointWaves
from litho_dl.layout.edges import Edge
from litho_dl.metrics.drawn_sites import drawn_sites
from litho_dl.metrics.epe import OPENILT, OPENILT_3NM, EpeRule, EpeSites, find_sites
from litho_dl.simulation.exposure import Exposure

Probes = Callable[[Tensor, float], Tensor]  # as `epe_probes`
Edges = Sequence[Sequence[Edge] | None]  # the drawn edges of each target, in nm; None: those of its pixels


@dataclass(frozen=True, eq=False)
class ProbePairs:
    """The points at which the `openilt` EPE rule with a distance of 3 nm probes prints; clips are padded to n sites.

    Attributes:
        inner_nm: Points inside the targets' edges, (B, n, 2), rows of (x, y) in nm.
        outer_nm: Those outside, (B, n, 2).
        counted: 1 for a site, 0 for padding, (B, n).
    """

    inner_nm: Tensor
    outer_nm: Tensor
    counted: Tensor
    _waves: list[PointWaves] = field(default_factory=list, init=False, repr=False)

    def of(self, clips: slice | Tensor) -> "ProbePairs":
        """Of some of the clips."""
        return ProbePairs(self.inner_nm[clips], self.outer_nm[clips], self.counted[clips])

    def aerial(self, exposure: Exposure) -> tuple[Tensor, Tensor]:
        """Intensity at nominal conditions at the inner and the outer points, (B, n) each; all on one field."""
        if not self._waves:  # as long to compute as all the rest, and the same at each step
            self._waves.append(exposure.waves_at(torch.cat((self.inner_nm, self.outer_nm), -2)))
        inner, outer = exposure.aerial_at(self._waves[0]).chunk(2, -1)
        return inner, outer


def epe_probes(target: Tensor, pixel_nm: float, edges: Edges | None = None, scale: float = 1.0) -> Tensor:
    """The probes of the `openilt` EPE rule, inside and outside the target's edges, on pixels of up to 15 nm.

    Args:
        target: Area coverage (B, H, W).
        pixel_nm: Its pixel.
        edges: The drawn edges of each target, in nm; None, or None for some targets: those of the target's pixels.
        scale: Scale of the process, with which the rule's lengths grow.

    Returns:
        Number of probes in each pixel, (B, H, W).
    """
    rule, shape = probe_rule(pixel_nm / scale), (target.shape[-2], target.shape[-1])
    sites = _sites(target, pixel_nm, edges, rule)
    return torch.from_numpy(np.stack([count_probes(found, rule, shape) for found in sites])).to(target)


def probe_pairs(target: Tensor, pixel_nm: float, edges: Edges | None = None, scale: float = 1.0) -> ProbePairs:
    """The probes of the `openilt` EPE rule with a distance of 3 nm, at the rule's own sites.

    Args:
        target: Area coverage (B, H, W).
        pixel_nm: Its pixel.
        edges: As for `epe_probes`; sites on pixels' edges are right to the pixel.
        scale: Scale of the process, with which the rule's lengths grow.

    Returns:
        The points.
    """
    drawn = [None] * len(target) if edges is None else edges
    found = [_sites(target[[n]], pixel_nm, [own], probe_rule(pixel_nm / scale))[0] for n, own in enumerate(drawn)]
    units = [pixel_nm] * len(found)
    for n, own in enumerate(drawn):
        if own is not None:
            shape = (round(target.shape[-2] * pixel_nm / scale), round(target.shape[-1] * pixel_nm / scale))
            found[n], units[n] = drawn_sites(own, OPENILT, scale, shape, on_pixels=True), scale
    most = max(map(len, found))
    (inner, outer), counted = np.zeros((2, len(found), most, 2)), np.zeros((len(found), most))
    for n, (sites, unit_nm) in enumerate(zip(found, units, strict=True)):
        edge_nm, outwards = sites.positions_nm(unit_nm), sites.normals[:, ::-1] * scale
        inner[n, : len(sites)] = edge_nm - (OPENILT_3NM.probe_px + 0.5) * outwards
        outer[n, : len(sites)] = edge_nm + (OPENILT_3NM.probe_px - 0.5) * outwards
        counted[n, : len(sites)] = 1
    return ProbePairs(*(torch.from_numpy(part).to(target) for part in (inner, outer, counted)))


def _sites(target: Tensor, pixel_nm: float, edges: Edges | None, rule: EpeRule) -> list[EpeSites]:
    """The sites of each clip, on the target's pixels."""
    shape, covered = (target.shape[-2], target.shape[-1]), (target >= 0.5).cpu().numpy()
    return [
        find_sites(image, rule) if drawn is None else drawn_sites(drawn, rule, pixel_nm, shape, on_pixels=True)
        for image, drawn in zip(covered, edges or [None] * len(covered), strict=True)
    ]


def probe_rule(pixel_nm: float) -> EpeRule:
    """The `openilt` EPE rule on a pixel of up to 15 nm."""
    return EpeRule(
        long_edge_px=int(OPENILT.long_edge_px / pixel_nm),
        spacing_px=max(1, int(OPENILT.spacing_px / pixel_nm)),
        probe_px=max(1, int(OPENILT.probe_px / pixel_nm)),
    )


def count_probes(sites: EpeSites, rule: EpeRule, shape: tuple[int, ...]) -> np.ndarray:
    """Counts probes in the pixels of a periodic field.

    Args:
        sites: The sites of the target.
        rule: The EPE rule in pixels.
        shape: (H, W) of the field in pixels.

    Returns:
        Number of probes in each pixel, float32 (H, W).
    """
    counts = np.zeros(shape, dtype=np.float32)
    for side in (-1, 1):
        rows, columns = np.floor(sites.probes(side * rule.probe_px)).astype(int).T
        np.add.at(counts, (rows % shape[0], columns % shape[1]), 1)
    return counts
