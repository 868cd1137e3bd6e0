"""Scores of a whole chip from those of its tiles: totals, hot spots, and errors at the seams."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from litho_dl.fullchip.score import RULE_NAMES, TileScore
from litho_dl.fullchip.tiling import Tiling

SEAM_BINS_NM = (0.0, 32.0, 64.0, 128.0, 256.0, 512.0, np.inf)
NEAR_SEAM_NM, INTERIOR_NM = 64.0, 256.0
SPOTS = 50
SPOT_SPACING_NM = 100.0


@dataclass(frozen=True, eq=False, repr=False)
class Sites:
    """EPE sites of a chip.

    Attributes:
        xy_nm: Positions (n, 2) in layout coordinates.
        epe_nm: Signed edge placement errors (n,); NaN where no edge prints within 60 nm.
        violated: Violations of the `openilt` rule (n,).
        seam_nm: Distances to the nearest seam (n,); infinite if there is none.
    """

    xy_nm: np.ndarray
    epe_nm: np.ndarray
    violated: np.ndarray
    seam_nm: np.ndarray

    def __repr__(self) -> str:
        return f"Sites({len(self.epe_nm):,} EPE sites, {int(self.violated.sum()):,} violations)"


@dataclass(frozen=True)
class SeamRow:
    """Errors of the sites in one range of distances to the nearest seam.

    Attributes:
        from_nm: Smallest distance.
        to_nm: Largest distance; None: no limit.
        sites: Number of sites.
        mean_abs_nm: Mean absolute error of the sites that print; None if none does.
        mean_nm: Mean signed error of the sites that print; None if none does.
        violations: Violations of the `openilt` rule.
        lost: Number of sites that do not print.
    """

    from_nm: float
    to_nm: float | None
    sites: int
    mean_abs_nm: float | None
    mean_nm: float | None
    violations: int
    lost: int

    @property
    def label(self) -> str:
        """The range of distances, such as `32-64` or `>512`."""
        return f">{self.from_nm:g}" if self.to_nm is None else f"{self.from_nm:g}-{self.to_nm:g}"


@dataclass(frozen=True)
class ChipScore:
    """The scores of a chip.

    Attributes:
        area_nm2: Scored area.
        target_nm2: Area of the target in it.
        l2_nm2: Area where the nominal print differs from the target.
        pvb_nm2: Area where outer and inner prints differ.
        epe_violations: Violations of the `openilt` EPE rule.
        epe_violations_3nm: The same by edges that are more than 3 nm off.
        epe_sites: Number of its sites.
        stray_prints: Connected regions that print at the corner nominal, outer or inner and touch no drawn shape.
        epe_mean_nm: Mean signed error of the sites that print; None if none does, as for the next three.
        epe_mean_abs_nm: Mean absolute error of these sites.
        epe_3sigma_nm: Three standard deviations of their errors.
        epe_max_nm: Their largest absolute error.
        epe_lost: Number of sites with no printed edge within 60 nm.
        seam_epe_nm: Mean absolute error within 64 nm of a seam; None without seams.
        interior_epe_nm: Mean absolute error farther than 256 nm from all seams; None without seams.
        mrc_violations: Violations of each mask rule, over the stitched mask.
        mrc_at_seams: Violations of each mask rule within 64 nm of a seam.
    """

    area_nm2: float
    target_nm2: float
    l2_nm2: float
    pvb_nm2: float
    epe_violations: int
    epe_violations_3nm: int
    epe_sites: int
    stray_prints: int
    epe_mean_nm: float | None
    epe_mean_abs_nm: float | None
    epe_3sigma_nm: float | None
    epe_max_nm: float | None
    epe_lost: int
    seam_epe_nm: float | None
    interior_epe_nm: float | None
    mrc_violations: dict[str, int]
    mrc_at_seams: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and names, for JSON."""
        return asdict(self)


def chip_sites(scores: Iterable[TileScore], tiling: Tiling) -> Sites:
    """All sites of the tiles, sorted by position, so that their order does not depend on the tiling.

    Args:
        scores: The tiles' scores.
        tiling: The tiling.

    Returns:
        The chip's sites.
    """
    scores = list(scores)
    xy = np.concatenate([score.sites_nm for score in scores] or [np.zeros((0, 2))])
    epe = np.concatenate([score.epe_nm for score in scores] or [np.zeros(0)])
    violated = np.concatenate([score.violated for score in scores] or [np.zeros(0, dtype=int)])
    order = np.lexsort((xy[:, 0], xy[:, 1]))
    return Sites(xy[order], epe[order], violated[order], seam_distance(xy[order], tiling))


def seam_distance(xy_nm: np.ndarray, tiling: Tiling) -> np.ndarray:
    """Distances of points to the nearest seam, a line between two cores.

    Args:
        xy_nm: Points (n, 2) in layout coordinates.
        tiling: The tiling.

    Returns:
        Distances (n,) in nm; infinite if there is only one core.
    """
    distance = np.full(len(xy_nm), np.inf)
    for axis, count in ((0, tiling.shape[1]), (1, tiling.shape[0])):
        if count > 1:
            place = (xy_nm[:, axis] - tiling.area_nm[axis]) / tiling.core_nm
            nearest = np.clip(np.rint(place), 1, count - 1)
            distance = np.minimum(distance, np.abs(place - nearest) * tiling.core_nm)
    return distance


def chip_score(scores: Sequence[TileScore], tiling: Tiling) -> ChipScore:
    """The chip's scores.

    Args:
        scores: The tiles' scores.
        tiling: The tiling.

    Returns:
        Totals, statistics of the EPE, and mask rule violations.
    """
    sites = chip_sites(scores, tiling)
    x0, y0, x1, y1 = tiling.wanted_nm
    found = sites.epe_nm[np.isfinite(sites.epe_nm)]
    rules = scores[0].rule_places_nm if scores else RULE_NAMES
    places = {rule: np.concatenate([score.rule_places_nm[rule] for score in scores]) for rule in rules}
    near = {
        rule: int((seam_distance((boxes[:, :2] + boxes[:, 2:]) / 2, tiling) < NEAR_SEAM_NM).sum())
        for rule, boxes in places.items()
    }
    return ChipScore(
        area_nm2=(x1 - x0) * (y1 - y0),
        target_nm2=sum(score.target_nm2 for score in scores),
        l2_nm2=sum(score.l2_nm2 for score in scores),
        pvb_nm2=sum(score.pvb_nm2 for score in scores),
        epe_violations=int(sites.violated.sum()),
        epe_violations_3nm=sum(int(score.violated_3nm.sum()) for score in scores),
        epe_sites=len(sites.epe_nm),
        stray_prints=sum(len(score.strays_nm) for score in scores),
        epe_mean_nm=_mean(found),
        epe_mean_abs_nm=_mean(np.abs(found)),
        epe_3sigma_nm=float(3 * found.std()) if len(found) else None,
        epe_max_nm=float(np.abs(found).max()) if len(found) else None,
        epe_lost=len(sites.epe_nm) - len(found),
        seam_epe_nm=_mean_abs(sites, 0, NEAR_SEAM_NM) if tiling.shape != (1, 1) else None,
        interior_epe_nm=_mean_abs(sites, INTERIOR_NM, np.inf) if tiling.shape != (1, 1) else None,
        mrc_violations={rule: len(boxes) for rule, boxes in places.items()},
        mrc_at_seams=near,
    )


def seam_table(sites: Sites) -> list[SeamRow]:
    """Edge placement errors by distance to the nearest seam; empty without seams."""
    rows = []
    for low, high in pairwise(SEAM_BINS_NM):
        inside = (sites.seam_nm >= low) & (sites.seam_nm < high)
        epe = sites.epe_nm[inside]
        found = epe[np.isfinite(epe)]
        rows.append(
            SeamRow(
                low,
                high if np.isfinite(high) else None,
                len(epe),
                _mean(np.abs(found)),
                _mean(found),
                int(sites.violated[inside].sum()),
                len(epe) - len(found),
            )
        )
    return rows if np.isfinite(sites.seam_nm).any() else []


def hot_spots(sites: Sites, count: int = SPOTS) -> list[int]:
    """The sites with the largest absolute errors, at least 100 nm apart; sites that do not print come first.

    Args:
        sites: The chip's sites.
        count: Largest number of hot spots.

    Returns:
        Indices of the sites, worst first.
    """
    error = np.where(np.isfinite(sites.epe_nm), np.abs(sites.epe_nm), np.inf)
    chosen: list[int] = []
    for index in np.lexsort((sites.xy_nm[:, 0], sites.xy_nm[:, 1], -error)).tolist():
        if len(chosen) == count:
            break
        apart = np.abs(sites.xy_nm[chosen] - sites.xy_nm[index]).max(1, initial=0.0)
        if not chosen or apart.min() >= SPOT_SPACING_NM:
            chosen.append(index)
    return chosen


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _mean_abs(sites: Sites, low_nm: float, high_nm: float) -> float | None:
    epe = sites.epe_nm[(sites.seam_nm >= low_nm) & (sites.seam_nm < high_nm) & np.isfinite(sites.epe_nm)]
    return _mean(np.abs(epe))
