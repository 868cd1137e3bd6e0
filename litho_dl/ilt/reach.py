"""How far edges can move before they come too near to another edge."""

import numpy as np

from litho_dl.ilt.fragments import Fragments
from litho_dl.layout.polygon import Polygon

GUARD_NM = 20.0  # an edge that passes a fragment's end by less still stands in its way


def free_moves(clip: Fragments, polygons: list[Polygon], kept_nm: float, largest_nm: float) -> np.ndarray:
    """Limits (n, 2) in nm of each fragment's move: most inwards (zero or negative) and most outwards.

    Whatever faces a fragment, across its own shape or across the space before it, may move towards it by as much; half
    of what exceeds `kept_nm` is each one's, in whole nm. No move exceeds `largest_nm`.

    Args:
        clip: The fragments.
        polygons: Every Manhattan polygon of the clip.
        kept_nm: Width and space that remain.
        largest_nm: Limit where nothing faces the fragment.
    """
    loops = [loop for polygon in polygons for loop in polygon.loops]
    starts = np.concatenate(loops)
    ends = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
    limits = np.empty((len(clip.sites), 2))
    for index, (site, normal, half) in enumerate(zip(clip.sites, clip.normals, clip.halves, strict=True)):
        axis = int(normal[1] != 0)  # the coordinate in which it moves
        facing = starts[:, axis] == ends[:, axis]
        low = np.minimum(starts[:, 1 - axis], ends[:, 1 - axis])
        high = np.maximum(starts[:, 1 - axis], ends[:, 1 - axis])
        middle = clip.middles[index, 1 - axis]
        beside = (high > middle - half - GUARD_NM) & (low < middle + half + GUARD_NM)
        ahead = (starts[facing & beside, axis] - site[axis]) * normal[axis]
        outwards, inwards = ahead[ahead > 0], -ahead[ahead < 0]
        for column, gaps, sign in ((0, inwards, -1), (1, outwards, 1)):
            nearest = gaps.min(initial=np.inf)
            limits[index, column] = sign * np.clip(np.floor((nearest - kept_nm) / 2), 0, largest_nm)
    return limits
