"""Digests that identify a process, for networks that were trained for it."""

import hashlib
import json
from typing import Any

from litho_dl.core.grid import finest_period
from litho_dl.optics.mask import MaskType
from litho_dl.process.chemistry import AnyResist
from litho_dl.process.model import Corner, ProcessModel, recipe_corners
from litho_dl.process.recipe import Recipe

# Settings that recipes had not from the start: at their defaults they leave digests as they were.
LATER = {
    "polarization": "unpolarized",
    "imaging": "scalar",
    "jones": None,
    "focus_blur_nm": 0.0,
    "flare": 0.0,
    "film": None,
}


def process_digest(process: ProcessModel) -> str:
    """SHA-256 of a process model, the same for models that print alike; hexadecimal.

    It is taken from the recipe if there is one, and otherwise from the kernels' bytes. The field and other numerical
    settings of a recipe do not count, as the same optics print alike on every field. With a freeform source or a Jones
    pupil, it is taken from the kernels' bytes too, because the content of the recipe's file may have changed.
    """
    recipe = process.recipe
    if recipe is not None and recipe.reads_files:
        recipe = None
    digest = _digest(process.mask, process.resist, process.corners, recipe)
    if recipe is None:
        _add_kernels(digest, process)
        if process.flare:
            digest.update(json.dumps({"flare": process.flare}).encode())
    return digest.hexdigest()


def recipe_digest(recipe: Recipe) -> str:
    """`process_digest` of the process that a recipe describes, without its kernels; not if it reads files."""
    return _digest(recipe.mask, recipe.resist, recipe_corners(recipe), recipe).hexdigest()


def _digest(mask: MaskType, resist: AnyResist, corners: dict[str, Corner], recipe: Recipe | None) -> "hashlib._Hash":
    described = {
        "mask": mask.model_dump(mode="json"),
        "resist": resist.model_dump(mode="json", exclude={"steepness"}),
        "corners": {name: corner._asdict() for name, corner in corners.items()},
    }
    if recipe is not None:
        described |= _optics(recipe)
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode())


def _optics(recipe: Recipe) -> dict[str, Any]:
    """The settings of source, lens and film, without those of `LATER` that stand at their defaults."""
    described = recipe.model_dump(mode="json", include={"pupil", "source", "film"})
    source = described.get("source", {})  # a spot has none
    for pole in source.get("poles", ()):
        if pole["polarization"] in (None, source["polarization"]):
            del pole["polarization"]
    for table in (described, described["pupil"], source):
        for key, default in LATER.items():
            if key in table and table[key] == default:
                del table[key]
    return described


def kernels_digest(process: ProcessModel) -> str:
    """SHA-256 of the kernels' bytes, with their field; hexadecimal."""
    digest = hashlib.sha256()
    _add_kernels(digest, process)
    return digest.hexdigest()


def _add_kernels(digest: "hashlib._Hash", process: ProcessModel) -> None:
    for name, kernels in sorted(process.kernels.items()):
        digest.update(json.dumps([name, *map(float, (*kernels.field_nm, kernels.mask_pixel_nm))]).encode())
        digest.update(kernels.spectra.resolve_conj().numpy().tobytes())
        digest.update(kernels.weights.numpy().tobytes())
        for part in (*(kernels.tail or ()), *([] if kernels.polarized is None else [kernels.polarized])):
            digest.update(part.resolve_conj().numpy().tobytes())


def finest_period_nm(process: ProcessModel) -> float:
    """The finest mask period in nm that the kernels pass, to the step 1 / field of their frequencies."""
    return finest_period(process.half, process.field_nm)
