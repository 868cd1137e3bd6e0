"""Data set recipes: which clips, which optics, which ILT method, what is kept."""

from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import Fraction, Kind, Positive, Settings, located, read_toml, validated


class GeneratedClips(Settings):
    """Random design-rule-clean clips.

    Attributes:
        family: A key of `layout.generate.FAMILIES`.
        rules: Design rules, by name or as a .toml file.
        count: How many.
        extent_nm: Side of the square that they are drawn in.
    """

    family: str
    rules: str
    count: Annotated[int, Field(ge=1)]
    extent_nm: Positive


class LayoutClips(Settings):
    """Windows of a layout file.

    Attributes:
        layout: The file: GLP, GDSII or OASIS.
        layer: Layer as `--layer` takes it; default the only one.
        cell: Cell; default the top cell.
        window_nm: Side of the windows.
        stride_nm: Step between windows; smaller than `window_nm` they overlap.
        least_coverage: Windows with a smaller covered share are skipped.
        min_width_nm: What the cut leaves narrower than this is dropped.
        count: The most windows taken, evenly spread over those that hold something new; default all.
        split: The one split that all windows go to; windows that overlap need one.
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
                f"windows of {self.window_nm:g} nm every {self.stride_nm:g} nm overlap, so that a random split would "
                f'show the network parts of its test clips; set split = "train", or stride_nm >= window_nm'
            )
        return self


def _kind(source: Any) -> str:
    """Which of the two a table means, so that only its own mistakes are named."""
    drawn = "family" in source if isinstance(source, dict) else isinstance(source, GeneratedClips)
    return "generated" if drawn else "layout"


Clips = Annotated[
    Annotated[GeneratedClips, Tag("generated")] | Annotated[LayoutClips, Tag("layout")], Discriminator(_kind)
]


class Quality(Settings):
    """What a pair may have at most; a pair that misses a limit is counted and left out.

    Attributes:
        l2_share: L2 over the target's area.
        pvb_share: PV band over the target's area.
        epe_violations: Violations by the `openilt` rule.
        mrc_violations: Places that break the protocol's mask rules; checking them takes about as long as `fast`.
    """

    l2_share: Positive | None = None
    pvb_share: Positive | None = None
    epe_violations: Annotated[int, Field(ge=0)] | None = None
    mrc_violations: Annotated[int, Field(ge=0)] | None = None


class Splits(Settings):
    """Shares of the clips that are held out, drawn by pattern; the rest is for training."""

    validation: Fraction = 0.1
    test: Fraction = 0.1

    @model_validator(mode="after")
    def _leave_some(self) -> Self:
        if self.validation + self.test > 1:
            raise ValueError(f"validation + test must be at most 1, got {self.validation + self.test:g}")
        return self


class DatasetRecipe(Settings):
    """A whole data set.

    Attributes:
        description: One line for lists.
        optics: As `--optics`: a recipe's name, a recipe or kernel file, a folder of contest kernels.
        method: ILT method, by name or as a .toml file.
        seed: Of everything random: the generated clips.
        pixel_nm: Pixel of the stored images.
        clips: Where the clips come from.
        shard_clips: Clips of a shard, which are optimised as one batch.
        images: Images stored beside target and mask: the nominal `aerial` image (float16) and its `print`.
        quality: What is kept.
        splits: What is held out.
    """

    description: str = ""
    optics: str
    method: str
    seed: Annotated[int, Field(ge=0)] = 0
    pixel_nm: Positive
    clips: Annotated[tuple[Clips, ...], Field(min_length=1)]
    shard_clips: Annotated[int, Field(ge=1)] = 32
    images: tuple[Literal["aerial", "print"], ...] = ()
    quality: Quality = Quality()
    splits: Splits = Splits()

    _folder: Path | None = PrivateAttr(default=None)

    def located(self, name: str, kind: Kind | None = None) -> str:
        """A file that the recipe names, found beside it; names of recipes of a kind that ship come first."""
        return located(name, self._folder, kind)

    def scaled(self, factor: float) -> "DatasetRecipe":
        """The recipe with every count of generated clips multiplied, at least one each; its description says so.

        Raises:
            RecipeError: The factor is not positive and finite.
        """
        if not (factor > 0 and isfinite(factor)):
            raise RecipeError(f"Expected a positive scale, got {factor:g}.")
        clips = tuple(
            source.model_copy(update={"count": max(1, round(source.count * factor))})
            if isinstance(source, GeneratedClips)
            else source
            for source in self.clips
        )
        scale = f" (scaled by {factor:g})" if self.description and factor != 1 else ""
        return self.model_copy(update={"clips": clips, "description": self.description + scale})


def load_dataset_recipe(name_or_path: str | Path) -> DatasetRecipe:
    """Loads a shipped recipe by name, or a file ending in .toml, whose own folder its relative paths start from.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, folder = read_toml("dataset", name_or_path)
    recipe = validated(DatasetRecipe, table, origin)
    recipe._folder = folder
    return recipe
