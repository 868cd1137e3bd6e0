"""What networks are trained for: means over pixels, so that fields of all sizes weigh alike."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, mse_loss

from litho_dl.ilt import objective

# Of a mask's logits against the pair's mask in [0, 1].
PIXEL_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": binary_cross_entropy_with_logits,
    "l1": lambda logits, mask: l1_loss(logits.sigmoid(), mask),
    "l2": lambda logits, mask: mse_loss(logits.sigmoid(), mask),
}
# Of prints through the simulator against the target, as the optimisation of masks has them: (B,) in nm^2.
LITHO_TERMS: dict[str, Callable[[objective.Scene], Tensor]] = {
    "litho_l2": objective.l2,
    "litho_pvb": objective.pvb,
    "litho_l2_area": objective.l2_area,
    "litho_pvb_area": objective.pvb_area,
}
ADVERSARIAL = "adversarial"
# Of a surrogate's aerial image and print logits (B, 2, H, W) against the true aerial image and print (B, H, W).
SURROGATE_TERMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "aerial": lambda found, aerial, printed: mse_loss(found[:, 0], aerial),
    "print": lambda found, aerial, printed: binary_cross_entropy_with_logits(found[:, 1], printed),
}
