"""Everything that decides a data set's bytes, by content: recipe, method, rules, optics, layout files."""

import hashlib
import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from litho_dl import __version__
from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid
from litho_dl.core.io import file_digest
from litho_dl.core.workers import on_one_thread
from litho_dl.ilt.method import Method, load_method
from litho_dl.layout.clips import whole_factor
from litho_dl.layout.design_rules import load_rules
from litho_dl.pairs.recipe import DatasetRecipe, GeneratedClips, LayoutClips
from litho_dl.process.files import Optics, read_optics
from litho_dl.process.identity import kernels_digest
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.symmetry import imaging_symmetries


@dataclass(frozen=True, eq=False)
class Blueprint:
    """A recipe with all that it names.

    Attributes:
        recipe: The recipe.
        method: Its ILT method.
        process: Its optics.
        settings: All of it as JSON, with the symmetries of the optics; shards carry it.
        digest: SHA-256 of the recipe and of all that it names, hexadecimal.
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
        DatasetError: Clips are larger than the field, or windows of one layer go to several splits.
        GridMismatchError: The pixel does not divide the field.
        MaskError: Neither of the pixel and the method's mask pixel divides the other.
    """
    _require_apart(recipe)
    method = load_method(recipe.located(recipe.method, "ilt"))
    optics = read_optics(recipe.located(recipe.optics, "optics"))
    for source in recipe.clips:
        side = source.extent_nm if isinstance(source, GeneratedClips) else source.window_nm
        if side > min(optics.field_nm):
            raise DatasetError(
                f"Expected clips that fit the optics' field of {min(optics.field_nm):g} nm, got {side:g} nm; leave "
                f"some 300 nm on each side for the light's reach."
            )
    Grid.of_field(optics.field_nm, recipe.pixel_nm)
    finer_nm, coarser_nm = sorted((recipe.pixel_nm, method.mask_nm))
    whole_factor(coarser_nm, finer_nm)
    plain, clips = recipe.model_dump(mode="json"), [_source(recipe, source) for source in recipe.clips]
    process = on_one_thread(Optics.process, optics)  # sums are taken in the same order anywhere
    named = {"optics": _optics(recipe, process), "method": method.model_dump(mode="json"), "clips": clips}
    digest = hashlib.sha256(json.dumps([__version__, plain, named], sort_keys=True).encode()).hexdigest()
    settings = {
        "recipe": plain,
        "resolved": {**plain, **named},
        "field_nm": list(process.field_nm),
        "symmetries": list(imaging_symmetries(process)),
        "package_version": __version__,
        "digest": digest,
    }
    return Blueprint(recipe, method, process, settings, digest)


def _require_apart(recipe: DatasetRecipe) -> None:
    """Refuses windows of one layer in several splits: they may show the network parts of its test clips."""
    sources = [source for source in recipe.clips if isinstance(source, LayoutClips)]
    for one, two in combinations(sources, 2):
        files = {Path(recipe.located(source.layout)).resolve() for source in (one, two)}
        layers = {source.layer and source.layer.removesuffix("/0") for source in (one, two)}
        alike = len(files) == 1 and (len(layers) == 1 or None in layers)
        if alike and (one.split is None or one.split != two.split):
            raise DatasetError(
                f"Expected one split for all windows of {one.layout}, got {one.split} and {two.split}, which may show "
                f"the network parts of its test clips; give all the same split."
            )


def _optics(recipe: DatasetRecipe, process: ProcessModel) -> dict[str, Any]:
    """The recipe that kernels are built from, or a digest of given ones."""
    path = Path(recipe.located(recipe.optics, "optics"))
    if process.recipe is not None and not (path.is_dir() or path.suffix == ".safetensors"):
        return {"recipe": process.recipe.model_dump(mode="json"), "field_nm": list(process.field_nm)}
    return {
        "kernels": kernels_digest(process),
        "field_nm": list(process.field_nm),
        "resist": process.resist.model_dump(),
        "mask": process.mask.model_dump(),
        "corners": {name: list(corner) for name, corner in sorted(process.corners.items())},
    }


def _source(recipe: DatasetRecipe, source: GeneratedClips | LayoutClips) -> dict[str, Any]:
    plain = source.model_dump(mode="json")
    if isinstance(source, GeneratedClips):
        return {**plain, "rules": load_rules(recipe.located(source.rules, "rules")).model_dump(mode="json")}
    return {**plain, "layout": file_digest(recipe.located(source.layout))}
