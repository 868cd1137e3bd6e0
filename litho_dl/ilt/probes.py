"""EPE probes, which the objective counts: pixels inside and outside the target's edges."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from litho_dl.layout.edges import Edge
from litho_dl.metrics.drawn_sites import drawn_sites
from litho_dl.metrics.epe import OPENILT, EpeRule, EpeSites, find_sites

Probes = Callable[[Tensor, float], Tensor]  # as `epe_probes`


def epe_probes(
    target: Tensor, pixel_nm: float, edges: Sequence[Sequence[Edge] | None] | None = None, scale: float = 1.0
) -> Tensor:
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
    covered = (target >= 0.5).cpu().numpy()
    sites = [
        find_sites(image, rule) if drawn is None else drawn_sites(drawn, rule, pixel_nm, shape, on_pixels=True)
        for image, drawn in zip(covered, edges or [None] * len(covered), strict=True)
    ]
    return torch.from_numpy(np.stack([count_probes(found, rule, shape) for found in sites])).to(target)


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
