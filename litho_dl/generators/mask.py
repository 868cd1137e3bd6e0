"""From a network's logits to the mask that is written: the same in training and in use."""

from torch import Tensor, nn

from litho_dl.ilt.parameterization.multilevel import interpolated


def mask_logits(network: nn.Module, target: Tensor, ratio: int) -> Tensor:
    """Logits of the mask on pixels `ratio` times smaller than the network's, interpolated between its pixels' centres.

    The mask is open where they are positive. Its edges are thus finer than the network's pixels, and the optimisation
    that masks are refined by (`ilt.parameterization.multilevel`) draws them in the same way.

    Args:
        network: Targets to logits (B, 1, h, w).
        target: Area coverage (B, 1, h, w) on the network's pixel.
        ratio: A whole number.

    Returns:
        (B, ratio h, ratio w), float32 unless the network computes in float64.
    """
    logits = network(target)[:, 0]
    return interpolated(logits if logits.itemsize > 4 else logits.float(), ratio)
