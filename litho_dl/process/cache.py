"""Built kernels on disk, so that the next command with the same optics has them at once.

They lie in the folder that `LITHO_DL_CACHE` names (empty: nowhere), by default in the user's cache folder, under a
digest of all they depend on. What was not used for longest goes first where the folder would outgrow `MOST_BYTES`.
"""

import hashlib
import json
import os
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import litho_dl.optics
import litho_dl.process
from litho_dl.core.errors import KernelError, LithoError
from litho_dl.core.io import file_digest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import Recipe

VARIABLE = "LITHO_DL_CACHE"
MOST_BYTES = 2**30


def cache_folder() -> Path | None:
    """Where kernels are kept; None: nowhere."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "litho_dl" / "kernels"


def cached_process(recipe: Recipe, field_nm: tuple[float, float]) -> ProcessModel:
    """The process of a recipe on a field of (height, width) nm, from the cache if it is there.

    A folder that cannot be written to, or a damaged file in it, costs time and nothing else.
    """
    folder = cache_folder()
    if folder is None:
        return build_process(recipe, field_nm=field_nm)
    path = folder / f"{_key(recipe, field_nm)}.safetensors"
    try:
        process = replace(load_kernels(path), recipe=recipe)
    except KernelError:
        process = build_process(recipe, field_nm=field_nm)
    else:
        with suppress(OSError):  # a folder that is read only
            os.utime(path)
        return process
    with suppress(LithoError, OSError):
        folder.mkdir(parents=True, exist_ok=True)
        save_kernels(path, process)
        _shrink(folder)
    return process


@cache
def _code() -> str:
    """A digest of the code that builds kernels."""
    digest = hashlib.sha256()
    for room in (litho_dl.optics, litho_dl.process):
        for path in sorted(Path(room.__path__[0]).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _key(recipe: Recipe, field_nm: tuple[float, float]) -> str:
    """A digest of the code, the recipe but for its description, the files it reads, and the field."""
    files = [str(path) for path in (getattr(recipe.source, "file", None), recipe.pupil.jones) if path is not None]
    table = recipe.model_dump(mode="json", exclude={"description"})
    told = [_code(), table, [file_digest(path) for path in files], list(map(float, field_nm))]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _shrink(folder: Path) -> None:
    """Removes the files that were not used for longest, until the others fit."""
    files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*.safetensors"))
    excess = sum(size for _, size, _ in files) - MOST_BYTES
    for _, size, path in files[:-1]:
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size
