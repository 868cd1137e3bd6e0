"""What a mask is optimised for: a weighted sum of terms, each in nm^2 per clip."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from litho_dl.ilt.morphology import closed, opened, small_parts
from litho_dl.layout.rules import MaskRules
from litho_dl.metrics.epe import OPENILT, EpeRule, EpeSites, find_sites
from litho_dl.simulation.exposure import Exposure

PROBE_NM2 = OPENILT.spacing_px * OPENILT.probe_px * 1.0  # the strip of edge that a probe stands for
STRAY_LIMIT = 0.9  # of the threshold
CLEARANCE_NM = 40.0
FLATTEST_PER_NM = 0.002  # log-slope below which an edge displacement is not read off the intensity


@dataclass(frozen=True)
class Scene:
    """One evaluation of a batch of masks, soft (in the loop) or binary (when the best is chosen).

    Attributes:
        target: Area coverage (B, H, W) in [0, 1] at `pixel_nm`.
        exposure: What the masks do on the wafer, at `pixel_nm`.
        mask: (B, h, w) in [0, 1] at `mask_pixel_nm`.
        probes: How many EPE probes lie in each pixel, (B, H, W); see `epe_probes`.
        background: 1 where nothing may print, (B, H, W); see `background`.
        rules: Mask rules, for the terms that ask for them.
        binary: Prints are thresholded rather than sigmoid.
        counted: 1 where prints count, (H, W); None: everywhere.
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
    _prints: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def print(self, corner: str) -> Tensor:
        """Print at a corner, (B, H, W) in [0, 1]; made once, whichever terms ask for it."""
        if corner not in self._prints:
            exposure = self.exposure
            made = exposure.binary_print(corner).to(self.target.dtype) if self.binary else exposure.print(corner)
            self._prints[corner] = made
        return self._prints[corner]


def l2(scene: Scene) -> Tensor:
    """|print - target|^2 at nominal conditions."""
    return _printed(scene, _squares(scene.print("nominal"), scene.target))


def pvb(scene: Scene) -> Tensor:
    """|outer - inner|^2: the process-variation band."""
    return _printed(scene, _squares(scene.print("outer"), scene.print("inner")))


def l2_area(scene: Scene) -> Tensor:
    """|print - target|: the area by which the nominal print is wrong, which protocols count, as steepness grows.

    Unlike `l2` it does not make light of small displacements; nor does it tell one pixel of a missing feature from
    the next, so that it serves after `l2`, not instead of it.
    """
    return _printed(scene, (scene.print("nominal") - scene.target).abs())


def pvb_area(scene: Scene) -> Tensor:
    """|outer - inner|: the band's area at any steepness, since two sigmoids a shift apart differ by just the shift."""
    return _printed(scene, (scene.print("outer") - scene.print("inner")).abs())


def corner_l2(scene: Scene) -> Tensor:
    """|print - target|^2 summed over every corner but the nominal one."""
    corners = (name for name in scene.exposure.corners if name != "nominal")
    squares = (_squares(scene.print(name), scene.target) for name in corners)
    return torch.stack([_printed(scene, values) for values in squares]).sum(0)


def epe(scene: Scene) -> Tensor:
    """|print - target|^2 at the EPE probes alone; a violated probe costs `PROBE_NM2`."""
    return _counted(scene, scene.probes * _squares(scene.print("nominal"), scene.target)).sum((-2, -1)) * PROBE_NM2


def contour_epe(scene: Scene) -> Tensor:
    """Squared edge displacement along the whole target contour, in units of the probes' 15 nm.

    The displacement is read off the intensity at the drawn edge: ln(I / I_th) over the image's log-slope, the slope
    held fixed in the gradient. Corners count like edges.
    """
    aerial = scene.exposure.aerial("nominal")
    step = [aerial.roll(-1, axis) - aerial.roll(1, axis) for axis in (-2, -1)]
    log_slope = torch.stack(step).norm(dim=0) / (2 * scene.pixel_nm * aerial.clamp(min=1e-6))
    edge = [scene.target.roll(-1, axis) - scene.target.roll(1, axis) for axis in (-2, -1)]
    length = torch.stack(edge).norm(dim=0) / 2 * scene.pixel_nm  # of contour in each pixel
    displacement = (aerial / scene.exposure.resist.threshold).clamp(min=1e-6).log() / log_slope.detach().clamp(
        min=FLATTEST_PER_NM
    )
    return _counted(scene, length * displacement.square()).sum((-2, -1)) / OPENILT.probe_px


def stray(scene: Scene) -> Tensor:
    """(I / I_th - 0.9)^2 where it is positive at the outer corner in the background: assist features must not print.

    Unlike a print it does not saturate, so a feature that prints as a whole is pushed back as one.
    """
    excess = scene.exposure.aerial("outer") / scene.exposure.resist.threshold - STRAY_LIMIT
    return _printed(scene, (scene.background * excess.clamp(min=0)).square())


def total_variation(scene: Scene) -> Tensor:
    """Length of the mask's edges times one mask pixel: ragged edges and specks cost shots."""
    mask = scene.mask
    horizontal, vertical = ((mask - mask.roll(1, axis)).abs().sum((-2, -1)) for axis in (-1, -2))
    return (horizontal + vertical) * scene.mask_pixel_nm**2


def curvature(scene: Scene) -> Tensor:
    """|discrete Laplacian of the mask|^2: corners and specks cost, straight edges much less."""
    mask = scene.mask
    neighbours = [mask.roll(step, axis) for axis in (-2, -1) for step in (-1, 1)]
    return _area(_squares(torch.stack(neighbours).sum(0), 4 * mask), scene.mask_pixel_nm)


def width(scene: Scene) -> Tensor:
    """Mask area where a disc of the smallest width does not fit."""
    free = opened(scene.mask, _rules(scene).min_width_nm / scene.mask_pixel_nm)
    return _area(scene.mask - free, scene.mask_pixel_nm)


def space(scene: Scene) -> Tensor:
    """Area between mask features where a disc of the smallest space does not fit."""
    filled = closed(scene.mask, _rules(scene).min_space_nm / scene.mask_pixel_nm)
    return _area(filled - scene.mask, scene.mask_pixel_nm)


def area(scene: Scene) -> Tensor:
    """Sum of A (1 - A / A_min) over features below A_min: each is pushed to vanish or to grow, whichever is nearer."""
    unit, least = scene.mask_pixel_nm**2, _rules(scene).min_area_nm2
    sums = []
    labels, counts = small_parts(scene.mask, least / unit)
    for mask, numbers, count in zip(scene.mask, labels, counts, strict=True):
        areas = mask.new_zeros(count + 1).index_add(0, numbers.flatten(), mask.flatten())[1:] * unit
        sums.append((areas * (1 - areas / least)).sum())
    return torch.stack(sums)


def _rules(scene: Scene) -> MaskRules:
    assert scene.rules is not None  # a method that names these terms has rules
    return scene.rules


def _squares(image: Tensor, other: Tensor) -> Tensor:
    """(image - other)^2; its gradient passes over the pixels once, that of a difference's square four times."""
    return mse_loss(image, other.expand_as(image), reduction="none")


def _printed(scene: Scene, values: Tensor) -> Tensor:
    """Of the prints' pixels, those that count."""
    return _area(_counted(scene, values), scene.pixel_nm)


def _counted(scene: Scene, values: Tensor) -> Tensor:
    return values if scene.counted is None else scene.counted * values


def _area(values: Tensor, pixel_nm: float) -> Tensor:
    return values.sum((-2, -1)) * pixel_nm**2


TERMS: dict[str, Callable[[Scene], Tensor]] = {
    "l2": l2,
    "l2_area": l2_area,
    "pvb": pvb,
    "pvb_area": pvb_area,
    "corner_l2": corner_l2,
    "epe": epe,
    "contour_epe": contour_epe,
    "stray": stray,
    "total_variation": total_variation,
    "curvature": curvature,
    "width": width,
    "space": space,
    "area": area,
}
RULE_TERMS = ("width", "space", "area")


def background(target: Tensor, pixel_nm: float) -> Tensor:
    """1 farther than `CLEARANCE_NM` (in x or y) from any target (B, H, W), else 0."""
    reach, near = round(CLEARANCE_NM / pixel_nm), target > 0
    for axis in (-2, -1):
        width = 1  # of what each pixel sees, itself at the end
        while width < 2 * reach + 1:
            step = min(width, 2 * reach + 1 - width)
            near = near | near.roll(step, axis)
            width += step
        near = near.roll(-reach, axis)
    return (~near).to(target)


def epe_probes(target: Tensor, pixel_nm: float) -> Tensor:
    """Where the `openilt` rule looks for a print, inside and outside the target's edges, on any pixel up to 15 nm.

    Args:
        target: Area coverage (B, H, W).
        pixel_nm: Its pixel.

    Returns:
        Number of probes in each pixel, (B, H, W).
    """
    rule = probe_rule(pixel_nm)
    counts = [count_probes(find_sites(drawn, rule), rule, drawn.shape) for drawn in (target >= 0.5).cpu().numpy()]
    return torch.from_numpy(np.stack(counts)).to(target)


def probe_rule(pixel_nm: float) -> EpeRule:
    """The `openilt` rule in pixels of up to 15 nm."""
    return EpeRule(
        long_edge_px=int(OPENILT.long_edge_px / pixel_nm),
        spacing_px=max(1, int(OPENILT.spacing_px / pixel_nm)),
        probe_px=max(1, int(OPENILT.probe_px / pixel_nm)),
    )


def count_probes(sites: EpeSites, rule: EpeRule, shape: tuple[int, ...]) -> np.ndarray:
    """Number of probes in each pixel of a periodic field, float32 of `shape` = (H, W)."""
    counts = np.zeros(shape, dtype=np.float32)
    for probes in (sites.probes(-rule.probe_px), sites.probes(rule.probe_px)):
        np.add.at(counts, (probes[:, 0] % shape[0], probes[:, 1] % shape[1]), 1)
    return counts


def evaluate_terms(scene: Scene, weights: dict[str, float]) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum (B,) and each unweighted term (B,) in nm^2."""
    values = {name: TERMS[name](scene) for name in weights}
    return torch.stack([weights[name] * value for name, value in values.items()]).sum(0), values
