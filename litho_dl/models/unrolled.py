"""Networks that improve a mask in turns, each seeing what the simulator says of the last turn's mask."""

from collections.abc import Sequence

from torch import Tensor, nn

from litho_dl.models.unet import UNet

FEATURES = 8  # channels of `generators.unrolled.features`


class Unrolled(nn.Module):
    """One network a turn, each with weights of its own: features (B, C, H, W) -> change of the logits (B, 1, H, W).

    Args:
        turns: The networks in their order.

    Source: the scheme of Zhu et al., L2O-ILT: Learning to optimize inverse lithography techniques (2023), and of Yang
    et al., ILILT: Implicit learning of inverse lithography technologies (2024); here through the exact simulator.
    """

    def __init__(self, turns: Sequence[nn.Module]) -> None:
        super().__init__()
        self.turns = nn.ModuleList(turns)

    def forward(self, features: Tensor, turn: int) -> Tensor:
        return self.turns[turn](features)


def any_optics() -> Unrolled:
    """The first turn sees wider surroundings than the others: 1.5 M weights in all."""
    wide = UNet((16, 32, 64, 96, 128), cell=2, channels=FEATURES)
    return Unrolled([wide, *(UNet((16, 32, 64, 96), cell=2, channels=FEATURES) for _ in range(2))])


def any_optics_small() -> Unrolled:
    """Two turns of 16 and 32 channels, for tests."""
    return Unrolled([UNet((16, 32), cell=2, channels=FEATURES) for _ in range(2)])
