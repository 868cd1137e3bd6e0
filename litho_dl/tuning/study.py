"""Studies: the method that a search starts from, the search space, and the clips to tune and validate on."""

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
from litho_dl.core.settings import Settings, read_toml, resolve_name, validated
from litho_dl.ilt.method import Method, load_method
from litho_dl.layout.clips import Clip, load_clip
from litho_dl.layout.files import LAYOUT_SUFFIXES
from litho_dl.layout.pattern import pattern_hash
from litho_dl.process.files import Optics, read_optics
from litho_dl.process.identity import process_digest
from litho_dl.process.model import ProcessModel
from litho_dl.tuning.space import Dimension, Space, Values, checked_space, value_at, with_values

Files = Annotated[tuple[str, ...], Field(min_length=1)]


class StudyRecipe(Settings):
    """The recipe of a study.

    Attributes:
        description: One line for lists.
        method: The ILT method that the search starts from, by name or as a .toml file.
        optics: As for `--optics`: a recipe's name, a recipe or kernel file, or a folder of contest kernels.
        seed: Seed of the search.
        layouts: Layout files, or folders of them, whose clips each trial optimises as one batch.
        validation: Layout files or folders of other patterns, on which the Pareto front is measured.
        rounds: How often each method of the front is timed; its time is the median.
        space: The search space: ranges or choices by path into the method, such as `levels[0].steps`.
    """

    description: str = ""
    method: str
    optics: str
    seed: Annotated[int, Field(ge=0)] = 0
    layouts: Files
    validation: Files
    rounds: Annotated[int, Field(ge=1)] = 3
    space: Annotated[dict[Annotated[str, Field(max_length=200)], Dimension], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class Study:
    """A study with the contents of all files that its recipe names; the optics' kernels are not computed yet.

    Attributes:
        name: Its name in reports.
        recipe: The recipe.
        start: The method that the search starts from.
        space: The search space, in the types of the method's settings.
        optics: The optics.
        layouts: Layout files of the trials.
        clips: Clips of these files, to tune on.
        validation: Held-out clips of other patterns.
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
        """The start's values in the search space."""
        where = f"study {self.name}"
        return {path: dimension.rounded(value_at(self.start, path, where)) for path, dimension in self.space.items()}

    def method(self, values: Values) -> Method:
        """The start with other values; RecipeError if they are not valid together."""
        return with_values(self.start, values, f"method of study {self.name}")

    def digest(self, process: ProcessModel) -> str:
        """SHA-256 of all that the trials depend on, hexadecimal: equal for studies that may share a journal."""
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
    """Loads a packaged study by name, or a file ending in .toml.

    Args:
        name_or_path: Name of a packaged study, or a file ending in .toml.
        layouts: Folder of its layouts; default the file's folder, or ./layouts for a packaged study.

    Returns:
        The study.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range; a path that the method
            does not have, or values that it does not accept; a pattern both to tune and to validate on.
        LithoError: Method, optics or layouts cannot be read.
    """
    table, origin, folder = read_toml("studies", name_or_path)
    recipe = validated(StudyRecipe, table, origin)
    start = load_method(resolve_name(recipe.method, folder, "ilt"))
    space = checked_space(recipe.space, start, origin)
    optics = read_optics(resolve_name(recipe.optics, folder, "optics"))
    files, held_out = (
        _layout_files(names, layouts or folder or Path("layouts")) for names in (recipe.layouts, recipe.validation)
    )
    clips, validation = ([load_clip(path, optics) for path in paths] for paths in (files, held_out))
    _require_held_out(clips, validation, origin)
    return Study(Path(name_or_path).stem, recipe, start, space, optics, files, clips, validation)


def _layout_files(names: Iterable[str], folder: Path) -> list[Path]:
    """Layout files, and those of folders, in order."""
    files: list[Path] = []
    for path in (folder / name for name in names):
        if not path.exists():
            raise LayoutError(f"{path}: no such file or folder; give the folder of the study's layouts (--layouts).")
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found = [file for file in inside if file.name.lower().endswith(LAYOUT_SUFFIXES)]
        if not found:
            raise LayoutError(f"{path}: expected a layout file, or a folder of layout files, got none.")
        files += found
    return files


def _require_held_out(clips: Iterable[Clip], validation: Iterable[Clip], origin: str) -> None:
    """Refuses patterns that are both in the clips to tune on and in those to validate on."""
    tuned = {pattern_hash(clip.placed): clip.name for clip in clips}
    for clip in validation:
        if twin := tuned.get(pattern_hash(clip.placed)):
            raise RecipeError(
                f"{origin}: expected other patterns in validation than in layouts, got {clip.name}, which is "
                f"{'there too' if twin == clip.name else f'{twin} again'}; take it out of one of them."
            )
