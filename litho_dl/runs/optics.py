"""Pictures of a process's optics."""

from pathlib import Path

from litho_dl.core.naming import require_name
from litho_dl.process.model import ProcessModel
from litho_dl.viz.figure import save_figure


def draw_kernels(process: ProcessModel, out: Path, name: str) -> list[str]:
    """Draws source, pupil and kernels of every focus into OUT/NAME.FOCUS.png.

    Args:
        process: The process; source and pupil are known only if it has a recipe.
        out: Folder to write to.
        name: Stem of the file names.

    Returns:
        The files.

    Raises:
        LithoError: The name cannot be part of a file name.
        OutputError: A file cannot be written.
    """
    require_name(name, "the name of the optics")
    paths = [out / f"{name}.{focus}.png" for focus in process.kernels]
    for path, focus in zip(paths, process.kernels, strict=True):
        save_figure(process.plot(focus, title=f"{name}, {focus}"), path)
    return [str(path) for path in paths]
