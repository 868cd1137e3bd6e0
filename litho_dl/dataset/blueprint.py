"""Everything that decides a data set's bytes, by content: recipe, method, rules, optics, layout files."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litho_dl import __version__
from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid
from litho_dl.dataset.recipe import DatasetRecipe, GeneratedClips, LayoutClips
from litho_dl.ilt.method import Method, load_method
from litho_dl.layout.design_rules import load_rules
from litho_dl.process.files import load_process
from litho_dl.process.model import ProcessModel
from litho_dl.symmetry import imaging_symmetries


@dataclass(frozen=True, eq=False)
class Blueprint:
    """A recipe with all that it names.

    Attributes:
        recipe: The recipe.
        method: Its ILT method.
        process: Its optics.
        settings: All of it as JSON, with the symmetries of the optics; shards carry it.
        digest: SHA-256 of what decides the bytes, hexadecimal.
    """

    recipe: DatasetRecipe
    method: Method
    process: ProcessModel
    settings: dict[str, Any]
    digest: str


def draw_blueprint(recipe: DatasetRecipe) -> Blueprint:
    """Reads what a recipe names.

    Raises:
        LithoError: Optics, method, rules or a layout file cannot be read.
        DatasetError: Clips are larger than the field.
        GridMismatchError: The pixel does not divide the field.
    """
    method, process = load_method(recipe.method), load_process(recipe.optics)
    for source in recipe.clips:
        side = source.extent_nm if isinstance(source, GeneratedClips) else source.window_nm
        if side > min(process.field_nm):
            raise DatasetError(
                f"Expected clips that fit the optics' field of {min(process.field_nm):g} nm, got {side:g} nm; leave "
                f"some 300 nm on each side for the light's reach."
            )
    Grid.of_field(process.field_nm, recipe.pixel_nm)
    plain = recipe.model_dump(mode="json")
    plain["optics"], plain["method"] = _optics(process), method.model_dump(mode="json")
    plain["clips"] = [_source(source) for source in recipe.clips]
    digest = hashlib.sha256(json.dumps([__version__, plain], sort_keys=True).encode()).hexdigest()
    settings = {
        "recipe": recipe.model_dump(mode="json"),
        "resolved": plain,
        "field_nm": list(process.field_nm),
        "symmetries": list(imaging_symmetries(process)),
        "package_version": __version__,
        "digest": digest,
    }
    return Blueprint(recipe, method, process, settings, digest)


def _optics(process: ProcessModel) -> dict[str, Any]:
    """The recipe, or for imported kernels a digest of them."""
    if process.recipe is not None:
        return {"recipe": process.recipe.model_dump(mode="json"), "field_nm": list(process.field_nm)}
    content = hashlib.sha256()
    for name, kernels in sorted(process.kernels.items()):
        content.update(name.encode() + kernels.spectra.numpy().tobytes() + kernels.weights.numpy().tobytes())
    return {
        "kernels": content.hexdigest(),
        "resist": process.resist.model_dump(),
        "mask": process.mask.model_dump(),
        "corners": {name: list(corner) for name, corner in sorted(process.corners.items())},
    }


def _source(source: GeneratedClips | LayoutClips) -> dict[str, Any]:
    plain = source.model_dump(mode="json")
    if isinstance(source, GeneratedClips):
        return {**plain, "rules": load_rules(source.rules).model_dump(mode="json")}
    try:
        content = hashlib.sha256(Path(source.layout).read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(
            f"{source.layout}: cannot be read ({error.strerror}); a recipe's paths start from it."
        ) from error
    return {**plain, "layout": content}
