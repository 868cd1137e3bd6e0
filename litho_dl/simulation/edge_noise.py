"""What photon noise makes of a mask's edges: roughness and widths at gauges, sizes and failures of contacts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
import torch

from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.shapes import to_shapes
from litho_dl.metrics.edge_noise import ShotNoise, diameter_sigma_nm, failure_probability
from litho_dl.metrics.gauge import Gauge
from litho_dl.simulation.exposure import CUT_STEP_NM, Exposure

FILLED, LONGEST = 0.75, 2.0  # of contacts: share of the smallest box around it, and that box's length by its width
STEPS_PER_BLUR = 4  # along contours
SLOPE_STEP = 0.05  # of the blur, to both sides


@dataclass(frozen=True)
class GaugeNoise:
    """The noise at one gauge.

    Attributes:
        gauge: The gauge.
        cd_nm: Printed CD without noise; None where the feature is lost or reaches a neighbour, as are all that follow.
        ils_per_um: Image log-slope at each edge.
        edge_sigma_nm: Standard deviation of each edge: of a long line's edge, its roughness.
        cd_sigma_nm: Standard deviation of the CD along the cut: of a long line, its width's roughness.
    """

    gauge: Gauge
    cd_nm: float | None = None
    ils_per_um: tuple[float, float] | None = None
    edge_sigma_nm: tuple[float, float] | None = None
    cd_sigma_nm: float | None = None


@dataclass(frozen=True)
class ContactNoise:
    """The noise of one small drawn shape.

    Attributes:
        box_nm: Bounding box x0, y0, x1, y1 of the drawn shape, on the field.
        diameter_nm: Of the circle of the printed area, without noise; None where nothing prints.
        diameter_sigma_nm: Its standard deviation.
        margin_sigmas: Distance of the intensity where it prints best from the threshold, in standard deviations of it.
        failure: Probability that it does not print, of a Gaussian tail.
    """

    box_nm: tuple[float, float, float, float]
    diameter_nm: float | None
    diameter_sigma_nm: float | None
    margin_sigmas: float
    failure: float


def gauge_noise(exposure: Exposure, corner: str, gauge: Gauge, noise: ShotNoise, scale: float = 1.0) -> GaugeNoise:
    """The noise at a gauge, of the feature that contains its middle.

    Args:
        exposure: The exposure of one mask.
        corner: The process condition.
        gauge: The gauge, in field coordinates.
        noise: The photons.
        scale: Of the process; steps along the cut are `CUT_STEP_NM` times it.
    """
    x = gauge.positions_nm(CUT_STEP_NM * scale)
    intensity = _values(exposure, corner, gauge.points_nm(x))
    above = exposure.rule.excess(intensity) * (1 if gauge.kind == "line" else -1)
    middle = int(np.abs(x).argmin())
    sides = (above[middle:], x[middle:]), (above[middle::-1], x[middle::-1])
    edges = [_first_edge(*side) for side in sides]
    if above[middle] < 0 or None in edges:
        return GaugeNoise(gauge)
    (after, rise), (before, fall) = (edge for edge in edges if edge is not None)
    slopes, level = np.array([rise, fall]), exposure.resist.threshold
    sigmas = noise.edge_sigma_nm(np.full(2, level), slopes)
    ils = 1000 * slopes / level
    return GaugeNoise(
        gauge,
        after - before,
        (float(ils[0]), float(ils[1])),
        (float(sigmas[0]), float(sigmas[1])),
        noise.width_sigma_nm(sigmas, after - before),
    )


def _first_edge(above: np.ndarray, x: np.ndarray) -> tuple[float, float] | None:
    """Place of the first change of sign and |slope| there, by linear interpolation; None: there is none."""
    outside = np.flatnonzero(above < 0)
    if not len(outside) or outside[0] == 0:
        return None
    last, first = outside[0] - 1, outside[0]
    slope = (above[last] - above[first]) / (x[first] - x[last])
    return float(x[last] + above[last] / slope), float(abs(slope))


def contacts(drawn: Sequence[Polygon]) -> tuple[Polygon, ...]:
    """The drawn shapes that are compact: at most twice as long as wide, and most of the smallest box around them."""
    shapes = to_shapes(drawn)
    boxes = shapely.minimum_rotated_rectangle(shapes)
    corners = [shapely.get_coordinates(box) for box in boxes]
    sides = np.array([np.sort(np.hypot(*np.diff(corner[:3], axis=0).T)) for corner in corners]).reshape(-1, 2)
    compact = (shapely.area(shapes) >= FILLED * shapely.area(boxes)) & (sides[:, 1] <= LONGEST * sides[:, 0])
    return tuple(polygon for polygon, kept in zip(drawn, compact, strict=True) if kept)


def contact_noise(
    exposure: Exposure, corner: str, drawn: Sequence[Polygon], printed: Layout, noise: ShotNoise
) -> tuple[ContactNoise, ...]:
    """The noise of contacts.

    Args:
        exposure: The exposure of one mask.
        corner: The process condition.
        drawn: The contacts, as `contacts` finds them, in field coordinates.
        printed: The printed contours at that corner.
        noise: The photons.
    """
    prints = to_shapes(printed.polygons)
    tree = shapely.STRtree(prints)
    found = []
    for shape in to_shapes(drawn):
        over = tree.query(shape, predicate="intersects")
        size, sigma = None, None
        if len(over):
            own = prints[over[np.argmax(shapely.area(shapely.intersection(prints[over], shape)))]]
            size, sigma = _diameter(exposure, corner, own, noise)
        margin = _margin(exposure, corner, shape, noise)
        x0, y0, x1, y1 = shapely.bounds(shape).tolist()
        found.append(ContactNoise((x0, y0, x1, y1), size, sigma, margin, failure_probability(margin, 1.0)))
    return tuple(found)


def _diameter(exposure: Exposure, corner: str, printed: shapely.Polygon, noise: ShotNoise) -> tuple[float, float]:
    """The diameter of the circle of a print's area, and its standard deviation."""
    ring = shapely.segmentize(shapely.get_exterior_ring(printed), noise.blur_nm / STEPS_PER_BLUR)
    ends = shapely.get_coordinates(ring)
    points, lengths = (ends[1:] + ends[:-1]) / 2, np.hypot(*np.diff(ends, axis=0).T)
    sigmas = noise.edge_sigma_nm(
        np.full(len(points), exposure.resist.threshold), slopes(exposure, corner, points, noise)
    )
    area_nm2 = float(shapely.area(printed))
    sigma = diameter_sigma_nm(noise.area_sigma_nm2(points, lengths, sigmas), area_nm2)
    return 2 * float(np.sqrt(area_nm2 / np.pi)), sigma


def slopes(exposure: Exposure, corner: str, points_nm: np.ndarray, noise: ShotNoise) -> np.ndarray:
    """|grad I| in 1 / nm at points (n, 2)."""
    step_nm = SLOPE_STEP * noise.blur_nm
    ways = step_nm * np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])
    right, left, up, down = _values(exposure, corner, (points_nm + ways[:, None]).reshape(-1, 2)).reshape(4, -1)
    return np.asarray(np.hypot(right - left, up - down) / (2 * step_nm))


def _margin(exposure: Exposure, corner: str, drawn: shapely.Polygon, noise: ShotNoise) -> float:
    """Distance of the intensity from the threshold, where a drawn shape prints best, in its standard deviations."""
    x0, y0, x1, y1 = shapely.bounds(drawn)
    step_nm = noise.blur_nm / STEPS_PER_BLUR
    sides = [
        low + (np.arange(n := int(np.ceil((high - low) / step_nm))) + 0.5) * (high - low) / n
        for low, high in ((x0, x1), (y0, y1))
    ]
    points = np.stack(np.meshgrid(*sides), -1).reshape(-1, 2)
    intensity = _values(exposure, corner, points[shapely.contains_xy(drawn, *points.T)])
    margins = exposure.rule.excess(intensity)
    best = int(margins.argmax())
    return float(margins[best] / noise.intensity_sigma(intensity[best : best + 1])[0])


def _values(exposure: Exposure, corner: str, points_nm: np.ndarray) -> np.ndarray:
    """Intensity (n,) of the one mask at points (n, 2)."""
    spectrum = next(iter(exposure.spectra.values()))
    with torch.no_grad():
        points = torch.from_numpy(points_nm).to(spectrum.device)
        return exposure.aerial_at(points, corner).reshape(-1).cpu().double().numpy()
