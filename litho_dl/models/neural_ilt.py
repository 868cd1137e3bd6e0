"""Neural-ILT's network."""

from litho_dl.models.unet import UNet


def neural_ilt() -> UNet:
    """Four levels, 64 to 512: target (B, 1, H, W) -> mask logits (B, 1, H, W), H and W multiples of 8.

    The network alone is a U-Net. The paper's differentiable imaging layer after it is a training loss here, and its
    removal of small features is done by `ilt.cleanup`.

    Source: Jiang et al., Neural-ILT: Migrating ILT to Neural Networks for Mask Printability and Complexity
    Co-optimization (2020), the U-Net backbone; widths as in Zheng et al., LithoBench (2023).
    """
    return UNet((64, 128, 256, 512))


def neural_ilt_small() -> UNet:
    """16 to 128 channels on cells of 2 x 2 pixels, for training on a CPU."""
    return UNet((16, 32, 64, 128), cell=2)
