"""Clips that say nothing about a network that was trained on a data set: it has seen them, or nearly."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import coarse_images, pattern_hash, similarity
from litho_dl.pairs.manifest import CLIPS, read_manifest
from litho_dl.pairs.plan import read_clips

PIXEL_NM = 32.0  # half a wire
# The clips of layouts/ and of the contest have nothing nearer than 0.7 in metal-2k, which was drawn apart from them; a
# copy that is scaled by 2 %, or has a shape moved by 8 nm, stays above 0.85.
NEARLY = 0.8


@dataclass(frozen=True)
class Nearest:
    """The clip of a data set that is most like another.

    Attributes:
        name: What the data set calls it.
        similarity: See `layout.pattern.similarity`.
        same: It is the same pattern, wherever it lies and however it is turned or mirrored.
    """

    name: str
    similarity: float
    same: bool

    @property
    def is_duplicate(self) -> bool:
        """True if it is the same or nearly."""
        return self.same or self.similarity >= NEARLY


def nearest_trained(layouts: Sequence[Layout], folder: str | Path) -> list[Nearest]:
    """For each layout the most similar clip that a training on a data set sees, be it to choose the best epoch by.

    Args:
        layouts: Each fits on the data set's field.
        folder: The data set; all its clips that are not for tests count, those too whose pairs were left out.

    Raises:
        DatasetError: There is no data set, or it is damaged.
        LayoutError: A layout is empty or does not fit.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    planned = read_clips(folder / CLIPS, manifest.digest, 0, manifest.clips)
    seen = [clip for clip in planned if clip.split != "test"]
    grid = Grid.of_field(tuple(manifest.settings["field_nm"]), PIXEL_NM)
    images = coarse_images([clip.layout for clip in seen], grid)
    found = []
    for layout in layouts:
        pattern = pattern_hash(layout)
        same = next((clip for clip in seen if clip.pattern == pattern), None)
        if same is not None:
            found.append(Nearest(same.name, 1.0, True))
            continue
        alike = similarity(layout, images, grid)
        best = int(np.argmax(alike))
        found.append(Nearest(seen[best].name, float(alike[best]), False))
    return found
