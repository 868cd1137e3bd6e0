"""Random targets without end: clips drawn anew for every epoch, for losses that need no masks."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from litho_dl.core.errors import GridMismatchError
from litho_dl.core.grid import Grid
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.generate.families import generate
from litho_dl.layout.raster import rasterize
from litho_dl.pairs.recipe import GeneratedClips
from litho_dl.training.batches import Order, derived_seed
from litho_dl.training.task import Batch


class DrawnTargets:
    """Targets of random clips; batches are uint8 (B, 1, h, w), 255 = covered.

    A clip lies anywhere on the periodic field. The same seed draws the same clips on every machine.

    Args:
        sources: Families, rules and extents, and how many clips of each are one epoch.
        grid: Field and pixel of the targets.

    Raises:
        LithoError: The design rules cannot be loaded.
        GridMismatchError: The field does not hold the clips.
    """

    def __init__(self, sources: Sequence[GeneratedClips], grid: Grid) -> None:
        largest_nm = max(source.extent_nm for source in sources)
        if largest_nm > min(grid.field_nm):
            raise GridMismatchError(
                f"Expected a field that holds clips of {largest_nm:g} nm, got {grid.field_nm[1]:g} x "
                f"{grid.field_nm[0]:g} nm; lower extent_nm in the recipe's clips, or train for a larger field."
            )
        self._sources, self._grid = tuple(sources), grid
        self._rules = [load_rules(source.rules) for source in sources]
        self._source_of = np.repeat(np.arange(len(sources)), [source.count for source in sources])

    def __repr__(self) -> str:
        families = ", ".join(f"{source.count:,} {source.family}" for source in self._sources)
        return f"DrawnTargets({families} an epoch, on {self._grid})"

    def __len__(self) -> int:
        return len(self._source_of)

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """Yields one batch for each tensor of indices.

        Args:
            order: Indices of each batch, (B,) int64.
            seed: Seed of the clips.

        Returns:
            Targets, uint8 (B, 1, h, w).
        """
        for indices in order:
            targets = [self._target(index, derived_seed(seed, index)) for index in indices.tolist()]
            yield (torch.from_numpy(np.stack(targets))[:, None],)

    def _target(self, index: int, seed: int) -> np.ndarray:
        """One clip at a random place, uint8 (h, w)."""
        source, rules = self._sources[self._source_of[index]], self._rules[self._source_of[index]]
        clip = generate(source.family, rules, seed, source.extent_nm).centred(self._grid.field_nm)
        image = np.rint(255 * rasterize(clip, self._grid)).astype(np.uint8)
        shift = np.random.default_rng(seed).integers(image.shape)
        return np.roll(image, tuple(shift.tolist()), (0, 1))
