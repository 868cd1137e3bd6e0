"""Manhattan versions of masks with at most N rectangles: cut, moved to where they print best, and scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from litho_dl.ilt.rectangles import PIXEL_NM, moved
from litho_dl.layout.clips import Clip, on_pixel
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rectangles import apart, cover, fewest
from litho_dl.process.identity import finest_period_nm
from litho_dl.runs.masks import Masks, drawn_masks
from litho_dl.runs.tables import headline_scores
from litho_dl.scoring.evaluate import Evaluation, evaluate_mask
from litho_dl.scoring.protocol import Protocol
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.simulator import Simulator

FAR_WEIGHT = 0.1  # of a wrong pixel far from drawn edges; 1.1 at them


@dataclass(frozen=True, eq=False, repr=False)
class ManhattanMask:
    """A mask of rectangles.

    Attributes:
        most: The largest number that was asked for.
        rectangles_nm: (n, 4) x0, y0, x1, y1 on the field, which do not overlap; n <= `most`.
        evaluation: Their scores.
    """

    most: int
    rectangles_nm: np.ndarray
    evaluation: Evaluation

    def __repr__(self) -> str:
        return f"ManhattanMask({len(self.rectangles_nm)} of at most {self.most} rectangles; {self.evaluation!r})"

    @property
    def cost_nm2(self) -> float:
        """L2 + PVB in nm^2."""
        return self.evaluation.scorecard.l2_nm2 + self.evaluation.scorecard.pvb_nm2

    def entry(self) -> dict[str, Any]:
        """The counts and scores as plain values."""
        return {"most": self.most, "rectangles": len(self.rectangles_nm), **shown_scores(self.evaluation.scorecard)}


def manhattan_masks(
    simulator: Simulator,
    clip: Clip,
    masks: Masks,
    most: Sequence[int],
    protocol: Protocol,
    on_step: Callable[[int, int], None] | None = None,
) -> list[ManhattanMask]:
    """Masks of at most so many rectangles each, in place of a clip's mask.

    Rectangles are cut from the mask's features, where wrong pixels near drawn edges cost most, then moved to where
    L2 + PVB are least, and rounded to the pixel of mask files. As fewer rectangles sometimes print better, half of each
    number is tried too.

    Args:
        simulator: The process.
        clip: The clip.
        masks: Its one mask; binarised at 0.5.
        most: The largest numbers of rectangles.
        protocol: How to score.
        on_step: Called after each number that was tried with (how many were, how many there are).

    Returns:
        The best mask of each number, from the smallest number to the largest.

    Raises:
        LayoutError: A number is below that of the mask's features that overlap drawn ones.
        LithoError: As `scoring.evaluate.evaluate_mask`.
    """
    file_nm, precise = file_pixel_nm(clip), simulator.in_double()
    binary = on_pixel((masks.mask[0] >= 0.5).float(), masks.pixel_nm, file_nm).numpy() >= 0.5
    target = clip.coverage(file_nm).numpy() >= 0.5
    weight = _weight(target, finest_period_nm(simulator.process) / file_nm)
    least = fewest(binary, target)
    tried: list[ManhattanMask] = []
    counts = sorted({count for number in most for count in (number, number // 2) if count >= least or count == number})
    for step, (count, cut) in enumerate(zip(counts, cover(binary, counts, target, weight), strict=True), start=1):
        coarse = clip.coverage(PIXEL_NM * simulator.scale)
        best = moved(simulator, coarse, torch.from_numpy(cut * file_nm)).numpy()
        whole = np.clip(np.rint(best / file_nm), 0, [*binary.shape[::-1]] * 2).astype(int)
        rectangles = apart(whole) * file_nm
        drawn = Layout(clip.name, tuple(map(_polygon, rectangles)))
        (coverage,) = drawn_masks([drawn], clip).mask
        evaluation = evaluate_mask(coverage, file_nm, clip.placed, precise, protocol, drawn=drawn)
        tried.append(ManhattanMask(count, rectangles, evaluation))
        if on_step is not None:
            on_step(step, len(counts))
    best_of = {
        number: min((mask for mask in tried if mask.most <= number), key=lambda mask: mask.cost_nm2)
        for number in sorted(set(most))
    }
    return [ManhattanMask(number, mask.rectangles_nm, mask.evaluation) for number, mask in best_of.items()]


def shown_scores(card: Scorecard) -> dict[str, float]:
    """The scores that `front_text` shows, by title: L2 + PVB, those of published tables, and all rule violations."""
    violations = sum((card.mrc_violations or {}).values())
    return {"l2_pvb_nm2": card.l2_nm2 + card.pvb_nm2, **headline_scores(card), "mask rules": violations}


def _weight(target: np.ndarray, period_px: float) -> np.ndarray:
    """What wrong pixels cost: most at drawn edges, falling with the distance over half a finest period."""
    if target.all() or not target.any():
        return np.ones(target.shape)
    distance = np.maximum(distance_transform_edt(target), distance_transform_edt(~target))
    return FAR_WEIGHT + np.exp(-2 * (distance / period_px) ** 2)


def _polygon(rectangle: np.ndarray) -> Polygon:
    x0, y0, x1, y1 = rectangle
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))


def front_text(entries: Sequence[dict[str, Any]], mask: dict[str, Any]) -> str:
    """The scores of Manhattan masks and of the mask they replace, as text: one line a number of rectangles."""
    titles = [title for title in mask if title not in ("rectangles", "l2_pvb_nm2")]
    lines = [f"{'at most':>10}{'rectangles':>12}{'L2 + PVB':>12}" + "".join(f"{title:>16}" for title in titles)]
    for entry in [*entries, {"most": "the mask", **mask}]:
        shown = f"{entry['most']:>10}{entry['rectangles']:>12,}{entry['l2_pvb_nm2']:>12,.0f}"
        lines.append(shown + "".join(f"{entry[title]:>16,.0f}" for title in titles))
    return "\n".join(lines)
