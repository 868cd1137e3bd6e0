"""Loss terms of generators and surrogates; all are means over pixels, independent of the size of the field."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, max_pool2d, mse_loss, pad

from litho_dl.ilt import objective


def gross(inputs: objective.ObjectiveInputs) -> Tensor:
    """|print - target| where the target is the same in all pixels around: further than a pixel from its edges.

    `objective.l2_area` does not tell an edge that is far off, as EPE rules count them, from many that are a little off;
    this term counts what lies beyond a pixel of the network, also where corners are rounded by more.
    """
    target = pad(inputs.target[:, None], (1, 1, 1, 1), mode="circular")
    spread = max_pool2d(target, 3, 1) + max_pool2d(-target, 3, 1)
    wrong = (inputs.print("nominal") - inputs.target).abs() * (spread[:, 0] == 0)
    return wrong.sum((-2, -1)) * inputs.pixel_nm**2


# From logits of masks and the pairs' masks in [0, 1], (B, H, W) each.
PIXEL_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": binary_cross_entropy_with_logits,
    "l1": lambda logits, mask: l1_loss(logits.sigmoid(), mask),
    "l2": lambda logits, mask: mse_loss(logits.sigmoid(), mask),
}
# From masks with their simulated prints and targets, as in ILT: (B,) in nm^2, divided by the field's area in the loss.
LITHO_TERMS: dict[str, Callable[[objective.ObjectiveInputs], Tensor]] = {
    "litho_l2": objective.l2,
    "litho_pvb": objective.pvb,
    "litho_l2_area": objective.l2_area,
    "litho_pvb_area": objective.pvb_area,
    "litho_gross": gross,
    "total_variation": objective.total_variation,
}
ADVERSARIAL = "adversarial"
# From a surrogate's aerial images and print logits (B, 2, H, W), and the true aerial images and prints (B, H, W).
SURROGATE_TERMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "aerial": lambda output, aerial, printed: mse_loss(output[:, 0], aerial),
    "print": lambda output, aerial, printed: binary_cross_entropy_with_logits(output[:, 1], printed),
}
