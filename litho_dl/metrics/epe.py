"""Edge placement error (EPE) at sample sites on the target's edges."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EpeRule:
    """How edges are sampled and when a site is a violation; lengths in pixels of 1 nm.

    Attributes:
        long_edge_px: Edges up to this length get one site, at their middle.
        spacing_px: Longer ones get sites at 1, 2, ... spacings from both ends towards the middle.
        from_low_end: Longer ones get sites at 1, 2, ... spacings from the end of lower coordinates instead, and one a
            spacing before the other end. An edge that runs into an inner corner, the target on its right, is longer by
            the corner's pixel, as in the contours that the published counts come from.
        probe_px: Distance of the probes from the edge's inner pixel, inwards and outwards.
        per_probe: Missing print inside and extra print outside count apart; otherwise a site counts once at most.
    """

    long_edge_px: int = 80
    spacing_px: int = 40
    from_low_end: bool = False
    probe_px: int = 15
    per_probe: bool = True


OPENILT = EpeRule()
NEURALILT = EpeRule(from_low_end=True, probe_px=16, per_probe=False)


@dataclass(frozen=True, eq=False)
class EpeSites:
    """Sites on the target's edges.

    Attributes:
        pixels: (n, 2) int; row and column of the target pixel just inside the edge.
        normals: (n, 2) int; (dy, dx) of one pixel outwards.
    """

    pixels: np.ndarray
    normals: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    def positions_nm(self, pixel_nm: float) -> np.ndarray:
        """(n, 2) as (x, y): the sites on the edge itself."""
        return ((self.pixels + 0.5 + 0.5 * self.normals) * pixel_nm)[:, ::-1]

    def probes(self, distance_px: int) -> np.ndarray:
        """(n, 2) row and column of the pixels `distance_px` outwards (negative: inwards) of the inner pixel."""
        return self.pixels + distance_px * self.normals


def find_sites(target: np.ndarray, rule: EpeRule) -> EpeSites:
    """Samples the edges of a Manhattan target, bool (H, W); an edge is a straight run of boundary pixels.

    The field is periodic: where the target meets its own repetition across the border there is no edge. An edge that
    itself crosses the border counts as two.
    """
    turned = np.ascontiguousarray(target.T)
    pixels: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    for normal in ((0, -1), (0, 1), (-1, 0), (1, 0)):
        vertical = normal[0] == 0
        inside = turned if vertical else target
        # Lines run along the edges: along y for vertical edges, along x for horizontal ones.
        beyond = np.roll(inside, -(normal[1] if vertical else normal[0]), axis=0)
        for line, start, end in _runs(inside & ~beyond):
            if rule.from_low_end and normal in ((0, -1), (1, 0)):
                end += int(beyond[line, end % beyond.shape[1]])
            elif rule.from_low_end:
                start -= int(beyond[line, start - 1])
            along = start + np.array(site_offsets(end - start - 1, rule))
            across = np.full_like(along, line)
            pixels.append(np.stack((along, across) if vertical else (across, along), axis=1))
            normals.append(np.tile(normal, (len(along), 1)))
    if not pixels:
        return EpeSites(np.zeros((0, 2), int), np.zeros((0, 2), int))
    return EpeSites(np.concatenate(pixels), np.concatenate(normals))


def site_offsets(span: int, rule: EpeRule) -> list[int]:
    """Offsets of the sites along an edge whose first and last pixels are `span` apart."""
    if span <= rule.long_edge_px:
        return [span // 2]
    if rule.from_low_end:
        return [*range(rule.spacing_px, span - rule.spacing_px, rule.spacing_px), span - rule.spacing_px]
    offsets = range(rule.spacing_px, span // 2 + 1, rule.spacing_px)
    return sorted({*offsets, *(span - offset for offset in offsets)})


def violations(printed: np.ndarray, sites: EpeSites, rule: EpeRule) -> np.ndarray:
    """Violations of each site, (n,) int: 0, 1, or 2 if both probes count.

    A probe violates where the print, bool (H, W), is missing inside the edge or present outside; beyond the image's
    border the field repeats.
    """
    inner, outer = sites.probes(-rule.probe_px), sites.probes(rule.probe_px)
    height, width = printed.shape
    missing = ~printed[inner[:, 0] % height, inner[:, 1] % width]
    extra = printed[outer[:, 0] % height, outer[:, 1] % width]
    return missing.astype(int) + extra if rule.per_probe else (missing | extra).astype(int)


def _runs(lines: np.ndarray) -> list[tuple[int, int, int]]:
    """(line, start, end) of every run of True along the last axis, end exclusive."""
    width = lines.shape[1]
    places = np.flatnonzero(lines)
    breaks = (np.diff(places) != 1) | (places[1:] % width == 0)
    first = np.concatenate(([True], breaks))[: len(places)]
    last = np.concatenate((breaks, [True]))[: len(places)]
    line, start = np.divmod(places[first], width)
    return list(zip(line.tolist(), start.tolist(), (places[last] % width + 1).tolist(), strict=True))
