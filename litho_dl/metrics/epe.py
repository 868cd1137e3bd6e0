"""Edge placement error (EPE) at sample sites on the target's edges."""

from dataclasses import dataclass

import numpy as np

from litho_dl.metrics.sampling import sampled
from litho_dl.optics.print_rule import MaskField, PrintRule


@dataclass(frozen=True)
class EpeRule:
    """How edges are sampled and when a site is an EPE violation; lengths in pixels of 1 nm.

    Attributes:
        long_edge_px: Edges up to this length get one site, at their middle.
        spacing_px: Longer edges get sites at 1, 2, ... spacings from both ends towards the middle.
        from_low_end: Longer edges get sites at 1, 2, ... spacings from the end of lower coordinates instead, and one
            site a spacing before the other end. An edge that ends at an inner corner and has the target on its right
            is longer by the corner's pixel, as in the contours behind the published counts.
        probe_px: Distance of the two probes from the edge's inner pixel, one inwards and one outwards.
        per_probe: Whether a missing print inside and an extra print outside count separately; otherwise a site counts
            at most once.
    """

    long_edge_px: int = 80
    spacing_px: int = 40
    from_low_end: bool = False
    probe_px: int = 15
    per_probe: bool = True


OPENILT = EpeRule()
OPENILT_3NM = EpeRule(probe_px=3)  # at the sites of `OPENILT`
NEURALILT = EpeRule(from_low_end=True, probe_px=16, per_probe=False)


@dataclass(frozen=True, eq=False)
class EpeSites:
    """Sites on the target's edges, in pixels; pixel (i, j) is the square from (i, j) to (i + 1, j + 1).

    Attributes:
        points: (n, 2) row and column of the sites, on the edges.
        normals: (n, 2) unit vectors (row, column) outwards.
        on_curves: (n,) bool, whether their edges are curved.
    """

    points: np.ndarray
    normals: np.ndarray
    on_curves: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def positions_nm(self, pixel_nm: float) -> np.ndarray:
        """(n, 2) as (x, y): the sites on the edge itself."""
        return (self.points * pixel_nm)[:, ::-1]

    def probes(self, distance_px: float) -> np.ndarray:
        """(n, 2) points that many pixels outwards (negative: inwards) from the middle of the pixel inside the edge."""
        return self.points + (distance_px - 0.5) * self.normals

    @property
    def pixels(self) -> np.ndarray:
        """(n, 2) int; row and column of the pixel just inside the edge."""
        return np.floor(self.probes(0)).astype(np.int64)

    def where(self, chosen: np.ndarray) -> "EpeSites":
        """Some of the sites, by index or bool (n,)."""
        return EpeSites(self.points[chosen], self.normals[chosen], self.on_curves[chosen])


def find_sites(target: np.ndarray, rule: EpeRule) -> EpeSites:
    """Samples the edges of a target's pixels; an edge is a straight run of boundary pixels, so targets are Manhattan.

    For layouts with edges at other angles see `metrics.drawn_sites`. The field is periodic: where the target continues
    across the field's border there is no edge. An edge that crosses the border counts as two.

    Args:
        target: bool (H, W).
        rule: How to sample.

    Returns:
        The sites, edge by edge.
    """
    rows, columns = (_occupied(target, axis) for axis in (0, 1))
    target = target[rows, columns]
    pixels: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    for normal in ((0, -1), (0, 1), (-1, 0), (1, 0)):
        # Lines run along the edges: along y for vertical edges, along x for horizontal ones.
        beyond = np.roll(target, (-normal[0], -normal[1]), axis=(0, 1))
        inside, vertical = target & ~beyond, normal[0] == 0
        lines = beyond.T if vertical else beyond
        row, column = np.divmod(np.flatnonzero(inside), inside.shape[1])
        for line, start, end in _runs(column, row) if vertical else _runs(row, column):
            if rule.from_low_end and normal in ((0, -1), (1, 0)):
                end += int(lines[line, end % lines.shape[1]])
            elif rule.from_low_end:
                start -= int(lines[line, start - 1])
            along = start + np.array(site_offsets(end - start - 1, rule))
            across = np.full_like(along, line)
            pixels.append(np.stack((along, across) if vertical else (across, along), axis=1))
            normals.append(np.tile(normal, (len(along), 1)))
    if not pixels:
        return EpeSites(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, bool))
    outwards = np.concatenate(normals).astype(float)
    places = np.concatenate(pixels) + np.array([rows.start, columns.start])
    return EpeSites(places + 0.5 + 0.5 * outwards, outwards, np.zeros(len(outwards), bool))


def _occupied(target: np.ndarray, axis: int) -> slice:
    """The rows (axis 0) or columns from one before the target to one after it; all, if it is at the border."""
    places = np.flatnonzero(target.any(1 - axis))
    if not len(places) or places[0] == 0 or places[-1] == target.shape[axis] - 1:
        return slice(0, target.shape[axis])
    return slice(int(places[0]) - 1, int(places[-1]) + 2)


def site_offsets(span: int, rule: EpeRule) -> list[int]:
    """Offsets of the sites along one edge, in pixels from its first pixel.

    Args:
        span: Distance of the edge's first and last pixel, in pixels.
        rule: How to sample.

    Returns:
        The offsets, rising.
    """
    if span <= rule.long_edge_px:
        return [span // 2]
    if rule.from_low_end:
        return [*range(rule.spacing_px, span - rule.spacing_px, rule.spacing_px), span - rule.spacing_px]
    offsets = range(rule.spacing_px, span // 2 + 1, rule.spacing_px)
    return sorted({*offsets, *(span - offset for offset in offsets)})


def violations(
    image: np.ndarray, sites: EpeSites, rule: EpeRule, threshold: float, field: MaskField = "dark"
) -> np.ndarray:
    """EPE violations at each site: the print is missing at the inner probe, or present at the outer one.

    Args:
        image: Intensity (H, W) of a periodic field.
        sites: The sites to test.
        rule: Where the probes are and how they count.
        threshold: Intensity at which the resist prints.
        field: The mask's field, which says on which side of the threshold.

    Returns:
        (n,) int: 0, 1, or 2 where both probes count.
    """
    printed = PrintRule(threshold, field).printed
    inner, outer = (printed(sampled(image, sites.probes(side * rule.probe_px))) for side in (-1, 1))
    return _counted(inner, outer, rule)


def print_violations(printed: np.ndarray, sites: EpeSites, rule: EpeRule) -> np.ndarray:
    """EPE violations as `violations` counts them, at sites of pixels, whose probes are in the middle of pixels.

    Args:
        printed: The print, bool (H, W), of a periodic field.
        sites: The sites, as `find_sites` returns them.
        rule: Where the probes are and how they count.

    Returns:
        (n,) int, as `violations`.
    """
    inner, outer = (sampled(printed, sites.probes(side * rule.probe_px)) for side in (-1, 1))
    return _counted(inner, outer, rule)


def _counted(inner: np.ndarray, outer: np.ndarray, rule: EpeRule) -> np.ndarray:
    """Violations at each site, from whether its two probes print."""
    missing, extra = ~inner, outer
    return missing.astype(int) + extra if rule.per_probe else (missing | extra).astype(int)


def _runs(line: np.ndarray, along: np.ndarray) -> list[tuple[int, int, int]]:
    """(line, start, end) of every run of neighbouring places along a line, end exclusive, line by line."""
    order = np.lexsort((along, line))
    line, along = line[order], along[order]
    breaks = (np.diff(along) != 1) | (np.diff(line) != 0)
    first = np.concatenate(([True], breaks))[: len(along)]
    last = np.concatenate((breaks, [True]))[: len(along)]
    return list(zip(line[first].tolist(), along[first].tolist(), (along[last] + 1).tolist(), strict=True))
