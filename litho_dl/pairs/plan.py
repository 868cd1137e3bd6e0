"""The clips of a data set, with their order and splits: chosen once, and stored in `clips.h5`."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from litho_dl.core.errors import DatasetError
from litho_dl.core.hdf5 import StoredArray, StoredFile, hdf5_bytes, open_hdf5
from litho_dl.core.io import atomic_path
from litho_dl.core.naming import require_name
from litho_dl.layout.clips import file_stem
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.generate import unique_clips
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.windows import cut_windows
from litho_dl.pairs.recipe import DatasetRecipe, GeneratedClips, LayoutClips, Splits
from litho_dl.pairs.shard import SPLITS

FORMAT = "litho_dl.clips/1"


@dataclass(frozen=True, eq=False)
class PlannedClip:
    """A clip of a data set.

    Attributes:
        name: Its name, also in names of files.
        seed: Seed of its generator; 0 for windows of a layout file.
        pattern: Pattern hash; see `layout.pattern`.
        split: One of `SPLITS`.
        layout: Its polygons.
    """

    name: str
    seed: int
    pattern: str
    split: str
    layout: Layout

    def __post_init__(self) -> None:
        require_name(self.name, "the name of a pair", DatasetError)


def plan_clips(recipe: DatasetRecipe, on_clip: Callable[[int], None] | None = None) -> list[PlannedClip]:
    """Generates and cuts all clips, without duplicates (rotated and mirrored patterns count as equal).

    Args:
        recipe: The data set's recipe.
        on_clip: Called with the number of clips so far.

    Returns:
        The clips in order.

    Raises:
        LayoutError: A family, design rules or a layout file cannot give the clips.
        DatasetError: There are none.
    """
    planned: list[PlannedClip] = []
    known: set[str] = set()
    for position, source in enumerate(recipe.clips):
        drawn = (
            _generated(recipe, position, source, known)
            if isinstance(source, GeneratedClips)
            else _windows(recipe, position, source, known)
        )
        for clip in drawn:
            known.add(clip.pattern)
            planned.append(clip)
            if on_clip is not None:
                on_clip(len(planned))
    if not planned:
        raise DatasetError("Expected clips, got none; enlarge the windows or lower least_coverage.")
    return planned


def _generated(recipe: DatasetRecipe, position: int, source: GeneratedClips, known: set[str]) -> Iterator[PlannedClip]:
    rules = load_rules(recipe.located(source.rules, "rules"))
    seed = int(np.random.SeedSequence((recipe.seed, position)).generate_state(1)[0])
    for clip in unique_clips(source.family, rules, seed, source.count, source.extent_nm, known=known):
        name = f"{source.family}-{position}-{clip.index:06d}"
        yield PlannedClip(name, clip.seed, clip.pattern_hash, _split(clip.pattern_hash, recipe.splits), clip.layout)


def _windows(recipe: DatasetRecipe, position: int, source: LayoutClips, known: set[str]) -> Iterator[PlannedClip]:
    windows = [
        window
        for window in cut_windows(
            recipe.located(source.layout),
            layer=source.layer,
            cell=source.cell,
            window_nm=source.window_nm,
            stride_nm=source.stride_nm,
            least_coverage=source.least_coverage,
            min_width_nm=source.min_width_nm,
        )
        if window.pattern_hash not in known
    ]
    if source.count is not None and source.count < len(windows):
        windows = [windows[index * len(windows) // source.count] for index in range(source.count)]
    for window in windows:
        name = f"{file_stem(source.layout)}-{position}_x{window.x0_nm:.12g}_y{window.y0_nm:.12g}"
        split = source.split or _split(window.pattern_hash, recipe.splits)
        yield PlannedClip(name, 0, window.pattern_hash, split, window.layout)


def _split(pattern: str, splits: Splits) -> str:
    """The split of a pattern hash, equal in all data sets with the same shares."""
    place = int(hashlib.sha256(pattern.encode()).hexdigest()[:12], 16) / 16**12
    if place < splits.test:
        return "test"
    return "validation" if place < splits.test + splits.validation else "train"


def write_clips(path: Path, clips: Iterable[PlannedClip], digest: str) -> None:
    """Writes all clips with their polygons to one file, atomically.

    Args:
        path: The file.
        clips: The clips in order.
        digest: Digest of the resolved recipe.

    Raises:
        OutputError: The file cannot be written.
    """
    clips = list(clips)
    loops = [
        [(loop, hole > 0) for polygon in clip.layout.polygons for hole, loop in enumerate(polygon.loops)]
        for clip in clips
    ]
    flat = [entry for own in loops for entry in own]
    arrays: dict[str, np.ndarray | list[str]] = {
        "name": [clip.name for clip in clips],
        "vertices": np.concatenate([loop for loop, _ in flat]),
        "loop_ends": np.cumsum([len(loop) for loop, _ in flat]),
        "loop_is_hole": np.array([hole for _, hole in flat]),
        "clip_ends": np.cumsum([len(own) for own in loops]),
        "seed": np.array([clip.seed for clip in clips], dtype=np.uint64),
        "pattern": np.array([clip.pattern for clip in clips], dtype="S64"),
        "split": np.array([SPLITS.index(clip.split) for clip in clips], dtype=np.uint8),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(hdf5_bytes(FORMAT, {"digest": digest}, arrays))


def read_columns(path: Path, digest: str) -> list[tuple[str, int, str]]:
    """Reads name, seed and pattern hash of every clip.

    Args:
        path: A file of `write_clips`.
        digest: Digest of the resolved recipe that it must be of.

    Returns:
        The three values of each clip, in order.

    Raises:
        DatasetError: The file is missing, damaged, or of another recipe.
    """
    with _opened(path, digest) as file:
        names = file.texts("name")
        seeds, patterns = (file.array(*column, (len(names),)).read() for column in (("seed", "u"), ("pattern", "S")))
        return [(names[row], int(seeds[row]), patterns[row].decode()) for row in range(len(names))]


def read_clips(path: Path, digest: str, start: int, stop: int) -> list[PlannedClip]:
    """Reads clips `start` to `stop` - 1, or to the last one.

    Args:
        path: A file of `write_clips`.
        digest: Digest of the resolved recipe that it must be of.
        start: Index of the first clip.
        stop: Index after the last clip; may be beyond the end.

    Returns:
        The clips in order.

    Raises:
        DatasetError: The file is missing, damaged, or of another recipe.
    """
    with _opened(path, digest) as file:
        names = file.texts("name")
        every = (len(names),)
        seeds, patterns, splits = (
            file.array(name, kind, every).read(start, stop)
            for name, kind in (("seed", "u"), ("pattern", "S"), ("split", "u"))
        )
        ends, vertices = file.array("loop_ends", "iu", (None,)), file.array("vertices", "iuf", (None, 2))
        is_hole = file.array("loop_is_hole", "b", (len(ends),))
        loops_from = _bounds(file.array("clip_ends", "iu", every), start, start + len(seeds), len(ends))
        vertices_from = _bounds(ends, loops_from[0], loops_from[-1], len(vertices))
        corners = vertices.read(vertices_from[0], vertices_from[-1])
        loops = np.split(corners, vertices_from[1:-1] - vertices_from[0])
        holes = is_hole.read(loops_from[0], loops_from[-1])
        planned = []
        for row, own in enumerate(pairwise(loops_from - loops_from[0])):
            layout = Layout(names[start + row], _polygons(loops[slice(*own)], holes[slice(*own)]))
            split = SPLITS[splits[row]]
            planned.append(PlannedClip(layout.name, int(seeds[row]), patterns[row].decode(), split, layout))
    return planned


def _bounds(ends: StoredArray, start: int, stop: int, most: int) -> np.ndarray:
    """The begins of items `start` to `stop` - 1 and the end of the last one, from a stored array of all ends.

    Raises:
        ValueError: They fall, or lie beyond the number of what they are ends of.
    """
    found = ends.read(max(start - 1, 0), stop).astype(np.int64)
    bounds = found if start else np.append(0, found)
    if not (len(bounds) and bounds[0] >= 0 and bounds[-1] <= most and (np.diff(bounds) >= 0).all()):
        raise ValueError("ends of clips or loops that do not rise")
    return bounds


@contextmanager
def _opened(path: Path, digest: str) -> Iterator[StoredFile]:
    with open_hdf5(path, FORMAT) as file:
        if file.attribute("digest") != digest:
            raise DatasetError(f"{path}: expected the clips of this recipe, got others; choose another folder.")
        yield file


def _polygons(loops: list[np.ndarray], holes: np.ndarray) -> tuple[Polygon, ...]:
    """The polygons of a list of loops, in which each hull is followed by its holes."""
    hulls = [*np.flatnonzero(~holes), len(loops)]
    if hulls[0] > 0 or not all(len(loop) > 2 and np.isfinite(loop).all() for loop in loops):
        raise ValueError("a loop that is no polygon")
    return tuple(Polygon(loops[hull], tuple(loops[hull + 1 : following])) for hull, following in pairwise(hulls))
