"""From a network's logits to the mask, in training as in inference."""

from torch import Tensor, nn

from litho_dl.ilt.parameterization.multilevel import interpolated


def mask_logits(network: nn.Module, target: Tensor, ratio: int) -> Tensor:
    """Logits of the mask on pixels `ratio` times smaller than the network's, interpolated between pixel centres.

    The mask has shapes where they are positive, so its edges are finer than the network's pixels. The refinement by ILT
    (`ilt.parameterization.multilevel`) interpolates in the same way.

    Args:
        network: Targets to logits (B, 1, h, w).
        target: Area coverage (B, 1, h, w) on the network's pixel.
        ratio: Pixel of the network over that of the mask, a whole number.

    Returns:
        Logits (B, ratio h, ratio w), float32 unless the network computes in float64.
    """
    logits = network(target)[:, 0]
    return interpolated(logits if logits.itemsize > 4 else logits.float(), ratio)
