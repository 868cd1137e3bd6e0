"""Files of an exposure: aerial image, prints and picture; and a warning where nothing prints."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from litho_dl.core.io import atomic_path, write_png
from litho_dl.core.naming import require_name
from litho_dl.core.second_process import Call, at_once
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.other_field import other_field_hint, other_field_nm2
from litho_dl.simulation.simulator import Simulator
from litho_dl.viz.drawing import draw_clip
from litho_dl.viz.images import ClipImages, sampled


def write_exposure(
    exposure: Exposure, mask: Tensor, pixel_nm: float, out: Path, name: str, *, title: str, call: Call = at_once
) -> dict[str, Any]:
    """Writes NAME.aerial.npy, the print of every corner as NAME.CORNER.png, and the picture NAME.simulate.png.

    Args:
        exposure: The exposure of one mask.
        mask: Mask values (h, w), for the picture.
        pixel_nm: Pixel of the images.
        out: Folder to write to.
        name: Stem of the file names.
        title: Title of the picture.
        call: Makes the call that draws, such as what `viz.drawing.drawing_process` yields.

    Returns:
        Values for the run's summary.

    Raises:
        LithoError: The name cannot be part of a file name.
        OutputError: A file cannot be written.
    """
    require_name(name, "the name of a layout")
    aerial = exposure.aerial().cpu().numpy()
    prints = {corner: exposure.binary_print(corner).cpu().numpy() for corner in exposure.corners}
    images = ClipImages(
        pixel_nm=pixel_nm,
        mask=sampled(mask.numpy(), aerial.shape),
        nominal=prints["nominal"],
        outer=prints.get("outer"),
        inner=prints.get("inner"),
        aerial=aerial,
        mask_field=exposure.mask_field,
    )
    figure = out / f"{name}.simulate.png"
    call(draw_clip, figure, images.shown(), threshold=exposure.resist.threshold, title=title)
    with atomic_path(out / f"{name}.aerial.npy") as path:
        np.save(path, aerial)
    for corner, printed in prints.items():
        write_png(out / f"{name}.{corner}.png", printed.astype(np.uint8) * 255)
    return {
        "pixel_nm": pixel_nm,
        "threshold": exposure.resist.threshold,
        "mask_field": exposure.mask_field,
        "intensity_min": float(aerial.min()),
        "intensity_max": float(aerial.max()),
        "printed_nm2": {corner: float(printed.sum()) * pixel_nm**2 for corner, printed in prints.items()},
        "figure": str(figure),
    }


def warn_of_nothing_printed(simulator: Simulator, exposure: Exposure, mask: Tensor, name: str) -> None:
    """Warns on standard error of a mask that prints nothing, but would in a field of the other kind.

    Args:
        simulator: The process.
        exposure: The exposure of the one mask by it.
        mask: The mask's values (h, w).
        name: Its name.
    """
    if exposure.binary_print().any():
        return
    pixel_nm = simulator.field_nm[0] / mask.shape[-2]
    hint = other_field_hint(exposure.mask_field, other_field_nm2(simulator, mask, pixel_nm, exposure.pixel_nm))
    if hint:
        print(f"Warning: {name}: nothing prints at nominal conditions; {hint}.", file=sys.stderr)
