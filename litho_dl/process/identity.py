"""Which process a network was trained for, in one short text."""

import hashlib
import json

from litho_dl.optics.source import Freeform
from litho_dl.process.model import ProcessModel


def process_digest(process: ProcessModel) -> str:
    """SHA-256 that two process models share if they print alike; hexadecimal.

    Of what the kernels were built from, if that is known, and of the kernels' own bytes if not. The field and other
    numerical settings of built kernels do not count: the same optics print alike on every field. Kernels of a freeform
    source go by their bytes, for its recipe names a file, whatever that may hold by now.
    """
    recipe = process.recipe
    if recipe is not None and isinstance(recipe.source, Freeform):
        recipe = None
    described = {
        "mask": process.mask.model_dump(mode="json"),
        "resist": process.resist.model_dump(mode="json", exclude={"steepness"}),
        "corners": {name: corner._asdict() for name, corner in process.corners.items()},
    }
    if recipe is not None:
        described |= recipe.model_dump(mode="json", include={"pupil", "source"})
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    if recipe is None:
        _add_kernels(digest, process)
    return digest.hexdigest()


def kernels_digest(process: ProcessModel) -> str:
    """SHA-256 of the kernels themselves, with their field, as given; hexadecimal."""
    digest = hashlib.sha256()
    _add_kernels(digest, process)
    return digest.hexdigest()


def _add_kernels(digest: "hashlib._Hash", process: ProcessModel) -> None:
    for name, kernels in sorted(process.kernels.items()):
        digest.update(json.dumps([name, *map(float, (*kernels.field_nm, kernels.mask_pixel_nm))]).encode())
        digest.update(kernels.spectra.resolve_conj().numpy().tobytes())
        digest.update(kernels.weights.numpy().tobytes())


def finest_period_nm(process: ProcessModel) -> float:
    """The finest period on the mask that the kernels pass, to the step of their frequencies, 1 / field."""
    return min(side / half for side, half in zip(process.field_nm, process.half, strict=True))
