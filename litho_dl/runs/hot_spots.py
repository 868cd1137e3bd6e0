"""Hot spots of a mask at the corners of its process, or through focus and dose, with their table and picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import LithoError
from litho_dl.core.io import write_csv
from litho_dl.core.progress import Advance
from litho_dl.layout.clips import Clip
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.hot_spots import HotSpot, PrintLimits, find_hot_spots
from litho_dl.process.model import ProcessModel, named_focus
from litho_dl.runs.masks import Masks, clips_on_field, masks_of_clips
from litho_dl.runs.process_window import require_doses, require_foci
from litho_dl.runs.summary import write_summary
from litho_dl.simulation.simulator import Simulator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESOLUTION = 0.25  # of lambda / NA: half of the finest pitch that any illumination resolves
SPOT_RESOLUTION = 0.5  # of the spot's width
LISTED = 10


@dataclass(frozen=True, eq=False, repr=False)
class HotSpots:
    """The hot spots of one mask.

    Attributes:
        spots: The hot spots at all corners, the worst first.
        limits: What they are measured against.
        conditions: (focus in nm, dose) of each corner by name; the focus is None for imported kernels of other names.
        prints: The printed polygons at each corner, on the field.
        clip: The drawn layout.
    """

    spots: tuple[HotSpot, ...]
    limits: PrintLimits
    conditions: dict[str, tuple[float | None, float]]
    prints: dict[str, tuple[Polygon, ...]]
    clip: Clip

    def __repr__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.counts.items()) or "none"
        return f"HotSpots({kinds}; {len(self.conditions)} corners)"

    @property
    def worst(self) -> tuple[HotSpot, ...]:
        """One hot spot for each place: the worst of all corners."""
        first = {spot.place: spot for spot in reversed(self.spots)}
        return tuple(first[place] for place in sorted(first))

    @property
    def counts(self) -> dict[str, int]:
        """Number of places by kind."""
        return dict(Counter(spot.kind for spot in self.worst))

    def plot(self, *, title: str = "") -> "Figure":
        """Draws the layout with all places marked, and the worst ones enlarged with the print at their corners.

        Args:
            title: Heading; empty: the clip's name.

        Returns:
            The figure.
        """
        from litho_dl.viz.hot_spots import MarkedPlace, hot_spots_figure

        loops = {corner: [polygon.loops for polygon in polygons] for corner, polygons in self.prints.items()}
        places = [
            MarkedPlace(
                spot.kind,
                np.array(spot.box_nm),
                f"{described(spot)}\n{spot.corner}",
                self.limits.of(spot.kind),
                loops[spot.corner],
            )
            for spot in self.worst
        ]
        nominal = loops.get("nominal", next(iter(loops.values())))
        drawn = [polygon.loops for polygon in self.clip.placed.merged().polygons]
        return hot_spots_figure(drawn, nominal, places, title=title or self.clip.name)


def described(spot: HotSpot) -> str:
    """A hot spot in words, such as `pinch 21.3 nm`, `bridge closed` or `missing`."""
    match spot.kind:
        case "pinch" | "bridge" if spot.width_nm == 0:
            return f"{spot.kind} {'broken' if spot.kind == 'pinch' else 'closed'}"
        case "missing":
            return "missing"
        case kind:
            return f"{kind} {spot.width_nm:.1f} nm"


def limits_of(process: ProcessModel, width_nm: float | None = None, space_nm: float | None = None) -> PrintLimits:
    """Limits of printed width and space, those not given from the resolution of a process.

    It is 0.25 lambda / NA, half of the finest pitch that any illumination resolves; of a spot that writes directly,
    half of its width.

    Args:
        process: The process.
        width_nm: Least printed width; None: the resolution.
        space_nm: Least printed space; None: the resolution.

    Raises:
        LithoError: A limit is not positive; or one is not given, and the process has no recipe.
    """
    if width_nm is not None and space_nm is not None:
        return PrintLimits(width_nm, space_nm)
    if process.recipe is None:
        raise LithoError(
            "Expected limits of width and space for imported kernels, which state no resolution; give both."
        )
    pupil = process.recipe.pupil
    finest_nm = RESOLUTION * pupil.wavelength_nm / pupil.na
    if process.writes_directly and pupil.fwhm_nm is not None:
        finest_nm = SPOT_RESOLUTION * pupil.fwhm_nm
    return PrintLimits(finest_nm if width_nm is None else width_nm, finest_nm if space_nm is None else space_nm)


def hot_spots(
    simulator: Simulator,
    masks: Masks | Tensor | np.ndarray | Layout,
    clip: Clip,
    *,
    limits: PrintLimits | None = None,
    foci_nm: Sequence[float] | None = None,
    doses: Sequence[float] | None = None,
    advance: Advance = lambda done, total, corner: None,
) -> HotSpots:
    """Finds where a mask pinches, bridges, misses drawn shapes or prints strays, at any corner of its process.

    Args:
        simulator: The process, on the device to compute on.
        masks: The clip's mask: a solution of one clip, mask values (H, W) that fill the field, or polygons on it.
        clip: The drawn layout.
        limits: Limits of printed width and space; None: those of `limits_of`.
        foci_nm: Foci, rising, for a matrix of foci and doses in place of the recipe's corners; None: the nominal one if
            there are doses.
        doses: Factors on intensity; None: the nominal one if there are foci.
        advance: Called after each corner with (corners done, corners in all, the corner's name).

    Returns:
        The hot spots, with the prints at all corners.

    Raises:
        KernelError: The process has no kernels of a focus and no recipe to build them from.
        MaskError: There is more than one mask.
        LithoError: There are no limits and no recipe; or foci do not rise, or a dose is out of range.
    """
    clips_on_field(simulator, [clip])
    limits = limits_of(simulator.process) if limits is None else limits
    given = masks_of_clips(simulator, masks, [clip])
    exposed, names = simulator, list(simulator.process.corners)
    if foci_nm is not None or doses is not None:
        exposed, names = _matrix(simulator, foci_nm, doses)
    pixel_nm = file_pixel_nm(simulator)
    with torch.no_grad():
        exposure = exposed(given.mask.to(simulator.device), given.pixel_nm, out_pixel_nm=pixel_nm)
    prints = {}
    for done, name in enumerate(names, start=1):
        prints[name] = exposure.contours(name, finest_nm=pixel_nm)[0].polygons
        advance(done, len(names), name)
    found = find_hot_spots(prints, clip.placed.merged().polygons, limits, simulator.field_nm)
    corners = {name: exposed.process.corners[name] for name in names}
    conditions = {name: (named_focus(corner.kernels), corner.dose) for name, corner in corners.items()}
    return HotSpots(found, limits, conditions, prints, clip)


def _matrix(
    simulator: Simulator, foci_nm: Sequence[float] | None, doses: Sequence[float] | None
) -> tuple[Simulator, list[str]]:
    """A simulator with the corners of a focus-exposure matrix, and their names."""
    focus_nm, dose = simulator.process.nominal
    foci = require_foci([focus_nm] if foci_nm is None else foci_nm)
    factors = require_doses([dose] if doses is None else doses)
    corners = {f"focus{f:+g}nm_dose{d:g}": (float(d) / dose, float(f) - focus_nm) for f in foci for d in factors}
    return simulator.with_corners(corners), list(corners)


def write_hot_spots(found: HotSpots, out: Path, command: str, settings: dict[str, Any], title: str) -> dict[str, Any]:
    """Writes hot_spots.csv (every hot spot at every corner), the picture hot_spots.png, and summary.json.

    Args:
        found: The hot spots.
        out: Folder to write to.
        command: The command that made it, such as `litho-dl hotspots`.
        settings: The settings of the run, for the summary.
        title: Title of the picture.

    Returns:
        The summary.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.viz.figure import save_figure

    csv, figure = out / "hot_spots.csv", out / "hot_spots.png"
    write_csv(csv, [_row(found, spot) for spot in found.spots])
    save_figure(found.plot(title=title), figure)
    summary = {
        "clip": found.clip.name,
        **settings,
        "limits_nm": {"width": found.limits.width_nm, "space": found.limits.space_nm},
        "corners": {name: {"focus_nm": focus, "dose": dose} for name, (focus, dose) in found.conditions.items()},
        "places": len(found.worst),
        "counts": {kind: found.counts.get(kind, 0) for kind in ("pinch", "bridge", "missing", "stray")},
        "worst": [
            {
                **_row(found, spot),
                "corners": list(dict.fromkeys(other.corner for other in found.spots if other.place == spot.place)),
            }
            for spot in found.worst
        ],
        "csv": str(csv),
        "figure": str(figure),
    }
    write_summary(out / "summary.json", command, summary)
    return summary


def _row(found: HotSpots, spot: HotSpot) -> dict[str, Any]:
    """A hot spot as plain values; its place in the layout's own coordinates, and on the field."""
    (dx, dy), (x, y), box = found.clip.shift_nm, spot.centre_nm, spot.box_nm
    own = (box[0] - dx, box[1] - dy, box[2] - dx, box[3] - dy)
    focus_nm, dose = found.conditions[spot.corner]
    return {
        "place": spot.place,
        "kind": spot.kind,
        "corner": spot.corner,
        "focus_nm": focus_nm,
        "dose": dose,
        "width_nm": round(spot.width_nm, 3),
        "limit_nm": round(found.limits.of(spot.kind), 3),
        "x_nm": round(x - dx, 3),
        "y_nm": round(y - dy, 3),
        **{f"{side}_nm": round(value, 3) for side, value in zip(("x0", "y0", "x1", "y1"), own, strict=True)},
        "field_x_nm": round(x, 3),
        "field_y_nm": round(y, 3),
    }


def hot_spots_text(summary: dict[str, Any]) -> str:
    """The summary as text: counts, and one line for each of the worst places."""
    limits, counts = summary["limits_nm"], summary["counts"]
    lines = [
        f"Limits: width {limits['width']:.1f} nm, space {limits['space']:.1f} nm; {len(summary['corners'])} corners.",
        f"{summary['places']} places: {', '.join(f'{kind} {count}' for kind, count in counts.items())}",
    ]
    if summary["worst"]:
        lines += ["", f"{'place':>5}  {'kind':<8}{'width':>7}{'x':>10}{'y':>10}   corners"]
    for row in summary["worst"][:LISTED]:
        corners, more = row["corners"][:3], len(row["corners"]) - 3
        named = ", ".join(corners) + (f" and {more} more" if more > 0 else "")
        place = f"{row['x_nm']:>10.1f}{row['y_nm']:>10.1f}"
        lines.append(f"{row['place']:>5}  {row['kind']:<8}{row['width_nm']:>7.1f}{place}   {named}")
    if summary["places"] > LISTED:
        lines.append(f"... and {summary['places'] - LISTED} more in {summary['csv']}")
    return "\n".join([*lines, f"Lengths in nm; see {summary['figure']}"])
