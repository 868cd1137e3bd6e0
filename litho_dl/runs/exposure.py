"""Files of an exposure: aerial image, prints and picture."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from litho_dl.core.io import atomic_path, write_png
from litho_dl.core.naming import require_name
from litho_dl.runs.pictures import sampled
from litho_dl.simulation.exposure import Exposure
from litho_dl.viz.clip import clip_figure
from litho_dl.viz.figure import save_figure
from litho_dl.viz.images import ClipImages


def write_exposure(
    exposure: Exposure, mask: Tensor, pixel_nm: float, out: Path, name: str, *, title: str
) -> dict[str, Any]:
    """Writes NAME.aerial.npy, the print of every corner as NAME.CORNER.png, and the picture NAME.simulate.png.

    Args:
        exposure: The exposure of one mask.
        mask: Mask values (h, w), for the picture.
        pixel_nm: Pixel of the images.
        out: Folder to write to.
        name: Stem of the file names.
        title: Title of the picture.

    Returns:
        Values for the run's summary.

    Raises:
        LithoError: The name cannot be part of a file name.
        OutputError: A file cannot be written.
    """
    require_name(name, "the name of a layout")
    aerial = exposure.aerial().cpu().numpy()
    prints = {corner: exposure.binary_print(corner).cpu().numpy() for corner in exposure.corners}
    with atomic_path(out / f"{name}.aerial.npy") as path:
        np.save(path, aerial)
    for corner, printed in prints.items():
        write_png(out / f"{name}.{corner}.png", printed.astype(np.uint8) * 255)
    images = ClipImages(
        pixel_nm=pixel_nm,
        mask=sampled(mask.numpy(), aerial.shape),
        nominal=prints["nominal"],
        outer=prints.get("outer"),
        inner=prints.get("inner"),
        aerial=aerial,
    )
    figure = out / f"{name}.simulate.png"
    save_figure(clip_figure(images, threshold=exposure.resist.threshold, title=title), figure)
    return {
        "pixel_nm": pixel_nm,
        "threshold": exposure.resist.threshold,
        "intensity_min": float(aerial.min()),
        "intensity_max": float(aerial.max()),
        "printed_nm2": {corner: float(printed.sum()) * pixel_nm**2 for corner, printed in prints.items()},
        "figure": str(figure),
    }
