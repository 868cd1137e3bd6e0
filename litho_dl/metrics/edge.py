"""Signed, sub-pixel edge placement and image slope, measured on the aerial image at the target's edges."""

from dataclasses import dataclass

import numpy as np

from litho_dl.metrics.epe import EpeSites
from litho_dl.metrics.sampling import sampled
from litho_dl.optics.print_rule import MaskField, PrintRule

REACH_PX = 60  # largest distance from the target's edge at which the printed edge is searched
_STEPS = np.arange(-REACH_PX + 1, REACH_PX + 1)


@dataclass(frozen=True, eq=False)
class EdgeProfile:
    """Edge placement and image slope, one value per site.

    Attributes:
        epe_nm: Distance of the printed edge from the target's, positive outwards; NaN where no printed edge is found.
        ils_per_um: Image log-slope |d ln I / dx| at the target's edge.
        nils: Normalised image log-slope: ILS times the target's width at the site.
    """

    epe_nm: np.ndarray
    ils_per_um: np.ndarray
    nils: np.ndarray


def edge_profile(
    aerial: np.ndarray,
    sites: EpeSites,
    widths_nm: np.ndarray,
    threshold: float,
    pixel_nm: float,
    field: MaskField = "dark",
) -> EdgeProfile:
    """Measures the print's edge placement, and the image slope, along the normal through each site.

    The printed edge is where the print ends, going outwards, nearest to the target's edge, by linear interpolation
    between samples one pixel apart; on 1 nm pixels the error is below 0.01 nm for images of 193 nm light.

    Args:
        aerial: Intensity (H, W).
        sites: Where to measure.
        widths_nm: The target's width (n,) at the sites; see `metrics.drawn_sites.drawn_widths_nm`.
        threshold: Intensity at which the resist prints.
        pixel_nm: Pixel size of the images.
        field: The mask's field, which says on which side of the threshold.

    Returns:
        The values of every site.
    """
    profile = _profiles(aerial, sites)
    inner, outer = profile[:, REACH_PX - 1], profile[:, REACH_PX]
    ils = np.abs(np.log(np.maximum(outer, 1e-12) / np.maximum(inner, 1e-12))) / pixel_nm
    return EdgeProfile(_placement(profile, PrintRule(threshold, field), pixel_nm), ils * 1000, ils * widths_nm)


def edge_placement(
    aerial: np.ndarray, sites: EpeSites, threshold: float, pixel_nm: float, field: MaskField = "dark"
) -> np.ndarray:
    """Edge placement alone, which needs no target.

    Args:
        aerial: Intensity (H, W).
        sites: Where to measure.
        threshold: Intensity at which the resist prints.
        pixel_nm: Pixel size of the image.
        field: As for `edge_profile`.

    Returns:
        `EdgeProfile.epe_nm`, (n,).
    """
    return _placement(_profiles(aerial, sites), PrintRule(threshold, field), pixel_nm)


def _profiles(aerial: np.ndarray, sites: EpeSites) -> np.ndarray:
    """Intensity (n, 2 REACH_PX) along the normal through each site, from inside to outside."""
    places = sites.points[:, None] + (_STEPS - 0.5)[:, None] * sites.normals[:, None]
    return sampled(aerial, places)


def _placement(profile: np.ndarray, rule: PrintRule, pixel_nm: float) -> np.ndarray:
    return _nearest_crossing(profile, rule, _STEPS - 0.5) * pixel_nm


def _nearest_crossing(profile: np.ndarray, rule: PrintRule, positions: np.ndarray) -> np.ndarray:
    """Position nearest to 0 at which the print of each row ends; NaN if it never does."""
    before, after = profile[:, :-1], profile[:, 1:]
    ends = rule.printed(before) & ~rule.printed(after)
    share = np.where(ends, (before - rule.threshold) / np.where(ends, before - after, 1.0), np.nan)
    crossings = np.where(ends, positions[:-1] + share, np.inf)
    nearest = np.take_along_axis(crossings, np.abs(crossings).argmin(1)[:, None], axis=1)[:, 0]
    return np.where(np.isinf(nearest), np.nan, nearest)
