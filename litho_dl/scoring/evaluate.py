"""The score of a mask against its target, with the images that it is computed from."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import LayoutError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.layout.edges import Edge
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.drawn_sites import drawn_sites, drawn_widths_nm, field_edges
from litho_dl.metrics.edge import EdgeProfile, edge_profile
from litho_dl.metrics.epe import NEURALILT, OPENILT, EpeRule, EpeSites, find_sites, violations
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.metrics.mrc import mask_violations
from litho_dl.metrics.shots import shot_count
from litho_dl.optics.print_rule import MaskField
from litho_dl.process.identity import finest_period_nm
from litho_dl.scoring.protocol import Protocol
from litho_dl.scoring.scorecard import EdgeScore, Scorecard
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.other_field import other_field_nm2
from litho_dl.simulation.simulator import Simulator

RasterConvention = Literal["exact", "inclusive"]
REACH_PERIODS = 5.0


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """A scorecard with the images that it is computed from, on the protocol's pixel.

    Attributes:
        scorecard: The scores.
        pixel_nm: The protocol's pixel.
        target: The target, bool (H, W).
        aerial: Intensity at nominal conditions, (H, W).
        prints: Prints by corner, bool (H, W).
        violations_nm: Sites that violate the `openilt` EPE rule, (n, 2) rows of (x, y) in nm.
        violation_epe_nm: Signed edge placement errors of these sites, (n,) in nm; NaN where no printed edge is near.
            None under `iccad13`.
        reach_nm: Distance up to which features of the mask act on a print, `REACH_PERIODS` of the finest period.
        mask_field: The mask's field.
        other_field_nm2: Area that the mask would print in the other field, if it prints nothing; otherwise 0.
    """

    scorecard: Scorecard
    pixel_nm: float
    target: np.ndarray
    aerial: np.ndarray
    prints: dict[str, np.ndarray]
    violations_nm: np.ndarray
    violation_epe_nm: np.ndarray | None
    reach_nm: float
    mask_field: MaskField = "dark"
    other_field_nm2: float = 0.0

    def __repr__(self) -> str:
        height, width = self.target.shape
        return f"Evaluation({height} x {width} pixels of {self.pixel_nm:g} nm; {self.scorecard!r})"


def evaluate_mask(
    mask: Tensor,
    pixel_nm: float,
    target: Layout,
    simulator: Simulator,
    protocol: Protocol,
    *,
    raster: RasterConvention = "exact",
    drawn: bool = False,
) -> Evaluation:
    """Scores one mask.

    Args:
        mask: (H, W) in [0, 1], binarised at 0.5 except as `drawn`; fills the simulator's field.
        pixel_nm: The mask's pixel.
        target: The drawn layout, already placed on the field (`Layout.centred`).
        simulator: The process.
        protocol: How to score, such as one of `PROTOCOLS`.
        raster: How the target is rasterised; `inclusive` adds one row and column, as some published tables do.
        drawn: Whether the mask is the area coverage of polygons, which is imaged as it is: so their edges are where
            they are drawn, at any angle. Shots and mask rules are those of its pixels.

    Returns:
        The scores and images.

    Raises:
        MaskError: The mask is not (H, W) or holds NaN, or the mask technology has more than two values.
        GridMismatchError: The mask does not fill the field, or the protocol is defined for another field.
        LayoutError: The target does not lie on the field, or covers no pixel.
    """
    started = time.perf_counter()
    _require(mask, simulator, protocol)
    grid = Grid.of_field(simulator.process.field_nm, protocol.pixel_nm)
    wanted = rasterize(target, grid, convention=raster) >= 0.5
    if not wanted.any():
        raise LayoutError(
            f"Expected a target that covers pixels of {protocol.pixel_nm:g} nm, got '{target.name}' that covers none; "
            f"check the layer and the file's database unit."
        )
    binary = mask >= 0.5
    with torch.no_grad():
        imaged = (mask if drawn else binary).to(simulator.dtype)
        exposure = simulator(imaged, pixel_nm, out_pixel_nm=protocol.pixel_nm)
    prints = {name: exposure.binary_print(name).cpu().numpy() for name in exposure.corners}
    nominal, (threshold, field) = exposure.aerial("nominal").cpu().numpy(), exposure.rule
    edges = field_edges(target.merged().polygons, simulator.process.field_nm) if protocol.drawn_edges else None
    sites, neuralilt = (_sites(wanted, edges, rule, protocol.pixel_nm) for rule in (OPENILT, NEURALILT))
    violated = violations(nominal, sites, OPENILT, threshold, field)
    pixels = binary.cpu().numpy()
    profile = None if edges is None else _profile(exposure, nominal, sites, edges, protocol)
    scorecard = Scorecard(
        clip=target.name,
        protocol=f"{protocol.name}/{protocol.version}",
        raster=raster,
        l2_nm2=l2_nm2(prints["nominal"], wanted, protocol.pixel_nm),
        pvb_nm2=pvb_nm2(prints["outer"], prints["inner"], protocol.pixel_nm),
        epe_violations=int(violated.sum()),
        epe_violations_neuralilt=int(violations(nominal, neuralilt, NEURALILT, threshold, field).sum()),
        epe_sites=len(sites),
        shots=shot_count(pixels, pixel_nm),
        edges=_edge_score(profile) if profile else None,
        mrc_violations=mask_violations(pixels, pixel_nm, protocol.rules).counts if protocol.rules else None,
        scoring_seconds=time.perf_counter() - started,
    )
    violations_nm = sites.positions_nm(protocol.pixel_nm)[violated > 0]
    epe_nm = profile.epe_nm[violated > 0] if profile else None
    reach_nm = REACH_PERIODS * finest_period_nm(simulator.process)
    return Evaluation(
        scorecard,
        protocol.pixel_nm,
        wanted,
        nominal,
        prints,
        violations_nm,
        epe_nm,
        reach_nm,
        field,
        0.0 if prints["nominal"].any() else other_field_nm2(simulator, imaged, pixel_nm, protocol.pixel_nm),
    )


def _sites(wanted: np.ndarray, edges: list[Edge] | None, rule: EpeRule, pixel_nm: float) -> EpeSites:
    """The sites of drawn edges; those of the target's pixels where there are none."""
    if edges is None:
        return find_sites(wanted, rule)
    return drawn_sites(edges, rule, pixel_nm, (wanted.shape[0], wanted.shape[1]))


def _profile(
    exposure: Exposure, nominal: np.ndarray, sites: EpeSites, edges: list[Edge], protocol: Protocol
) -> EdgeProfile:
    """The nominal image at the sites of drawn edges."""
    threshold, field = exposure.rule
    widths_nm = drawn_widths_nm(edges, sites, protocol.pixel_nm, exposure.field_nm)
    return edge_profile(nominal, sites, widths_nm, threshold, protocol.pixel_nm, field)


def _edge_score(profile: EdgeProfile) -> EdgeScore:
    found = profile.epe_nm[np.isfinite(profile.epe_nm)]
    return EdgeScore(
        epe_mean_nm=float(found.mean()) if found.size else None,
        epe_3sigma_nm=float(3 * found.std()) if found.size else None,
        epe_max_nm=float(np.abs(found).max()) if found.size else None,
        epe_lost=len(profile.epe_nm) - found.size,
        ils_per_um=float(profile.ils_per_um.mean()) if profile.ils_per_um.size else None,
        nils=float(profile.nils.mean()) if profile.nils.size else None,
    )


def _require(mask: Tensor, simulator: Simulator, protocol: Protocol) -> None:
    if mask.ndim != 2:
        raise MaskError(f"Expected one mask (H, W), got shape {tuple(mask.shape)}.")
    if not torch.isfinite(mask).all():
        raise MaskError("Expected a mask of finite values, got NaN or infinity.")
    protocol.require(simulator.process.field_nm, simulator.process.mask)
