"""Warnings of layouts too near the border of the periodic field."""

import sys
from collections.abc import Sequence

from litho_dl.layout.layout import Layout
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.border import (
    OPTIMISED,
    TOLERANCE_NM,
    border_shift_nm,
    image_gap_nm,
    sufficient_field_nm,
)

AMPLE_GAP_NM = 700.0  # between a layout and its images, as the documentation asks for
LARGEST_SHIFT_NM = 20.0  # larger ones are not told from each other: features merge or vanish
SIZED = 4  # layouts whose field is computed


def warn_of_border(process: ProcessModel, layouts: Sequence[Layout], *, optimised: bool) -> None:
    """Warns on standard error of layouts whose periodic images move their edges by more than `TOLERANCE_NM`.

    Masks with assist features up to the border move edges by up to `OPTIMISED` times as much as the layout drawn as the
    mask, which is what is simulated; where layouts have the gap that the documentation asks for, they are not counted.

    Args:
        process: The process; one without a nominal corner, or with alternating masks, is not checked.
        layouts: The layouts, placed on its field.
        optimised: Whether their masks are optimised or given, instead of the layouts themselves.
    """
    if "nominal" not in process.corners or process.mask.type == "alternating":
        return  # no nominal edge, or a layout that is no mask
    near, scale = [], process.scale
    for layout in layouts:
        if not layout.polygons:
            continue
        gap_nm, shift_nm = image_gap_nm(layout, process.field_nm), border_shift_nm(process, layout)
        shift_nm *= OPTIMISED if optimised and gap_nm < AMPLE_GAP_NM * scale else 1.0
        if shift_nm > TOLERANCE_NM * scale:
            near.append((shift_nm, gap_nm, layout))
    if not near:
        return
    near.sort(key=lambda found: -found[0])
    shift_nm, gap_nm, worst = near[0]
    field_nm = max(sufficient_field_nm(process, layout) for _, _, layout in near[:SIZED])
    others = f" and {len(near) - 1} more layouts" if len(near) > 1 else ""
    least = f"more than {LARGEST_SHIFT_NM * scale:g}" if shift_nm > LARGEST_SHIFT_NM * scale else f"some {shift_nm:.2g}"
    print(
        f"Warning: {worst.name}{others}: the field is periodic, and images {gap_nm:.4g} nm away move edges by {least} "
        f"nm; a field of {field_nm:g} nm (--field, or kernels built for it) keeps them away.",
        file=sys.stderr,
    )
