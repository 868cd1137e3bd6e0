"""Data set recipes: clips, optics, ILT method, quality limits and splits."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import Fraction, Kind, Length, Positive, Settings, read_toml, resolve_name, validated

MOST_CLIPS = 100_000_000


class GeneratedClips(Settings):
    """Random design-rule-clean clips.

    Attributes:
        family: A key of `layout.generate.FAMILIES`.
        rules: Design rules, by name or as a .toml file.
        count: Number of clips.
        extent_nm: Side of the square that holds a clip's shapes.
    """

    family: str
    rules: str
    count: Annotated[int, Field(ge=1, le=MOST_CLIPS)]
    extent_nm: Length


class LayoutClips(Settings):
    """Windows of a layout file.

    Attributes:
        layout: The file: GLP, GDSII or OASIS.
        layer: Layer as for `--layer`; default the only one.
        cell: Cell; default the top cell.
        window_nm: Side of the windows.
        stride_nm: Distance between windows; they overlap if it is smaller than `window_nm`.
        least_coverage: Smallest covered share of a window; other windows are skipped.
        min_width_nm: Shapes that the cut leaves narrower than this are dropped.
        count: Largest number of windows, evenly spread over those with new patterns; default all.
        split: The split of all windows; required if windows overlap.
    """

    layout: str
    layer: str | None = None
    cell: str | None = None
    window_nm: Positive
    stride_nm: Positive
    least_coverage: Fraction = 0.05
    min_width_nm: Annotated[float, Field(ge=0)] = 0.0
    count: Annotated[int, Field(ge=1)] | None = None
    split: Literal["train", "validation", "test"] | None = None

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.stride_nm < self.window_nm and self.split is None:
            raise ValueError(
                f"windows of {self.window_nm:g} nm every {self.stride_nm:g} nm overlap, so that in a random split "
                f'training clips would contain parts of test clips; set split = "train", or stride_nm >= window_nm'
            )
        return self


def _kind(source: Any) -> str:
    """The kind of source that a table describes, by most of its keys, so that only errors of this kind are told."""
    if not isinstance(source, dict):
        return "generated" if isinstance(source, GeneratedClips) else "layout"
    generated, layout = (len(source.keys() & kind.model_fields.keys()) for kind in (GeneratedClips, LayoutClips))
    return "generated" if generated > layout else "layout"


Clips = Annotated[
    Annotated[GeneratedClips, Tag("generated")] | Annotated[LayoutClips, Tag("layout")], Discriminator(_kind)
]


class Quality(Settings):
    """Upper limits on a pair's scores; pairs that exceed one are rejected.

    Attributes:
        l2_share: L2 error over the target's area.
        pvb_share: Area of the PV band over the target's area.
        epe_violations: EPE violations by the `openilt` rule.
        mrc_violations: Violations of the protocol's mask rules; checking them takes about as long as method `fast`.
    """

    l2_share: Positive | None = None
    pvb_share: Positive | None = None
    epe_violations: Annotated[int, Field(ge=0)] | None = None
    mrc_violations: Annotated[int, Field(ge=0)] | None = None


class Splits(Settings):
    """Shares of the validation and test clips, assigned by pattern hash; the other clips are for training."""

    validation: Fraction = 0.1
    test: Fraction = 0.1

    @model_validator(mode="after")
    def _leave_some(self) -> Self:
        if self.validation + self.test > 1:
            raise ValueError(f"validation + test must be at most 1, got {self.validation + self.test:g}")
        return self


class DatasetRecipe(Settings):
    """The recipe of a data set.

    Attributes:
        description: One line for lists.
        optics: As for `--optics`: a recipe's name, a recipe or kernel file, or a folder of contest kernels.
        method: ILT method, by name or as a .toml file.
        seed: Seed of the generated clips.
        pixel_nm: Pixel of the stored images.
        clips: Sources of the clips.
        shard_clips: Clips per shard, which are optimised as one batch.
        images: Images stored beside target and mask: the nominal `aerial` image (float16) and its `print`.
        quality: Limits that pairs must meet.
        splits: Shares of the validation and test splits.
    """

    description: str = ""
    optics: str
    method: str
    seed: Annotated[int, Field(ge=0)] = 0
    pixel_nm: Length
    clips: Annotated[tuple[Clips, ...], Field(min_length=1)]
    shard_clips: Annotated[int, Field(ge=1)] = 32
    images: tuple[Literal["aerial", "print"], ...] = ()
    quality: Quality = Quality()
    splits: Splits = Splits()

    _folder: Path | None = PrivateAttr(default=None)

    def located(self, name: str, kind: Kind | None = None) -> str:
        """Resolves a name in the recipe.

        Args:
            name: A file, relative to the recipe's folder, or the name of a packaged file.
            kind: Kind of packaged files that come first; None: none.

        Returns:
            The path of an existing file in the recipe's folder, or the name itself.
        """
        return resolve_name(name, self._folder, kind)

    def scaled(self, factor: float) -> "DatasetRecipe":
        """The recipe with all counts of generated clips multiplied by a factor; its description names the factor.

        Raises:
            RecipeError: The factor is not positive, or the clips are too many.
        """
        most = max((source.count for source in self.clips if isinstance(source, GeneratedClips)), default=1)
        if not (factor > 0 and most * factor <= MOST_CLIPS):
            raise RecipeError(f"Expected a positive scale up to {MOST_CLIPS / most:.3g}, got {factor:g}.")
        clips = tuple(
            source.model_copy(update={"count": max(1, round(source.count * factor))})
            if isinstance(source, GeneratedClips)
            else source
            for source in self.clips
        )
        scale = f" (scaled by {factor:g})" if self.description and factor != 1 else ""
        return self.model_copy(update={"clips": clips, "description": self.description + scale})


def load_dataset_recipe(name_or_path: str | Path) -> DatasetRecipe:
    """Loads a packaged recipe by name, or a file ending in .toml, to whose folder its paths are relative.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, folder = read_toml("dataset", name_or_path)
    recipe = validated(DatasetRecipe, table, origin)
    recipe._folder = folder
    return recipe
