"""A study: where a search for settings starts, what it may change, and which clips it may and may not look at."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from litho_dl import __version__
from litho_dl.core.errors import LayoutError, RecipeError
from litho_dl.core.io import file_digest
from litho_dl.core.settings import Settings, located, read_toml, validated
from litho_dl.ilt.method import Method, load_method
from litho_dl.layout.clips import Clip, load_clip
from litho_dl.layout.files import LAYOUT_SUFFIXES
from litho_dl.layout.pattern import pattern_hash
from litho_dl.process.files import Optics, read_optics
from litho_dl.process.identity import process_digest
from litho_dl.process.model import ProcessModel
from litho_dl.tuning.space import Dimension, Space, Values, changed, fitted, value_at

Files = Annotated[tuple[str, ...], Field(min_length=1)]


class StudyRecipe(Settings):
    """A study as it is written.

    Attributes:
        description: One line for lists.
        method: The ILT method to begin with, by name or as a .toml file.
        optics: As `--optics`: a recipe's name, a recipe or kernel file, a folder of contest kernels.
        seed: Of the search.
        layouts: Layout files, or folders of them, whose clips each trial optimises as one batch.
        validation: The same of other patterns, on which the best methods are measured at the end.
        rounds: How often they are timed then, one after the other; medians count.
        space: What may change: paths into the method, such as `levels[0].steps`, and their ranges or choices.
    """

    description: str = ""
    method: str
    optics: str
    seed: Annotated[int, Field(ge=0)] = 0
    layouts: Files
    validation: Files
    rounds: Annotated[int, Field(ge=1)] = 3
    space: Annotated[dict[str, Dimension], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class Study:
    """A study with all that it names, read and checked; the optics' kernels are not built yet.

    Attributes:
        name: What reports call it.
        recipe: As it is written.
        start: The method to begin with.
        space: What may change, in the types of the method's settings.
        optics: The optics.
        layouts: Layout files of the trials.
        clips: Their clips.
        validation: Clips of other patterns.
    """

    name: str
    recipe: StudyRecipe
    start: Method
    space: Space
    optics: Optics
    layouts: list[Path]
    clips: list[Clip]
    validation: list[Clip]

    @property
    def start_values(self) -> Values:
        """The start's own values of what may change."""
        where = f"study {self.name}"
        return {path: dimension.drawn(value_at(self.start, path, where)) for path, dimension in self.space.items()}

    def method(self, values: Values) -> Method:
        """The start with other values; RecipeError if they do not go together."""
        return changed(self.start, values, f"method of study {self.name}")

    def digest(self, process: ProcessModel) -> str:
        """SHA-256 of what decides the trials, hexadecimal: the same for studies whose trials may be mixed."""
        decisive = {
            "version": __version__,
            "start": self.start.model_dump(mode="json", exclude={"description"}),
            "space": {path: dimension.model_dump(mode="json") for path, dimension in self.space.items()},
            "seed": self.recipe.seed,
            "optics": process_digest(process),
            "field_nm": process.field_nm,
            "layouts": [file_digest(path) for path in self.layouts],
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def load_study(name_or_path: str | Path, layouts: Path | None = None) -> Study:
    """Loads a shipped study by name, or a file ending in .toml.

    Args:
        name_or_path: The study.
        layouts: Where its layouts are; default beside its file, or in ./layouts if it ships.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range; a path that the method
            does not have, or values that it refuses; a pattern both to tune on and to validate on.
        LithoError: Method, optics or layouts cannot be read.
    """
    table, origin, folder = read_toml("studies", name_or_path)
    recipe = validated(StudyRecipe, table, origin)
    start = load_method(located(recipe.method, folder, "ilt"))
    space = fitted(recipe.space, start, origin)
    optics = read_optics(located(recipe.optics, folder, "optics"))
    files, held_out = (
        _layout_files(names, layouts or folder or Path("layouts")) for names in (recipe.layouts, recipe.validation)
    )
    clips, validation = ([load_clip(path, optics) for path in paths] for paths in (files, held_out))
    _require_apart(clips, validation, origin)
    return Study(Path(name_or_path).stem, recipe, start, space, optics, files, clips, validation)


def _layout_files(names: Iterable[str], folder: Path) -> list[Path]:
    """The files, and those in the folders, in order."""
    files: list[Path] = []
    for path in (folder / name for name in names):
        if not path.exists():
            raise LayoutError(f"{path}: no such file or folder; --layouts says where the study's layouts are.")
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found = [file for file in inside if file.name.lower().endswith(LAYOUT_SUFFIXES)]
        if not found:
            raise LayoutError(f"{path}: expected a layout file, or a folder of some, got none.")
        files += found
    return files


def _require_apart(clips: Iterable[Clip], validation: Iterable[Clip], origin: str) -> None:
    """Refuses clips that are tuned on and validated on."""
    tuned = {pattern_hash(clip.placed): clip.name for clip in clips}
    for clip in validation:
        if twin := tuned.get(pattern_hash(clip.placed)):
            raise RecipeError(
                f"{origin}: expected other patterns in validation than in layouts, got {clip.name}, which is "
                f"{'there too' if twin == clip.name else f'{twin} again'}; take it out of one of them."
            )
