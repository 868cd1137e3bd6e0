"""The objective of an optimisation: a weighted sum of terms, each in nm^2 per clip."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from litho_dl.core.settings import suggestion
from litho_dl.ilt.morphology import closed, opened, small_parts
from litho_dl.ilt.probes import ProbePairs
from litho_dl.layout.rules import MaskRules
from litho_dl.metrics.epe import OPENILT, OPENILT_3NM
from litho_dl.optics.print_rule import PrintRule
from litho_dl.simulation.exposure import Exposure

PROBE_NM2 = OPENILT.spacing_px * OPENILT.probe_px * 1.0  # area of the strip of edge that a probe represents
STRAY_LIMIT = 0.9  # of the threshold; in a clear field, the background stays as far above it
CLEARANCE_NM = 40.0
FLATTEST_PER_NM = 0.002  # least log-slope that an edge displacement is computed with
PAIR_NM = 2.0 * OPENILT_3NM.probe_px  # distance of a site's two probes
SITE_NM2 = OPENILT.spacing_px * OPENILT_3NM.probe_px * 1.0  # area of the strip of edge that a site represents
LIMIT_NM, SOFT_NM = 2.5, 0.6
DRIFT, FURTHEST_NM = 0.02, 20.0  # of sites a nm


@dataclass(frozen=True, eq=False, repr=False)
class ObjectiveInputs:
    """Everything that the terms of the objective need: a batch of masks with targets and exposure.

    Attributes:
        target: Area coverage (B, H, W) in [0, 1] on pixels of `pixel_nm`; of the field, or a part of it.
        exposure: Images and prints of the masks, on the target's pixels.
        mask: (B, h, w) in [0, 1] on pixels of `mask_pixel_nm`.
        probes: Number of EPE probes in each pixel, (B, H, W); see `probes.epe_probes`.
        background: 1 where nothing may print, (B, H, W); see `background`.
        pixel_nm: Pixel of target and prints.
        mask_pixel_nm: Pixel of the masks.
        rules: Mask rules, for the terms that need them.
        binary: True for thresholded prints, which choose the best masks; False for sigmoid prints, in the loop.
        counted: 1 where prints count, (B, H, W) or (H, W); None: everywhere.
        pairs: Points beside the target's edges, for the term `placement`.
        corner_weights: Weights of a method's own corners, by name, for the term `through_window`.
    """

    target: Tensor
    exposure: Exposure
    mask: Tensor
    probes: Tensor
    background: Tensor
    pixel_nm: float
    mask_pixel_nm: float
    rules: MaskRules | None
    binary: bool
    counted: Tensor | None = None
    pairs: ProbePairs | None = None
    corner_weights: dict[str, float] = field(default_factory=dict)
    _prints: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def print(self, corner: str) -> Tensor:
        """Print at a corner, (B, H, W) in [0, 1]; computed once for all terms."""
        if corner not in self._prints:
            exposure = self.exposure
            made = exposure.binary_print(corner).to(self.target.dtype) if self.binary else exposure.print(corner)
            self._prints[corner] = made
        return self._prints[corner]


def l2(inputs: ObjectiveInputs) -> Tensor:
    """|print - target|^2 at nominal conditions."""
    return _printed(inputs, _squares(inputs.print("nominal"), inputs.target))


def pvb(inputs: ObjectiveInputs) -> Tensor:
    """|outer - inner|^2: the process-variation band."""
    return _printed(inputs, _squares(inputs.print("outer"), inputs.print("inner")))


def l2_area(inputs: ObjectiveInputs) -> Tensor:
    """|print - target|: for steep resists, the wrong area of the nominal print, which the protocols count.

    Unlike `l2`, it does not discount small displacements. But its gradient is the same in all pixels of a missing
    feature, so that it is used after `l2`, not instead of it.
    """
    return _printed(inputs, (inputs.print("nominal") - inputs.target).abs())


def pvb_area(inputs: ObjectiveInputs) -> Tensor:
    """|outer - inner|: the area of the band at any steepness, as the area between shifted sigmoids is the shift."""
    return _printed(inputs, (inputs.print("outer") - inputs.print("inner")).abs())


def corner_l2(inputs: ObjectiveInputs) -> Tensor:
    """|print - target|^2, summed over all corners of the process except the nominal one."""
    corners = (name for name in inputs.exposure.corners if name not in {"nominal", *inputs.corner_weights})
    squares = (_squares(inputs.print(name), inputs.target) for name in corners)
    return torch.stack([_printed(inputs, values) for values in squares]).sum(0)


def through_window(inputs: ObjectiveInputs) -> Tensor:
    """|print - target| at each of the method's own corners, times its weight: the wrong area through focus and dose."""
    each = [w * (inputs.print(name) - inputs.target).abs() for name, w in inputs.corner_weights.items()]
    return _printed(inputs, torch.stack(each).sum(0))


def epe(inputs: ObjectiveInputs) -> Tensor:
    """|print - target|^2 at the EPE probes only; a violated probe costs `PROBE_NM2`."""
    return _counted(inputs, inputs.probes * _squares(inputs.print("nominal"), inputs.target)).sum((-2, -1)) * PROBE_NM2


def placement(inputs: ObjectiveInputs) -> Tensor:
    """Sites of the EPE rule at which the print's edge is off by 3 nm, at `SITE_NM2` each.

    Binary prints are probed as the rule probes them. In the loop, the displacement d follows from the intensities of a
    site's two probes, with the slope between them held fixed, and counts by sigmoid((|d| - 2.5 nm) / 0.6 nm), which
    edges well within the limit do not feel, plus a small slope further off.
    """
    pairs, exposure = inputs.pairs, inputs.exposure
    assert pairs is not None  # a problem whose weights name this term has them
    inner, outer = map(exposure.rule.excess, pairs.aerial(exposure))
    if inputs.binary:
        off = (inner < 0).to(inner) + (outer >= 0)
    else:
        slope = (inner - outer).detach().clamp(min=FLATTEST_PER_NM * exposure.resist.threshold * PAIR_NM) / PAIR_NM
        displacement = ((inner + outer) / 2 / slope).abs()
        off = torch.sigmoid((displacement - LIMIT_NM) / SOFT_NM) + DRIFT * displacement.clamp(max=FURTHEST_NM)
    return (pairs.counted * off).sum(-1) * SITE_NM2


def contour_epe(inputs: ObjectiveInputs) -> Tensor:
    """Squared edge displacement along the whole target contour, in units of the probes' 15 nm.

    The displacement is computed from the intensity at the drawn edge, as ln(I / I_th) divided by the image's log-slope,
    which is constant for the gradient. Corners count like edges.
    """
    aerial = inputs.exposure.aerial("nominal")
    step = [aerial.roll(-1, axis) - aerial.roll(1, axis) for axis in (-2, -1)]
    log_slope = torch.stack(step).norm(dim=0) / (2 * inputs.pixel_nm * aerial.clamp(min=1e-6))
    edge = [inputs.target.roll(-1, axis) - inputs.target.roll(1, axis) for axis in (-2, -1)]
    length = torch.stack(edge).norm(dim=0) / 2 * inputs.pixel_nm  # length of contour in each pixel
    displacement = (aerial / inputs.exposure.resist.threshold).clamp(min=1e-6).log() / log_slope.detach().clamp(
        min=FLATTEST_PER_NM
    )
    return _counted(inputs, length * displacement.square()).sum((-2, -1)) / OPENILT.probe_px


def stray(inputs: ObjectiveInputs) -> Tensor:
    """(I / I_th - 0.9)^2 where it is positive at the outer corner in the background: assist features must not print.

    In a clear field they print where it is dark, and the term is (1.1 - I / I_th)^2.

    Unlike a print it does not saturate, so that it acts on all of a feature that prints.
    """
    field = inputs.exposure.mask_field
    limit = PrintRule(STRAY_LIMIT if field == "dark" else 2 - STRAY_LIMIT, field)
    excess = limit.excess(inputs.exposure.aerial("outer") / inputs.exposure.resist.threshold)
    return _printed(inputs, (inputs.background * excess.clamp(min=0)).square())


def total_variation(inputs: ObjectiveInputs) -> Tensor:
    """Length of the mask's edges times one mask pixel; ragged edges and specks cost shots."""
    mask = inputs.mask
    horizontal, vertical = ((mask - mask.roll(1, axis)).abs().sum((-2, -1)) for axis in (-1, -2))
    return (horizontal + vertical) * inputs.mask_pixel_nm**2


def curvature(inputs: ObjectiveInputs) -> Tensor:
    """|discrete Laplacian of the mask|^2: high for corners and specks, much lower for straight edges."""
    mask = inputs.mask
    neighbours = [mask.roll(step, axis) for axis in (-2, -1) for step in (-1, 1)]
    return _area(_squares(torch.stack(neighbours).sum(0), 4 * mask), inputs.mask_pixel_nm)


def width(inputs: ObjectiveInputs) -> Tensor:
    """Mask area where a disc of the least width does not fit."""
    free = opened(inputs.mask, _rules(inputs).min_width_nm / inputs.mask_pixel_nm)
    return _area(inputs.mask - free, inputs.mask_pixel_nm)


def space(inputs: ObjectiveInputs) -> Tensor:
    """Area between mask features where a disc of the least space does not fit."""
    filled = closed(inputs.mask, _rules(inputs).min_space_nm / inputs.mask_pixel_nm)
    return _area(filled - inputs.mask, inputs.mask_pixel_nm)


def area(inputs: ObjectiveInputs) -> Tensor:
    """Sum of A (1 - A / A_min) over features with A < A_min: each shrinks to nothing or grows, whichever is closer."""
    unit, least = inputs.mask_pixel_nm**2, _rules(inputs).min_area_nm2
    sums = []
    labels, counts = small_parts(inputs.mask, least / unit)
    for mask, numbers, count in zip(inputs.mask, labels, counts, strict=True):
        areas = mask.new_zeros(count + 1).index_add(0, numbers.flatten(), mask.flatten())[1:] * unit
        sums.append((areas * (1 - areas / least)).sum())
    return torch.stack(sums)


def _rules(inputs: ObjectiveInputs) -> MaskRules:
    assert inputs.rules is not None  # a method that names these terms has rules
    return inputs.rules


def _squares(image: Tensor, other: Tensor) -> Tensor:
    """(image - other)^2, whose gradient by `mse_loss` takes one pass over the pixels instead of four."""
    return mse_loss(image, other.expand_as(image), reduction="none")


def _printed(inputs: ObjectiveInputs, values: Tensor) -> Tensor:
    """The area in nm^2 of values on the prints' pixels, where prints count."""
    return _area(_counted(inputs, values), inputs.pixel_nm)


def _counted(inputs: ObjectiveInputs, values: Tensor) -> Tensor:
    return values if inputs.counted is None else inputs.counted * values


def _area(values: Tensor, pixel_nm: float) -> Tensor:
    return values.sum((-2, -1)) * pixel_nm**2


TERMS: dict[str, Callable[[ObjectiveInputs], Tensor]] = {
    "l2": l2,
    "l2_area": l2_area,
    "pvb": pvb,
    "pvb_area": pvb_area,
    "corner_l2": corner_l2,
    "through_window": through_window,
    "epe": epe,
    "placement": placement,
    "contour_epe": contour_epe,
    "stray": stray,
    "total_variation": total_variation,
    "curvature": curvature,
    "width": width,
    "space": space,
    "area": area,
}
RULE_TERMS = ("width", "space", "area")
# Which count prints wherever they are.
FIELD_TERMS = ("l2", "l2_area", "pvb", "pvb_area", "corner_l2", "through_window", "stray")


def background(target: Tensor, pixel_nm: float, clearance_nm: float = CLEARANCE_NM) -> Tensor:
    """Where nothing may print: further than a clearance (in x or y) from the target.

    Args:
        target: Area coverage (B, H, W).
        pixel_nm: Its pixel.
        clearance_nm: The clearance, rounded to pixels.

    Returns:
        1 there and 0 elsewhere, (B, H, W).
    """
    reach, near = round(clearance_nm / pixel_nm), target > 0
    for axis in (-2, -1):
        width = 1  # of the window that each pixel covers so far, itself last
        while width < 2 * reach + 1:
            step = min(width, 2 * reach + 1 - width)
            near = near | near.roll(step, axis)
            width += step
        near = near.roll(-reach, axis)
    return (~near).to(target)


def evaluate_terms(
    inputs: ObjectiveInputs, weights: dict[str, float], elsewhere: Sequence[ObjectiveInputs] = ()
) -> tuple[Tensor, dict[str, Tensor]]:
    """Evaluates the objective.

    Args:
        inputs: Masks, targets and exposure.
        weights: Weights of terms of `TERMS`.
        elsewhere: The same masks with other parts of the field, in which nothing is drawn; `FIELD_TERMS` add up.

    Returns:
        The weighted sum (B,) in nm^2, and each unweighted term (B,) in nm^2 by name.
    """
    values = {name: TERMS[name](inputs) for name in weights}
    for name in values.keys() & FIELD_TERMS:
        for part in elsewhere:
            values[name] = values[name] + TERMS[name](part)
    return torch.stack([weights[name] * value for name, value in values.items()]).sum(0), values


def require_known_terms(weights: dict[str, float]) -> dict[str, float]:
    """Checks that all terms exist and that one counts, and returns their weights.

    Raises:
        ValueError: A term is unknown, or all weights are 0.
    """
    unknown = sorted(set(weights) - set(TERMS))
    if unknown:
        raise ValueError(f"unknown terms {', '.join(unknown)}; {suggestion(unknown[0], TERMS)}")
    if not any(weights.values()):
        raise ValueError("expected a weight above 0, got none: such an objective is met by any mask")
    return weights
