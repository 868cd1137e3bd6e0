"""Which process a network was trained for, in one short text."""

import hashlib
import json

from litho_dl.process.model import ProcessModel


def process_digest(process: ProcessModel) -> str:
    """SHA-256 that two process models share if they print alike; hexadecimal.

    Of what the kernels were built from, if that is known, and of the kernels' own bytes if not. The field and other
    numerical settings of built kernels do not count: the same optics print alike on every field.
    """
    described = {
        "mask": process.mask.model_dump(mode="json"),
        "resist": process.resist.model_dump(mode="json", exclude={"steepness"}),
        "corners": {name: corner._asdict() for name, corner in process.corners.items()},
    }
    if process.recipe is not None:
        described |= process.recipe.model_dump(mode="json", include={"pupil", "source"})
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    if process.recipe is None:
        for name, kernels in sorted(process.kernels.items()):
            digest.update(name.encode() + kernels.spectra.resolve_conj().numpy().tobytes())
            digest.update(kernels.weights.numpy().tobytes())
    return digest.hexdigest()
