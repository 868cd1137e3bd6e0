"""Many clips of a family, no two of the same pattern."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.design_rules import DesignRules
from litho_dl.layout.generate.families import drawn
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash

ATTEMPTS = 200


@dataclass(frozen=True, eq=False)
class GeneratedClip:
    """One clip of a list.

    Attributes:
        index: Its index in the list, from 0.
        seed: Seed with which `generate` draws it again.
        layout: The clip.
        pattern_hash: See `pattern.pattern_hash`.
        attempt: How many drawings were discarded because their pattern was known.
        redraws: How many drawings were discarded because they violate a rule.
    """

    index: int
    seed: int
    layout: Layout
    pattern_hash: str
    attempt: int
    redraws: int


def unique_clips(
    family: str, rules: DesignRules, seed: int, count: int, extent_nm: float, *, known: Set[str] = frozenset()
) -> Iterator[GeneratedClip]:
    """Clips 0 to count - 1 of a reproducible list in which no two have the same pattern.

    A clip's seed depends only on (seed, index, attempt); a pattern that has occurred before, or is known, is drawn
    again.

    Args:
        family: A key of `FAMILIES`.
        rules: The rules to keep.
        seed: Seed of the list; zero or more.
        count: Number of clips.
        extent_nm: Side of a clip's square in nm.
        known: Pattern hashes that must not occur.

    Yields:
        The clips.

    Raises:
        LayoutError: As `generate`, or the family has no further pattern in this extent.
    """
    seen = set(known)
    for index in range(count):
        for attempt in range(ATTEMPTS):
            clip_seed = _clip_seed(seed, index, attempt)
            layout, redraws = drawn(family, rules, clip_seed, extent_nm)
            pattern = pattern_hash(layout)
            if pattern not in seen:
                break
        else:
            raise LayoutError(
                f"Expected {count} different clips of {family}, got {index}: {ATTEMPTS} draws gave known patterns; "
                f"enlarge the extent or ask for fewer."
            )
        seen.add(pattern)
        yield GeneratedClip(index, clip_seed, layout, pattern, attempt, redraws)


def _clip_seed(seed: int, index: int, attempt: int) -> int:
    """63 bits that depend on all three numbers."""
    if seed < 0:
        raise LayoutError(f"Expected a seed of zero or more, got {seed}.")
    return int(np.random.SeedSequence((seed, index, attempt)).generate_state(1, np.uint64)[0] >> np.uint64(1))
