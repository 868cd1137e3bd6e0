"""Masks drawn as Bezier curves within a tolerance that is checked by simulating what is written."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from litho_dl.layout.bezier import GRID_NM, BezierOutline, segment_count
from litho_dl.layout.bezier_fit import fit_outlines
from litho_dl.layout.curvature import tight_curves
from litho_dl.layout.curves import evened
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules, check_curves
from litho_dl.runs.tables import headline_scores
from litho_dl.scoring.evaluate import Evaluation

LARGEST_CHANGE = 0.005  # of L2 + PVB, by which what is written may be worse than the mask
HALVINGS = 3  # of the tolerance at most
SMOOTHINGS = 8  # of outlines with bends that are too tight, at most,
STEP = 0.1  # by steps of this share of the least radius
FLAT_SHARE, FLATTEST_NM = 0.25, 1.0  # of the tolerance, for the polygons of the curves; and at most


@dataclass(frozen=True, eq=False, repr=False)
class DrawnCurves:
    """A mask as curves.

    Attributes:
        outlines: The curves, on the field.
        polygons: What is written of them to layout files: polygons within `flat_nm`.
        tolerance_nm: The tolerance that the curves were fitted within.
        flat_nm: The tolerance of the polygons to the curves.
        change: Share by which L2 + PVB of the polygons are above those of the pixel mask; negative: below.
        evaluation: The scores of the polygons; their mask rules are those of the curves.
        pixels: The scores of the pixel mask that the curves were drawn from.
    """

    outlines: tuple[BezierOutline, ...]
    polygons: tuple[Polygon, ...]
    tolerance_nm: float
    flat_nm: float
    change: float
    evaluation: Evaluation
    pixels: Evaluation

    def __repr__(self) -> str:
        return f"DrawnCurves({len(self.outlines)} outlines of {self.segments} segments within {self.tolerance_nm:g} nm)"

    @property
    def segments(self) -> int:
        """Number of Bezier segments."""
        return segment_count(self.outlines)


def draw_curves(
    contours: Sequence[Polygon],
    tolerance_nm: float,
    least_radius_nm: float,
    pixels: Evaluation,
    score: Callable[[Sequence[Polygon]], Evaluation],
    rules: MaskRules | None,
) -> DrawnCurves:
    """Draws a mask as Bezier curves, and simulates the polygons that are written of them.

    The tolerance is halved, at most `HALVINGS` times, as long as L2 + PVB are above those of the pixel mask by more
    than `LARGEST_CHANGE`; if they stay so, the best of all curves is taken.

    Args:
        contours: The mask's outline, dense and smooth; see `layout.curves`.
        tolerance_nm: Tolerance of the curves to it; > 0.
        least_radius_nm: Least radius that the contours have, or nearly, and the curves keep; 0: none.
        pixels: The scores of the mask.
        score: Scores polygons on the field.
        rules: The rules that the curves are checked against; None: they are not checked.

    Returns:
        The curves with their scores.

    Raises:
        LithoError: As `score`.
    """
    tried: list[DrawnCurves] = []
    for halving in range(HALVINGS + 1):
        within_nm = tolerance_nm / 2**halving
        outlines = _round_outlines(contours, within_nm, least_radius_nm)
        flat_nm = min(max(GRID_NM, FLAT_SHARE * within_nm), FLATTEST_NM)
        polygons = tuple(outline.flattened(flat_nm) for outline in outlines)
        evaluation = score(polygons)
        change = _cost(evaluation) / max(_cost(pixels), 1.0) - 1
        tried.append(DrawnCurves(outlines, polygons, within_nm, flat_nm, change, evaluation, pixels))
        if change <= LARGEST_CHANGE:
            break
    best = min(tried, key=lambda curves: max(curves.change, LARGEST_CHANGE))
    if rules is None:
        return best
    card = replace(best.evaluation.scorecard, mrc_violations=check_curves(best.outlines, rules).counts)
    return replace(best, evaluation=replace(best.evaluation, scorecard=card))


def curve_entry(curves: DrawnCurves) -> dict[str, Any]:
    """What scores.json says of the curves of a mask, beside their scores."""
    return {
        "segments": curves.segments,
        "curve_tolerance_nm": curves.tolerance_nm,
        "curve_change": round(curves.change, 6),
        "before_curves": headline_scores(curves.pixels.scorecard),
    }


def warn_of_curves(curves: DrawnCurves, name: str) -> None:
    """Warns on standard error of curves that print worse than their mask by more than `LARGEST_CHANGE`."""
    if curves.change > LARGEST_CHANGE:
        print(
            f"Warning: {name}: L2 + PVB of the curves are {curves.change:.1%} above those of the mask's pixels, also "
            f"within smaller tolerances: smoothing rounds corners and drops specks that act on the print.",
            file=sys.stderr,
        )


def _round_outlines(
    contours: Sequence[Polygon], tolerance_nm: float, least_radius_nm: float
) -> tuple[BezierOutline, ...]:
    """Curves of contours, of which those with bends tighter than a least radius are smoothed further."""
    smooth, outlines = list(contours), list(fit_outlines(contours, tolerance_nm, least_radius_nm))
    for _ in range(SMOOTHINGS if least_radius_nm > 0 else 0):
        tight = [n for n, outline in enumerate(outlines) if len(tight_curves(outline.loops, least_radius_nm).values)]
        smoother = evened([smooth[n] for n in tight], STEP * least_radius_nm)
        fitted = fit_outlines(smoother, tolerance_nm, least_radius_nm)
        for n, contour, outline in zip(tight, smoother, fitted, strict=True):
            smooth[n], outlines[n] = contour, outline
    return tuple(outlines)


def _cost(evaluation: Evaluation) -> float:
    """L2 + PVB in nm^2."""
    return evaluation.scorecard.l2_nm2 + evaluation.scorecard.pvb_nm2
