"""From a network's logits to the mask, in training as in inference."""

from torch import Tensor, nn

from litho_dl.ilt.parameterization.multilevel import interpolated

SMOOTHING = (6 / 16, 4 / 16, 1 / 16)  # binomial weights of a pixel and of the neighbours at distances 1 and 2


def mask_logits(network: nn.Module, target: Tensor, ratio: int) -> Tensor:
    """Logits of the mask on pixels `ratio` times smaller than the network's: smoothed, then interpolated.

    The mask has shapes where they are positive, so its edges are level lines of a function that is smooth on the scale
    of the network's pixel: they lie between pixels, and there are no specks, which logits that differ from pixel to
    pixel leave. The refinement by ILT (`ilt.parameterization.multilevel`) interpolates in the same way.

    Args:
        network: Targets to logits (B, 1, h, w).
        target: Area coverage (B, 1, h, w) on the network's pixel.
        ratio: Pixel of the network over that of the mask, a whole number.

    Returns:
        Logits (B, ratio h, ratio w), float32 unless the network computes in float64.
    """
    logits = network(target)[:, 0]
    return on_mask_pixel(logits if logits.itemsize > 4 else logits.float(), ratio)


def on_mask_pixel(logits: Tensor, ratio: int) -> Tensor:
    """Logits smoothed, and interpolated to pixels `ratio` times smaller.

    Args:
        logits: (B, h, w).
        ratio: Pixel of the network over that of the mask, a whole number.

    Returns:
        (B, ratio h, ratio w).
    """
    return interpolated(smoothed(logits), ratio)


def smoothed(values: Tensor) -> Tensor:
    """Binomial smoothing with a standard deviation of one pixel along both axes, on a periodic field.

    Args:
        values: (B, h, w).

    Returns:
        (B, h, w).
    """
    for axis in (-2, -1):
        beside = (
            weight * (values.roll(step, axis) + values.roll(-step, axis))
            for step, weight in enumerate(SMOOTHING[1:], 1)
        )
        values = sum(beside, SMOOTHING[0] * values)
    return values
