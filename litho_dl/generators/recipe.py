"""What a mask generator or a surrogate is, and how it is trained: networks, pixels, and stages of losses."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from litho_dl.core.errors import MaskError
from litho_dl.core.settings import Positive, Settings, read_toml, validated
from litho_dl.generators.terms import ADVERSARIAL, LITHO_TERMS, PIXEL_TERMS, SURROGATE_TERMS
from litho_dl.layout.clips import whole_factor
from litho_dl.models.registry import DISCRIMINATORS, GENERATORS, SURROGATES
from litho_dl.training.adversarial import Kind
from litho_dl.training.recipe import TrainingSettings, with_changes

Count = Annotated[int, Field(ge=1)]
MASK_TERMS = (*PIXEL_TERMS, *LITHO_TERMS, ADVERSARIAL)


class Stage(Settings):
    """One training run, which goes on from the weights that validated best in the stage before.

    Attributes:
        name: Of its folder.
        loss: Weight of each term of `generators.terms`.
        mask_sharpness: Slope of the mask's sigmoid in lithographic terms, per logit; the larger the less a grey mask,
            whose prints are not the binary one's, can gain.
        resist_steepness: Slope of the resist's sigmoid, per unit intensity; in place of the process model's.
        training: Length, optimizers, schedule and so on.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    loss: Annotated[dict[str, Positive], Field(min_length=1)]
    mask_sharpness: Positive = 1.0
    resist_steepness: Positive | None = None
    training: TrainingSettings


class GeneratorRecipe(Settings):
    """A mask generator, or a surrogate from masks to prints, with its training.

    Attributes:
        description: One line for lists.
        network: A name of `models.registry.GENERATORS` or `SURROGATES`.
        discriminator: A name of `models.registry.DISCRIMINATORS`, for stages with the term `adversarial`.
        adversarial_loss: What both networks make of the discriminator's scores.
        pixel_nm: Pixel of the network, and of the prints in losses and validation.
        mask_pixel_nm: Pixel of the masks, a whole part of the network's; see `generators.mask`. A surrogate's is
            the same.
        training_pairs: The most that are used, evenly spread over the data set's training split; default all.
        validation_pairs: The same of the validation split.
        half_precision: Keep the finished weights in 16 bits.
        stages: In order.
    """

    description: str = ""
    network: str
    discriminator: str | None = None
    adversarial_loss: Kind = "logistic"
    pixel_nm: Positive
    mask_pixel_nm: Positive
    training_pairs: Count | None = None
    validation_pairs: Count | None = None
    half_precision: bool = True
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, table in ((self.network, GENERATORS | SURROGATES), (self.discriminator, DISCRIMINATORS)):
            if name is not None and name not in table:
                raise ValueError(f"network and discriminator must be among {', '.join(table)}, got {name!r}")
        known = tuple(SURROGATE_TERMS) if self.is_surrogate else MASK_TERMS
        unknown = sorted({term for stage in self.stages for term in stage.loss} - set(known))
        if unknown:
            raise ValueError(f"unknown terms {', '.join(unknown)}; known for {self.network}: {', '.join(known)}")
        if any(ADVERSARIAL in stage.loss for stage in self.stages) != (self.discriminator is not None):
            raise ValueError(f"a discriminator and the term {ADVERSARIAL} go together")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages must have different names, got {', '.join(names)}")
        try:
            whole_factor(self.pixel_nm, self.mask_pixel_nm)
        except MaskError:
            raise ValueError(
                f"pixel_nm must be a multiple of mask_pixel_nm, got {self.pixel_nm:g} and {self.mask_pixel_nm:g}"
            ) from None
        if self.is_surrogate and self.ratio > 1:
            raise ValueError(f"a surrogate's mask_pixel_nm is its pixel_nm, got {self.mask_pixel_nm:g}")
        return self

    @property
    def is_surrogate(self) -> bool:
        """True if the network goes from masks to prints."""
        return self.network in SURROGATES

    @property
    def ratio(self) -> int:
        """How many times the network's pixel is the mask's."""
        return whole_factor(self.pixel_nm, self.mask_pixel_nm)


def load_generator_recipe(name_or_path: str | Path) -> GeneratorRecipe:
    """Loads a shipped recipe by name, or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, _ = read_toml("generators", name_or_path)
    return validated(GeneratorRecipe, table, origin)


def with_training(recipe: GeneratorRecipe, **changes: int | None) -> GeneratorRecipe:
    """The recipe with other settings of every stage's training; None leaves one as it is.

    Raises:
        RecipeError: They do not fit the others.
    """
    changed = [with_changes(stage.training, **changes) for stage in recipe.stages]
    stages = zip(recipe.stages, changed, strict=True)
    return recipe.model_copy(
        update={"stages": tuple(stage.model_copy(update={"training": training}) for stage, training in stages)}
    )
