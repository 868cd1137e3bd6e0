"""What a mask would print if its shapes were absorber instead of openings, or openings instead of absorber."""

from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.optics.mask import MaskType
from litho_dl.optics.print_rule import MaskField
from litho_dl.simulation.simulator import Simulator

OTHER: dict[MaskField, MaskField] = {"dark": "clear", "clear": "dark"}
SHAPES: dict[MaskField, str] = {"dark": "openings", "clear": "absorber"}


@torch.no_grad()
def other_field_nm2(simulator: Simulator, mask: Tensor, pixel_nm: float, out_pixel_nm: float) -> float:
    """Area that a mask prints at nominal conditions in a mask field of the other kind; 0 for alternating masks.

    Args:
        simulator: The process.
        mask: One mask (H, W), drawn shapes in [0, 1].
        pixel_nm: Its pixel.
        out_pixel_nm: Pixel of the print.

    Returns:
        The area in nm^2.
    """
    process = simulator.process
    if process.mask.type == "alternating":
        return 0.0
    turned: MaskType = process.mask.model_copy(update={"field": OTHER[process.mask.field]})
    nominal = {"nominal": process.corners["nominal"]}
    other = Simulator(replace(process, mask=turned, corners=nominal), dtype=simulator.dtype).to(simulator.device)
    return float(other.expose(mask, pixel_nm, out_pixel_nm=out_pixel_nm).binary_print().sum()) * out_pixel_nm**2


def other_field_hint(field: MaskField, area_nm2: float) -> str:
    """What to say of a mask that prints nothing; empty if it would print nothing in the other field either.

    Args:
        field: The mask's field.
        area_nm2: Area that it would print in the other, as `other_field_nm2` gives it.

    Returns:
        A clause, such as `in a clear field ...`.
    """
    other = OTHER[field]
    if not area_nm2:
        return ""
    return (
        f"in a {other} field it would print {area_nm2:,.0f} nm²: if its shapes are {SHAPES[other]}, set "
        f'field = "{other}" in [mask] of the optics'
    )
