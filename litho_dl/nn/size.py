"""Image sizes that a network accepts."""

from torch import Tensor, nn

from litho_dl.core.errors import GridMismatchError


class SizeMultiple(nn.Module):
    """Passes images of a fitting size on unchanged: (B, C, H, W) -> (B, C, H, W).

    Args:
        multiple: H and W must be multiples of it.
        least: Smallest H and W allowed, itself a multiple; None: `multiple`.

    Raises:
        GridMismatchError: In `forward`, for images of another size; the message says what to pad to.
    """

    def __init__(self, multiple: int, least: int | None = None) -> None:
        super().__init__()
        self.multiple, self.least = multiple, least or multiple

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        wanted = tuple(max(-(-side // self.multiple) * self.multiple, self.least) for side in (height, width))
        if wanted != (height, width):
            raise GridMismatchError(
                f"Expected images whose sides are multiples of {self.multiple} pixels, {self.least} or more, got "
                f"{height} x {width}; pad to {wanted[0]} x {wanted[1]}."
            )
        return x
