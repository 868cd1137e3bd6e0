"""Optics for focus sweeps that are quick to build."""

from litho_dl.process.recipe import Recipe, RecipeCorner, load_recipe

FIELD = (512.0, 512.0)


def small_recipe(**changes: object) -> Recipe:
    """Dry optics with few source points and no diffusion."""
    recipe = load_recipe("duv193-dry-annular")
    settings = recipe.kernels.model_copy(update={"source_samples": 9, "edge_error_nm": None})
    resist = recipe.resist.model_copy(update={"diffusion_nm": 0.0})
    best = {name: RecipeCorner(dose=1.0, defocus_nm=0.0) for name in recipe.corners}
    return recipe.model_copy(update={"kernels": settings, "resist": resist, "corners": best, **changes})
