"""Pictures of a process's optics."""

from pathlib import Path

import torch

from litho_dl.optics.pupil import pupil_function
from litho_dl.optics.source import sample_source
from litho_dl.process.model import ProcessModel
from litho_dl.viz.figure import save_figure
from litho_dl.viz.optics import optics_figure

PUPIL_SAMPLES = 201


def draw_kernels(process: ProcessModel, out: Path, name: str) -> list[str]:
    """Draws source, pupil and kernels of every focus into OUT/NAME.FOCUS.png.

    Args:
        process: The process; of imported kernels, source and pupil are not known.
        out: Folder to write to.
        name: What the pictures are called.

    Returns:
        The files.
    """
    recipe, paths = process.recipe, []
    axis = torch.linspace(-1, 1, PUPIL_SAMPLES, dtype=torch.float64)
    rho_y, rho_x = torch.meshgrid(axis, axis, indexing="ij")
    source = sample_source(recipe.source, recipe.kernels.source_samples) if recipe else None
    defocus = {c.kernels: recipe.corners[n].defocus_nm for n, c in process.corners.items()} if recipe else {}
    for focus, kernels_ in process.kernels.items():
        pupil = pupil_function(recipe.pupil, rho_x, rho_y, defocus[focus]) if recipe and focus in defocus else None
        figure = optics_figure(
            kernels_.spectra.numpy(),
            kernels_.weights.numpy(),
            kernels_.field_nm,
            source_points=source.points if source else None,
            source_weights=source.weights if source else None,
            pupil=pupil.numpy() if pupil is not None else None,
            defocus_nm=defocus.get(focus),
            discarded_energy=kernels_.discarded_energy,
            title=f"{name}, {focus}",
        )
        paths.append(str(out / f"{name}.{focus}.png"))
        save_figure(figure, paths[-1])
    return paths
