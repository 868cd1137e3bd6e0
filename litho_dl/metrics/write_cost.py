"""What a mask costs to write, besides its shots: vertices of its outline, and a multi-beam writer's time."""

import math
from collections.abc import Iterable

from litho_dl.layout.polygon import Polygon

REDUCTION = 4.0  # of masks whose optics do not say
MASK_FIELD_MM2 = 104.0 * 132.0  # a scanner's field of 26 x 33 mm, on the mask
MASK_FIELD_HOURS = 12.0


def vertex_count(polygons: Iterable[Polygon]) -> int:
    """Number of vertices of polygons and their holes: what a mask file holds of them."""
    return sum(len(loop) for polygon in polygons for loop in polygon.loops)


def multibeam_ms(field_nm: tuple[float, float], reduction: float = REDUCTION) -> float:
    """Time in which a multi-beam mask writer exposes a field: its area on the mask over the writer's throughput.

    Such a writer gives every pixel of its raster one of some grey levels, by one pass of 262,144 beams of 10 to 20 nm
    over the whole field, empty or not. So its time depends neither on the number nor on the curves of shapes: the same
    for all masks of a field, where a shaped-beam writer's time grows with the shots. Compare it with shots, not masks
    by it. The throughput is a round figure, not one of a certain machine, dose and number of passes: 12 hours for a
    whole field of 104 x 132 mm, or 3.2 s a mm^2 of the mask.

    Args:
        field_nm: (height, width) of the field in nm, on the wafer.
        reduction: Magnification from wafer to mask.

    Returns:
        The time in milliseconds.

    Source: E. Platzgummer, C. Klein, H. Loeschner, J. Micro/Nanolith. MEMS MOEMS 12 (2013) 031108: the beams; for the
    time's independence of shapes also "GPU-accelerated inline linearity correction: pixel-level dose correction (PLDC)
    for the MBM-1000", Proc. SPIE.
    """
    area_mm2 = math.prod(field_nm) * reduction**2 * 1e-12
    return area_mm2 / MASK_FIELD_MM2 * MASK_FIELD_HOURS * 3600e3
