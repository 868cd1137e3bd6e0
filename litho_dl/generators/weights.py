"""The packaged weights: one file for each network and optics, `NAME-for-OPTICS.safetensors`."""

from pathlib import Path

SUFFIX = ".safetensors"
FOLDER = Path(__file__).parents[1] / "weights"
FOR = "-for-"


def packaged_models() -> dict[str, dict[str, Path]]:
    """The files by network and name of the optics; the optics themselves are identified by the files' cards."""
    models: dict[str, dict[str, Path]] = {}
    for path in sorted(FOLDER.glob(f"*{FOR}*{SUFFIX}")):
        name, optics = path.stem.split(FOR, 1)
        models.setdefault(name, {})[optics] = path
    return models
