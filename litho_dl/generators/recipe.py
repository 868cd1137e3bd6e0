"""Recipes of mask generators and surrogates: networks, pixels, and training stages with their losses."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import whole_ratio
from litho_dl.core.settings import Length, Positive, Settings, Slope, load_settings, packaged_names
from litho_dl.generators.terms import ADVERSARIAL, LITHO_TERMS, PIXEL_TERMS, SURROGATE_TERMS
from litho_dl.layout.file_pixel import whole_factor
from litho_dl.models.registry import DISCRIMINATORS, GENERATORS, SURROGATES, UNROLLED
from litho_dl.pairs.recipe import GeneratedClips
from litho_dl.training.adversarial import LossKind
from litho_dl.training.recipe import TrainingSettings, with_changes

Count = Annotated[int, Field(ge=1)]
MASK_TERMS = (*PIXEL_TERMS, *LITHO_TERMS, ADVERSARIAL)


class Stage(Settings):
    """One training run, which starts from the best epoch's weights of the previous stage.

    Attributes:
        name: Name of its folder.
        loss: Weights of the terms, by names of `generators.terms`.
        mask_sharpness: Slope of the mask's sigmoid in lithographic terms, per logit, at the first and the last step,
            with geometric steps between them. A small slope lets assist features appear in empty places; a large one
            leaves less of grey masks, whose prints differ from those of binary masks.
        resist_steepness: Slope of the resist's sigmoid, per unit intensity, likewise; default the process model's.
        clips: Random clips that replace the data set's pairs, drawn anew for every epoch; only for lithographic terms,
            which need no mask to learn from.
        training: Settings of the training run.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    loss: Annotated[dict[str, Positive], Field(min_length=1)]
    mask_sharpness: tuple[Slope, Slope] = (1.0, 1.0)
    resist_steepness: tuple[Slope, Slope] | None = None
    clips: tuple[GeneratedClips, ...] = ()
    training: TrainingSettings

    @model_validator(mode="after")
    def _teachable(self) -> Self:
        taught = sorted(set(self.loss) - set(LITHO_TERMS))
        if self.clips and taught:
            raise ValueError(f"drawn clips have no masks for the terms {', '.join(taught)}; leave out clips")
        return self


class DrawnOptics(Settings):
    """Random optics (`process.draw`) that networks for any optics are trained on.

    Attributes:
        count: Number of optics to train on.
        held_out: Number of optics for validation, and as many again for the test.
        clips: Clips of each of these.
        side: Pixels of the square field on a side, on the network's pixel.
        seed: Seed of the first optics; the others follow.
    """

    count: Count
    held_out: Count
    clips: Count
    side: Count
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class GeneratorRecipe(Settings):
    """The recipe of a mask generator, or of a surrogate from masks to prints.

    Attributes:
        description: One line for lists.
        network: A name of `models.registry.GENERATORS`, `UNROLLED` or `SURROGATES`.
        discriminator: A name of `models.registry.DISCRIMINATORS`, for stages with the term `adversarial`.
        adversarial_loss: The loss of the discriminator's scores; see `training.adversarial.AdversarialLoss`.
        pixel_nm: Pixel of the network, and of the prints in losses and validation; of a network for any optics, at
            scale 1 (see `process.recipe.Recipe`).
        mask_pixel_nm: Pixel of the masks, of which the network's is a multiple; see `generators.mask`. The two are
            equal for a surrogate.
        training_pairs: Largest number of pairs, evenly spread over the training split; default all.
        validation_pairs: The same for the validation split.
        pvb_weight: Weight of the PV band beside the L2 error in the validation that chooses the best epoch and stage of
            mask generators. One far from that of the last stage's loss chooses an early epoch of it.
        optics: Random optics to train on, for networks of `UNROLLED`; the others take those of their data sets.
        half_precision: Whether the final weights are stored as float16.
        stages: Training stages in order.
    """

    description: str = ""
    network: str
    discriminator: str | None = None
    adversarial_loss: LossKind = "logistic"
    pixel_nm: Length
    mask_pixel_nm: Length
    training_pairs: Count | None = None
    validation_pairs: Count | None = None
    pvb_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    optics: DrawnOptics | None = None
    half_precision: bool = True
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, table in ((self.network, GENERATORS | UNROLLED | SURROGATES), (self.discriminator, DISCRIMINATORS)):
            if name is not None and name not in table:
                raise ValueError(f"network and discriminator must be among {', '.join(table)}, got {name!r}")
        known = tuple(SURROGATE_TERMS) if self.is_surrogate else MASK_TERMS
        unknown = sorted({term for stage in self.stages for term in stage.loss} - set(known))
        if unknown:
            raise ValueError(f"unknown terms {', '.join(unknown)}; known for {self.network}: {', '.join(known)}")
        if any(ADVERSARIAL in stage.loss for stage in self.stages) != (self.discriminator is not None):
            raise ValueError(f"a discriminator and the term {ADVERSARIAL} go together")
        if self.sees_optics != (self.optics is not None):
            raise ValueError(f"optics go with the networks {', '.join(UNROLLED)}, and these with optics")
        if self.sees_optics and not all(stage.clips for stage in self.stages):
            raise ValueError(f"stages of {self.network} need clips, which are drawn for random optics")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages must have different names, got {', '.join(names)}")
        try:
            whole_factor(self.pixel_nm, self.mask_pixel_nm)
        except MaskError:
            raise ValueError(
                f"pixel_nm must be a multiple of mask_pixel_nm, got {self.pixel_nm:g} and {self.mask_pixel_nm:g}"
            ) from None
        if self.is_surrogate and self.pvb_weight != 1:
            raise ValueError("pvb_weight is for mask generators; epochs of a surrogate are chosen by its prints")
        if self.is_surrogate and self.ratio > 1:
            raise ValueError(f"a surrogate's mask_pixel_nm is its pixel_nm, got {self.mask_pixel_nm:g}")
        return self

    @property
    def is_surrogate(self) -> bool:
        """True if the network takes masks to prints."""
        return self.network in SURROGATES

    @property
    def sees_optics(self) -> bool:
        """True if the network looks through the simulator, and so serves any optics."""
        return self.network in UNROLLED

    def fits(self, stored_nm: float) -> bool:
        """True if pairs on a pixel can train it: they are resampled exactly to pixels that are multiples of it."""
        return not self.sees_optics and all(
            whole_ratio(pixel_nm, stored_nm) is not None for pixel_nm in (self.pixel_nm, self.mask_pixel_nm)
        )

    @property
    def ratio(self) -> int:
        """Pixel of the network over that of the mask."""
        return whole_factor(self.pixel_nm, self.mask_pixel_nm)


def fitting_recipes(stored_nm: float) -> list[str]:
    """The packaged recipes that pairs on a pixel can train: their pixels are multiples of it."""
    names = packaged_names("generators")
    return [name for name in names if load_generator_recipe(name).fits(stored_nm)]


def fitting_text(stored_nm: float) -> str:
    """Which packaged recipes pairs on a pixel can train, as one sentence."""
    fitting = fitting_recipes(stored_nm)
    if fitting:
        return f"pairs on {stored_nm:g} nm can train {', '.join(fitting)}"
    pixels = sorted({load_generator_recipe(name).mask_pixel_nm for name in packaged_names("generators")})
    return (
        f"pairs on {stored_nm:g} nm can train no packaged recipe; these need a pixel that divides "
        f"{' or '.join(f'{pixel:g}' for pixel in pixels)} nm: set pixel_nm = {pixels[0]:g} in the data set's recipe "
        f"and build it again"
    )


def load_generator_recipe(name_or_path: str | Path) -> GeneratorRecipe:
    """Loads a packaged recipe by name, or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    return load_settings(GeneratorRecipe, "generators", name_or_path)


def with_training(recipe: GeneratorRecipe, **changes: int | None) -> GeneratorRecipe:
    """Replaces some settings of the training of all stages.

    Args:
        recipe: The recipe.
        **changes: New values by name; None keeps the old one.

    Returns:
        The new recipe.

    Raises:
        RecipeError: A value is out of range or inconsistent with the others.
    """
    changed = [with_changes(stage.training, **changes) for stage in recipe.stages]
    stages = zip(recipe.stages, changed, strict=True)
    return recipe.model_copy(
        update={"stages": tuple(stage.model_copy(update={"training": training}) for stage, training in stages)}
    )
