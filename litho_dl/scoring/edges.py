"""The print at a target's edges: of its pixels, or as they are drawn."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.metrics.drawn_sites import drawn_sites, drawn_widths_nm, field_edges
from litho_dl.metrics.edge import EdgeProfile, edge_profile
from litho_dl.metrics.epe import NEURALILT, OPENILT, OPENILT_3NM, EpeSites, find_sites, print_violations, violations
from litho_dl.optics.print_rule import PrintRule
from litho_dl.scoring.scorecard import EdgeScore
from litho_dl.simulation.prints import whole_image


class ScoredEdges(NamedTuple):
    """The print at the sites of a target's edges.

    Attributes:
        sites: The sites of the `openilt` rule.
        violated: Violations of this rule at each site, (n,) int.
        violations_3nm: Number of violations with probes that see moves of more than 3 nm, at the same sites.
        violations_neuralilt: Number of violations of the `neuralilt` rule.
        profile: Edge placement and image slope at the sites; None for edges of pixels.
    """

    sites: EpeSites
    violated: np.ndarray
    violations_3nm: int
    violations_neuralilt: int
    profile: EdgeProfile | None


def pixel_edges(target: np.ndarray, nominal: np.ndarray) -> ScoredEdges:
    """The print at the edges of the target's pixels.

    Args:
        target: bool (H, W).
        nominal: The print, bool (H, W).

    Returns:
        The violations; no edge placement.
    """
    sites, others = (find_sites(target, rule) for rule in (OPENILT, NEURALILT))
    violated, fine = (print_violations(nominal, sites, rule) for rule in (OPENILT, OPENILT_3NM))
    others_violated = print_violations(nominal, others, NEURALILT)
    return ScoredEdges(sites, violated, int(fine.sum()), int(others_violated.sum()), None)


def drawn_polygon_edges(target: Layout, spectrum: Tensor, grid: Grid, rule: PrintRule) -> ScoredEdges:
    """The print at the edges of the target's polygons, at any angle.

    Args:
        target: The drawn layout, on the field.
        spectrum: Half spectrum of the nominal image, (2 h_y + 1, h_x + 1).
        grid: The protocol's pixels on the field.
        rule: Which intensities print.

    Returns:
        The violations and the edge placement.
    """
    aerial = whole_image(spectrum, grid).cpu().numpy()
    edges = field_edges(target.merged().polygons, grid.field_nm)
    sites, others = (drawn_sites(edges, each, grid.pixel_nm, grid.shape) for each in (OPENILT, NEURALILT))
    violated, fine = (violations(aerial, sites, each, *rule) for each in (OPENILT, OPENILT_3NM))
    others_violated = violations(aerial, others, NEURALILT, *rule)
    widths_nm = drawn_widths_nm(edges, sites, grid.pixel_nm, grid.field_nm)
    profile = edge_profile(aerial, sites, widths_nm, rule.threshold, grid.pixel_nm, rule.field)
    return ScoredEdges(sites, violated, int(fine.sum()), int(others_violated.sum()), profile)


def edge_score(profile: EdgeProfile) -> EdgeScore:
    """The scores of edge placement and image slope over all sites.

    Args:
        profile: Edge placement and image slope, one value per site.

    Returns:
        Their statistics.
    """
    found = profile.epe_nm[np.isfinite(profile.epe_nm)]
    return EdgeScore(
        epe_mean_nm=float(found.mean()) if found.size else None,
        epe_3sigma_nm=float(3 * found.std()) if found.size else None,
        epe_max_nm=float(np.abs(found).max()) if found.size else None,
        epe_lost=len(profile.epe_nm) - found.size,
        ils_per_um=float(profile.ils_per_um.mean()) if profile.ils_per_um.size else None,
        nils=float(profile.nils.mean()) if profile.nils.size else None,
    )
