"""The exposure of masks: aerial images, prints, printed contours and critical dimensions."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.dft import PointWaves, point_waves, synthesis, synthesise, synthesise_at
from litho_dl.core.errors import KernelError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.optics.print_rule import MaskField, PrintRule
from litho_dl.process.model import Corner
from litho_dl.process.resist import Resist, sigmoid_print, threshold_print

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONTOUR_PIXEL_NM = 1.0  # contours are interpolated linearly between samples this close, or closer
CUT_STEP_NM = 0.5  # samples along a cut; linear interpolation is then right to 0.01 nm for images of 193 nm light


@dataclass(frozen=True, eq=False, repr=False)
class Exposure:
    """Aerial images and prints of a batch of masks.

    With a chemical resist, all images are latent images of one corner each, as equivalent intensities: that of even
    light that would print alike (`process.chemistry.ChemicalResist.latent`). Their dose is in them, and corners have 1.

    Attributes:
        intensity: Image in resist at dose 1, (..., H, W), of each focus, by the names that `corners` have of them.
        spectra: Half spectra of these images, (..., 4 h_y + 1, 2 h_x + 1), which determine them between the samples.
        corners: Process conditions by name.
        resist: The threshold and steepness that images are compared with.
        field_nm: (height, width) of the periodic field.
        mask_field: The mask's field: whether it prints where it is bright (`dark`) or where it is dark (`clear`).
    """

    intensity: dict[str, Tensor]
    spectra: dict[str, Tensor]
    corners: dict[str, Corner]
    resist: Resist
    field_nm: tuple[float, float]
    pixel_nm: float
    mask_field: MaskField = "dark"

    def __repr__(self) -> str:
        shape = next(iter(self.intensity.values())).shape
        size = " x ".join(map(str, shape))
        return f"Exposure({size} pixels of {self.pixel_nm:g} nm; corners {', '.join(self.corners)})"

    @property
    def rule(self) -> PrintRule:
        """Which intensities print, of an image at its corner's dose."""
        return PrintRule(self.resist.threshold, self.mask_field)

    def aerial(self, corner: str = "nominal") -> Tensor:
        """Intensity at the corner's focus and dose, (..., H, W); a clear mask at dose 1 is 1.

        Raises:
            KernelError: There is no such corner.
        """
        condition = self._condition(corner)
        return condition.dose * self.intensity[condition.kernels]

    def waves_at(self, points_nm: Tensor) -> PointWaves:
        """What `aerial_at` computes from points, for exposures of one field at the same points, as in a loop."""
        return point_waves(points_nm, next(iter(self.spectra.values())), self.field_nm)

    def aerial_at(self, points_nm: Tensor | PointWaves, corner: str = "nominal") -> Tensor:
        """Intensity at any points of the field, (..., P), whatever the pixel; differentiable.

        Args:
            points_nm: (P, 2), rows of (x, y) in nm; or (..., P, 2), for each mask its own; or their `waves_at`.
            corner: Name of a corner.

        Raises:
            KernelError: There is no such corner.
        """
        condition = self._condition(corner)
        waves = points_nm if isinstance(points_nm, PointWaves) else self.waves_at(points_nm)
        return condition.dose * synthesise_at(self.spectra[condition.kernels], waves)

    def print(self, corner: str = "nominal") -> Tensor:
        """Differentiable print, (..., H, W) in (0, 1).

        Raises:
            KernelError: There is no such corner.
        """
        condition = self._condition(corner)
        return sigmoid_print(self.intensity[condition.kernels], self.resist, condition.dose, self.mask_field)

    def binary_print(self, corner: str = "nominal") -> Tensor:
        """Binary print, bool (..., H, W).

        Raises:
            KernelError: There is no such corner.
        """
        condition = self._condition(corner)
        return threshold_print(self.intensity[condition.kernels], self.resist, condition.dose, self.mask_field)

    def contours(self, corner: str = "nominal", *, finest_nm: float = CONTOUR_PIXEL_NM) -> tuple[Layout, ...]:
        """The printed shapes of each mask as polygons in nm, between the pixels of the images.

        The image is sampled again on pixels of at most `finest_nm`, and interpolated linearly between them. Contours
        that reach the border of the field are closed along it.

        Args:
            corner: Name of a corner.
            finest_nm: The default is right to 0.01 nm for images of 193 nm light; coarser ones take less time.

        Returns:
            One layout for each mask, in the order of the batch.

        Raises:
            KernelError: There is no such corner.
        """
        from litho_dl.layout.contour import contour_polygons  # loads SciPy

        images = (self._resampled(corner, index, finest_nm) for index in range(self._count))
        sign, level = self.rule.sign, self.rule.sign * self.resist.threshold
        return tuple(Layout(corner, contour_polygons(sign * image, pixel_nm, level)) for image, pixel_nm in images)

    @torch.no_grad()
    def cd(self, start_nm: tuple[float, float], end_nm: tuple[float, float], corner: str = "nominal") -> Tensor:
        """Critical dimension: the length of the one printed run that a straight cut crosses.

        The image is evaluated along the cut itself, whatever the pixel.

        Args:
            start_nm: (x, y) on the field, where nothing prints.
            end_nm: (x, y) on the other side of the printed feature.
            corner: Name of a corner.

        Returns:
            CD in nm, (...), one for each mask.

        Raises:
            KernelError: There is no such corner.
            MaskError: The cut has no length or leaves the field, or, for some mask, does not cross exactly one printed
                run from edge to edge.
        """
        condition = self._condition(corner)
        if not (_is_point(start_nm) and _is_point(end_nm)):
            raise MaskError(f"Expected a cut between two points (x, y) in nm, got {start_nm} to {end_nm}.")
        length = math.dist(start_nm, end_nm)
        height, width = self.field_nm
        inside = all(0 <= x <= width and 0 <= y <= height for x, y in (start_nm, end_nm))
        if not (inside and length > 0):
            raise MaskError(
                f"Expected a cut between two points of the field of {width:g} x {height:g} nm, got {start_nm} to "
                f"{end_nm}."
            )
        share = np.linspace(0, 1, math.ceil(length / CUT_STEP_NM) + 1)[:, None]
        points = torch.from_numpy((1 - share) * np.array(start_nm) + share * np.array(end_nm))
        spectrum = self.spectra[condition.kernels]
        values = self.aerial_at(points.to(spectrum.device), corner).cpu().double()
        profiles = self.rule.excess(values.reshape(-1, len(points)).numpy())
        found = [_printed_runs(profile, length / (len(points) - 1)) for profile in profiles]
        for index, (lengths, ends) in enumerate(found):
            if len(lengths) != 1 or ends:
                where = f" of mask {index}" if len(found) > 1 else ""
                raise MaskError(
                    f"Expected a cut that crosses one printed run from edge to edge, got one from {start_nm} to "
                    f"{end_nm} nm that crosses {len(lengths)}{where} at the corner {corner}"
                    f"{f' and {ends} more in part' if ends else ''}; move, lengthen or shorten it."
                )
        return torch.tensor([lengths[0] for lengths, _ in found], dtype=torch.float64).reshape(spectrum.shape[:-2])

    def plot(self, index: int = 0) -> "Figure":
        """Draws the aerial image and the prints at all corners of one mask of the batch.

        Args:
            index: Index of the mask; negative ones count from the end.

        Returns:
            The figure.

        Raises:
            KernelError: The process has no nominal corner.
            MaskError: There is no such mask.
        """
        from litho_dl.viz.clip import clip_figure
        from litho_dl.viz.images import ClipImages

        if not (isinstance(index, int | np.integer) and -self._count <= index < self._count):
            raise MaskError(f"Expected an index below the number of masks, {self._count}, got {index!r}.")
        names = [name for name in ("nominal", "outer", "inner") if name in self.corners]
        images = {name: self._resampled(name, index) for name in dict.fromkeys(("nominal", *names))}
        aerial, pixel_nm = images["nominal"]
        prints = {name: self.rule.printed(images[name][0]) for name in images}
        outer, inner = prints.get("outer"), prints.get("inner")
        drawn = ClipImages(pixel_nm, nominal=prints["nominal"], outer=outer, inner=inner, aerial=aerial)
        return clip_figure(drawn, threshold=self.resist.threshold)

    @property
    def _count(self) -> int:
        """Number of masks in the batch."""
        return math.prod(next(iter(self.intensity.values())).shape[:-2])

    @torch.no_grad()
    def _resampled(self, corner: str, index: int, finest_nm: float = CONTOUR_PIXEL_NM) -> tuple[np.ndarray, float]:
        """The aerial image (H', W') of one mask on pixels of at most `finest_nm`, and that pixel."""
        condition = self._condition(corner)
        spectra = self.spectra[condition.kernels]
        half = spectra.shape[-2] // 2, spectra.shape[-1] - 1
        factor = max(1, math.ceil(self.pixel_nm / finest_nm - 1e-9))
        grid = Grid.of_field(self.field_nm, self.pixel_nm / factor)
        transform = synthesis(grid, half, dtype=spectra.real.dtype, device=spectra.device)
        image = synthesise(spectra.reshape(-1, *spectra.shape[-2:])[index], transform)
        return (condition.dose * image).cpu().numpy(), grid.pixel_nm

    def _condition(self, corner: str) -> Corner:
        if not isinstance(corner, str) or corner not in self.corners:
            raise KernelError(f"Expected one of the corners {', '.join(self.corners)}, got {corner!r}.")
        return self.corners[corner]


def _is_point(point: object) -> bool:
    try:
        values = np.asarray(point, dtype=float)
    except (TypeError, ValueError):
        return False
    return values.shape == (2,) and bool(np.isfinite(values).all())


def _printed_runs(excess: np.ndarray, step_nm: float) -> tuple[list[float], int]:
    """Lengths in nm of the runs of a profile (P,) that are >= 0 and end inside it, and how many the ends cut off."""
    printed = excess >= 0
    change = np.flatnonzero(printed[1:] != printed[:-1])
    crossings = step_nm * (change + excess[change] / (excess[change] - excess[change + 1]))
    first, last = int(printed[0]), int(printed[-1] and len(change) > 0)  # runs that the ends of the profile cut off
    whole = crossings[first : len(crossings) - last]
    return (whole[1::2] - whole[::2]).tolist(), first + last
