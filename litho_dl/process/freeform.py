"""A recipe with a freeform source map, the result of source optimisation."""

import math
from pathlib import Path

import numpy as np

from litho_dl.core.io import atomic_path, write_text
from litho_dl.core.settings import toml_text
from litho_dl.optics.jones import read_jones
from litho_dl.optics.source import Freeform
from litho_dl.process.recipe import Recipe

SOURCE_FILE, JONES_FILE, RECIPE_FILE = "source.npy", "jones.npy", "recipe.toml"


def save_freeform(folder: str | Path, recipe: Recipe, image: np.ndarray, *, field_nm: float) -> Path:
    """Writes source.npy, and recipe.toml, a recipe with that source; a Jones pupil is copied beside them.

    The source is sampled with a whole number of points per pixel of the map, at least as finely as in the given recipe.

    Args:
        folder: Folder to write to.
        recipe: The recipe that everything but the source is taken from; its source has one polarisation, which is kept.
        image: Brightness (n, n) over [-1, 1]^2 sigma, row 0 = lowest sigma_y.
        field_nm: Side of the square field.

    Returns:
        The recipe's file.

    Raises:
        OutputError: A file cannot be written.
        RecipeError: The recipe's Jones pupil cannot be read.
    """
    folder, samples, pupil = Path(folder), len(image), recipe.pupil
    with atomic_path(folder / SOURCE_FILE) as temporary:
        np.save(temporary, image)
    if pupil.jones is not None:
        jones = read_jones(pupil.jones).numpy()
        with atomic_path(folder / JONES_FILE) as temporary:
            np.save(temporary, jones)
        pupil = pupil.model_copy(update={"jones": Path(JONES_FILE)})
    (polarization,) = recipe.source.polarizations
    table = recipe.model_copy(
        update={
            "description": f"{recipe.description}; freeform source",
            "pupil": pupil,
            "source": Freeform(file=Path(SOURCE_FILE), polarization=polarization),
            "kernels": recipe.kernels.model_copy(
                update={
                    "field_nm": field_nm,
                    "source_samples": samples * math.ceil(recipe.source_samples((field_nm, field_nm)) / samples),
                }
            ),
        }
    ).model_dump(mode="json")
    write_text(folder / RECIPE_FILE, toml_text(table))
    return folder / RECIPE_FILE
