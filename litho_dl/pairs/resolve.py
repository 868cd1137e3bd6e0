"""Data set recipes with the contents of all files that they name: method, optics, design rules, layouts."""

import hashlib
import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from litho_dl import __version__
from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid, require_steps
from litho_dl.core.io import file_digest
from litho_dl.core.threads import on_one_thread
from litho_dl.ilt.method import Method, load_method
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.file_pixel import whole_factor
from litho_dl.pairs.recipe import DatasetRecipe, GeneratedClips, LayoutClips
from litho_dl.process.files import Optics, read_optics
from litho_dl.process.identity import kernels_digest
from litho_dl.process.model import ProcessModel
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.symmetry import imaging_symmetries


@dataclass(frozen=True, eq=False)
class ResolvedRecipe:
    """A recipe with the contents of the files that it names; together they decide every byte of the data set.

    Attributes:
        recipe: The recipe.
        method: Its ILT method.
        process: The process model of its optics.
        settings: Recipe and contents as JSON, with the symmetries of the optics; stored in every shard.
        digest: SHA-256 of recipe, contents and package version, hexadecimal.
    """

    recipe: DatasetRecipe
    method: Method
    process: ProcessModel
    settings: dict[str, Any]
    digest: str


def resolve_recipe(recipe: DatasetRecipe) -> ResolvedRecipe:
    """Reads the files that a recipe names.

    Raises:
        LithoError: Optics, method, design rules or a layout file cannot be read.
        DatasetError: Clips are larger than the field, or windows of one layer go to several splits.
        GridMismatchError: The field is not a whole number of pixels.
        MaskError: Neither of the pixel and the method's mask pixel is a multiple of the other.
    """
    _require_disjoint_splits(recipe)
    method = load_method(recipe.located(recipe.method, "ilt"))
    optics = read_optics(recipe.located(recipe.optics, "optics"))
    PROTOCOLS["default"].scaled(optics.scale).require(optics.field_nm, optics.mask)
    for source in recipe.clips:
        side = source.extent_nm if isinstance(source, GeneratedClips) else source.window_nm
        if side > min(optics.field_nm):
            raise DatasetError(
                f"Expected clips that fit the optics' field of {min(optics.field_nm):g} nm, got {side:g} nm; leave "
                f"some 350 nm on each side for the optical range."
            )
    Grid.of_field(optics.field_nm, recipe.pixel_nm)
    require_steps(optics.field_nm, method.field_step_nm * optics.scale, f"method {recipe.method}")
    finer_nm, coarser_nm = sorted((recipe.pixel_nm, method.mask_nm * optics.scale))
    whole_factor(coarser_nm, finer_nm)
    plain, clips = recipe.model_dump(mode="json"), [_source(recipe, source) for source in recipe.clips]
    process = on_one_thread(Optics.process, optics)  # so that sums are taken in the same order on any machine
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
    return ResolvedRecipe(recipe, method, process, settings, digest)


def _require_disjoint_splits(recipe: DatasetRecipe) -> None:
    """Refuses windows of one layer in several splits, as training clips could then contain parts of test clips."""
    sources = [source for source in recipe.clips if isinstance(source, LayoutClips)]
    for one, two in combinations(sources, 2):
        files = {Path(recipe.located(source.layout)).resolve() for source in (one, two)}
        same_layer = len(files) == 1 and (None in (one.layer, two.layer) or _layers(one) & _layers(two))
        if same_layer and (one.split is None or one.split != two.split):
            raise DatasetError(
                f"Expected one split for all windows of {one.layout}, got {one.split} and {two.split}: training clips "
                f"could contain parts of test clips; give all the same split."
            )


def _layers(source: LayoutClips) -> set[str]:
    """The names of a source's layers, one for each layer."""
    return {name.strip().removesuffix("/0") for name in (source.layer or "").split(",")}


def _optics(recipe: DatasetRecipe, process: ProcessModel) -> dict[str, Any]:
    """The optics' recipe, or for given kernels their digest, as JSON."""
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
    """A source of clips with the contents of its design rules, or the digest of its layout file, as JSON."""
    plain = source.model_dump(mode="json")
    if isinstance(source, GeneratedClips):
        return {**plain, "rules": load_rules(recipe.located(source.rules, "rules")).model_dump(mode="json")}
    return {**plain, "layout": file_digest(recipe.located(source.layout))}
