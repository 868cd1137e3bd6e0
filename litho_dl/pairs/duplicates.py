"""Clips that are in a training set or nearly so: scores on them do not show that a network generalises."""

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
# The largest similarity of the clips of layouts/ and of the contest to metal-2k, which is independent of them, is 0.7;
# that of a copy scaled by 2 %, or with a shape moved by 8 nm, is above 0.85.
DUPLICATE_SIMILARITY = 0.8


@dataclass(frozen=True)
class Nearest:
    """The clip of a data set that is most similar to a given one.

    Attributes:
        name: Name of the clip in the data set.
        similarity: In [0, 1]; see `layout.pattern.similarity`.
        same: True if the patterns are equal up to shift, rotation and reflection.
    """

    name: str
    similarity: float
    same: bool

    @property
    def is_duplicate(self) -> bool:
        """True if the clips are equal or nearly so."""
        return self.same or self.similarity >= DUPLICATE_SIMILARITY


def nearest_trained(layouts: Sequence[Layout], folder: str | Path) -> list[Nearest]:
    """Finds, for each layout, the most similar clip of a data set's training and validation splits.

    Args:
        layouts: Layouts that fit on the data set's field.
        folder: The data set; clips whose pairs were rejected count too.

    Returns:
        The most similar clip of each layout.

    Raises:
        DatasetError: There is no data set, or it is damaged.
        LayoutError: A layout is empty or does not fit.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    planned = read_clips(folder / CLIPS, manifest.digest, 0, manifest.clips)
    trained = [clip for clip in planned if clip.split != "test"]
    grid = Grid.of_field(tuple(manifest.settings["field_nm"]), PIXEL_NM)
    images = coarse_images([clip.layout for clip in trained], grid)
    nearest = []
    for layout in layouts:
        pattern = pattern_hash(layout)
        same = next((clip for clip in trained if clip.pattern == pattern), None)
        if same is not None:
            nearest.append(Nearest(same.name, 1.0, True))
            continue
        similarities = similarity(layout, images, grid)
        best = int(np.argmax(similarities))
        nearest.append(Nearest(trained[best].name, float(similarities[best]), False))
    return nearest
