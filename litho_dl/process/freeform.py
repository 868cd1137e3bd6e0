"""A recipe with a freeform source map, the result of source optimisation."""

import math
from pathlib import Path

import numpy as np

from litho_dl.core.io import atomic_path, write_text
from litho_dl.core.settings import toml_text
from litho_dl.optics.source import Freeform
from litho_dl.process.recipe import Recipe

SOURCE_FILE, RECIPE_FILE = "source.npy", "recipe.toml"


def save_freeform(folder: str | Path, recipe: Recipe, image: np.ndarray, *, field_nm: float) -> Path:
    """Writes source.npy, and recipe.toml, a recipe with that source.

    The source is sampled with a whole number of points per pixel of the map, at least as finely as in the given recipe.

    Args:
        folder: Folder to write to.
        recipe: The recipe that everything but the source is taken from.
        image: Brightness (n, n) over [-1, 1]^2 sigma, row 0 = lowest sigma_y.
        field_nm: Side of the square field.

    Returns:
        The recipe's file.

    Raises:
        OutputError: A file cannot be written.
    """
    folder, samples = Path(folder), len(image)
    with atomic_path(folder / SOURCE_FILE) as temporary:
        np.save(temporary, image)
    table = recipe.model_copy(
        update={
            "description": f"{recipe.description}; freeform source",
            "source": Freeform(file=Path(SOURCE_FILE)),
            "kernels": recipe.kernels.model_copy(
                update={
                    "field_nm": field_nm,
                    "source_samples": samples * math.ceil(recipe.kernels.source_samples / samples),
                }
            ),
        }
    ).model_dump(mode="json")
    write_text(folder / RECIPE_FILE, toml_text(table))
    return folder / RECIPE_FILE
