"""A small data set recipe, quick to build, and what tests ask of built folders."""

import hashlib
from functools import cache
from pathlib import Path

from litho_dl.pairs.build import build
from litho_dl.pairs.manifest import Manifest
from litho_dl.pairs.recipe import load_dataset_recipe
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import ProcessModel, build_process
from scenes.coarse_optics import coarse_recipe

FIELD = (1024.0, 1024.0)
METHOD = """
description = "a few steps"
parameterization = "multilevel"
optimizer = "adam"
objective = {{ l2 = 1.0, pvb = 1.0 }}
[[levels]]
pixel_nm = 8.0
steps = {steps}
learning_rate = [0.1, 0.1]
mask_sharpness = [8.0, 8.0]
resist_steepness = [50.0, 50.0]
"""
RECIPE = """
description = "a dozen pairs"
optics = "small.safetensors"
method = "few.toml"
seed = 5
pixel_nm = 8.0
shard_clips = 2
images = ["aerial", "print"]
[[clips]]
family = "metal"
rules = "m1-45"
count = 8
extent_nm = 600.0
[[clips]]
family = "via"
rules = "via-45"
count = 3
extent_nm = 600.0
[splits]
validation = 0.3
test = 0.2
"""


@cache
def small_process() -> ProcessModel:
    """Few kernels; nobody changes it."""
    return build_process(coarse_recipe("duv193-dry-annular"), field_nm=FIELD, count=6)


def write_recipe(folder: Path, *changes: tuple[str, str], steps: int = 4) -> Path:
    """The recipe with some of its text replaced, beside its optics and method."""
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    if not (folder / "small.safetensors").exists():
        save_kernels(folder / "small.safetensors", small_process())
    (folder / "few.toml").write_text(METHOD.format(steps=steps))
    path = folder / "pairs.toml"
    path.write_text(text)
    return path


def built(recipe: Path, folder: Path, **settings: object) -> Manifest:
    return build(load_dataset_recipe(recipe), folder, **settings)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that must not depend on how a build went."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "timing.csv"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
