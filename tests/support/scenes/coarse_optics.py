"""Recipes that ship with a coarse source and counted kernels, quick to build on small fields."""

from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe


def coarse_recipe(name: str) -> Recipe:
    """A packaged recipe with 41 x 41 source cells and 48 kernels."""
    recipe = load_recipe(name)
    settings = KernelSettings(field_nm=recipe.kernels.field_nm, source_samples=41, count=48)
    return recipe.model_copy(update={"kernels": settings})
