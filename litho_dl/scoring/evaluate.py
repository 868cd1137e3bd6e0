"""The score of a mask against its target, with the images that it is computed from."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import LayoutError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.edges import is_manhattan
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import MaskRules, check_rules
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.metrics.mrc import mask_violations
from litho_dl.metrics.shots import shot_count
from litho_dl.metrics.stray import stray_prints
from litho_dl.metrics.write_cost import REDUCTION, multibeam_ms, vertex_count
from litho_dl.optics.print_rule import MaskField, PrintRule
from litho_dl.process.identity import finest_period_nm
from litho_dl.process.model import ProcessModel
from litho_dl.process.recipe import REQUIRED_CORNERS
from litho_dl.scoring.edges import drawn_polygon_edges, edge_score, pixel_edges
from litho_dl.scoring.protocol import Protocol
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.mask_values import mask_tensor
from litho_dl.simulation.other_field import other_field_nm2
from litho_dl.simulation.prints import corner_prints, whole_image
from litho_dl.simulation.simulator import Simulator

RasterConvention = Literal["exact", "inclusive"]
REACH_PERIODS = 5.0


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """A scorecard with the images that it is computed from, on the protocol's pixel.

    Attributes:
        scorecard: The scores.
        outline: The mask's outline along its pixels, as polygons on the field.
        pixel_nm: The protocol's pixel.
        target: The target, bool (H, W).
        image: Half spectrum of the intensity at nominal conditions, (2 h_y + 1, h_x + 1), from which `aerial` follows.
        prints: Prints by corner, bool (H, W).
        violations_nm: Sites that violate the `openilt` EPE rule, (n, 2) rows of (x, y) in nm.
        violation_epe_nm: Signed edge placement errors of these sites, (n,) in nm; NaN where no printed edge is near.
            None under `iccad13`.
        reach_nm: Distance up to which features of the mask act on a print, `REACH_PERIODS` of the finest period.
        mask_field: The mask's field.
        other_field_nm2: Area that the mask would print in the other field, if it prints nothing; otherwise 0.
    """

    scorecard: Scorecard
    outline: tuple[Polygon, ...]
    pixel_nm: float
    target: np.ndarray
    image: Tensor
    prints: dict[str, np.ndarray]
    violations_nm: np.ndarray
    violation_epe_nm: np.ndarray | None
    reach_nm: float
    mask_field: MaskField = "dark"
    other_field_nm2: float = 0.0

    def __repr__(self) -> str:
        height, width = self.target.shape
        return f"Evaluation({height} x {width} pixels of {self.pixel_nm:g} nm; {self.scorecard!r})"

    @property
    def aerial(self) -> np.ndarray:
        """Intensity at nominal conditions, (H, W); evaluated each time that it is asked for."""
        height, width = self.target.shape
        return whole_image(self.image, Grid((height, width), self.pixel_nm)).cpu().numpy()


def evaluate_mask(
    mask: Tensor,
    pixel_nm: float,
    target: Layout,
    simulator: Simulator,
    protocol: Protocol,
    *,
    raster: RasterConvention = "exact",
    drawn: Layout | None = None,
) -> Evaluation:
    """Scores one mask.

    Args:
        mask: (H, W) in [0, 1], binarised at 0.5 except as `drawn`; fills the simulator's field.
        pixel_nm: The mask's pixel.
        target: The drawn layout, already placed on the field (`Layout.centred`).
        simulator: The process.
        protocol: How to score, such as one of `PROTOCOLS`.
        raster: How the target is rasterised; `inclusive` adds one row and column, as some published tables do.
        drawn: Polygons on the field that the mask is the area coverage of. It is then imaged as it is: so edges are
            where they are drawn, at any angle. Vertices are theirs, and the mask rules of polygons that are not all
            along x and y; shots are those of the pixels. None: the mask is its pixels.

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
    wanted = _wanted(target, grid, raster)
    binary = mask >= 0.5
    imaged = binary if drawn is None else mask_tensor(mask)
    rule = PrintRule(simulator.process.resist.threshold, simulator.process.mask.field)
    image, prints = _images(imaged, pixel_nm, simulator, grid, rule)
    if protocol.drawn_edges:
        edges = drawn_polygon_edges(target, image, grid, rule)
    else:
        edges = pixel_edges(wanted, prints["nominal"])
    pixels = binary.cpu().numpy()
    outline = pixel_polygons(pixels, pixel_nm)
    written = outline if drawn is None else drawn.merged().polygons
    scorecard = Scorecard(
        clip=target.name,
        protocol=f"{protocol.name}/{protocol.version}",
        raster=raster,
        l2_nm2=l2_nm2(prints["nominal"], wanted, protocol.pixel_nm),
        pvb_nm2=pvb_nm2(prints["outer"], prints["inner"], protocol.pixel_nm),
        epe_violations=int(edges.violated.sum()),
        epe_violations_3nm=edges.violations_3nm,
        epe_violations_neuralilt=edges.violations_neuralilt,
        epe_sites=len(edges.sites),
        stray_prints=len(stray_prints(np.logical_or.reduce([prints[name] for name in REQUIRED_CORNERS]), wanted)),
        shots=shot_count(pixels, pixel_nm, outline),
        vertices=vertex_count(written),
        multibeam_ms=_multibeam_ms(simulator.process),
        edges=edge_score(edges.profile) if edges.profile else None,
        mrc_violations=_rule_counts(protocol.rules, written, pixels, pixel_nm, outline),
        scoring_seconds=time.perf_counter() - started,
    )
    worst = edges.violated > 0
    reach_nm = REACH_PERIODS * finest_period_nm(simulator.process)
    return Evaluation(
        scorecard,
        outline,
        protocol.pixel_nm,
        wanted,
        image,
        prints,
        edges.sites.positions_nm(protocol.pixel_nm)[worst],
        edges.profile.epe_nm[worst] if edges.profile else None,
        reach_nm,
        rule.field,
        0.0 if prints["nominal"].any() else other_field_nm2(simulator, imaged, pixel_nm, protocol.pixel_nm),
    )


def _rule_counts(
    rules: MaskRules | None,
    written: Sequence[Polygon],
    pixels: np.ndarray,
    pixel_nm: float,
    outline: Sequence[Polygon],
) -> dict[str, int] | None:
    """Violations of mask rules by rule; polygons along x and y may be the stairs of pixels, and are checked as such."""
    if rules is None:
        return None
    if is_manhattan(written):
        return mask_violations(pixels, pixel_nm, rules, outline).counts
    return check_rules(written, rules).counts


def _multibeam_ms(process: ProcessModel) -> float | None:
    """A multi-beam writer's time for the field; None for a spot, which writes without a mask."""
    if process.recipe is None:
        return multibeam_ms(process.field_nm, REDUCTION)
    pupil = process.recipe.pupil
    return None if pupil.imaging == "spot" else multibeam_ms(process.field_nm, math.sqrt(math.prod(pupil.reductions)))


def _wanted(target: Layout, grid: Grid, raster: RasterConvention) -> np.ndarray:
    """The target's pixels, bool (H, W)."""
    wanted = rasterize(target, grid, convention=raster) >= 0.5
    if not wanted.any():
        raise LayoutError(
            f"Expected a target that covers pixels of {grid.pixel_nm:g} nm, got '{target.name}' that covers none; "
            f"check the layer and the file's database unit."
        )
    return wanted


@torch.no_grad()
def _images(
    mask: Tensor, pixel_nm: float, simulator: Simulator, grid: Grid, rule: PrintRule
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """The half spectrum of the image at nominal conditions, and the prints at all corners."""
    spectra, corners = simulator.image_spectra(mask, pixel_nm), simulator.corners
    dose, nominal = corners["nominal"]
    return dose * spectra[nominal], corner_prints(spectra, corners, grid, rule)


def _require(mask: Tensor, simulator: Simulator, protocol: Protocol) -> None:
    if mask.ndim != 2:
        raise MaskError(f"Expected one mask (H, W), got shape {tuple(mask.shape)}.")
    if mask.is_floating_point() and not all(math.isfinite(extreme) for extreme in torch.aminmax(mask)):
        raise MaskError("Expected a mask of finite values, got NaN or infinity.")
    protocol.require(simulator.process.field_nm, simulator.process.mask)
