"""Weights that ship with the package: one file for each network and optics, `NAME-for-OPTICS.safetensors`."""

from pathlib import Path

SUFFIX = ".safetensors"
FOLDER = Path(__file__).parents[1] / "weights"
FOR = "-for-"


def shipped_models() -> dict[str, dict[str, Path]]:
    """Files by network and by the name of the optics; which optics these are, the files' cards tell."""
    models: dict[str, dict[str, Path]] = {}
    for path in sorted(FOLDER.glob(f"*{FOR}*{SUFFIX}")):
        name, optics = path.stem.split(FOR, 1)
        models.setdefault(name, {})[optics] = path
    return models
