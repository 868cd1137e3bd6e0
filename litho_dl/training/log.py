"""What a run says of itself: `metrics.csv` always, TensorBoard's events if asked for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from litho_dl.core.errors import LithoError
from litho_dl.core.io import write_csv

METRICS = "metrics.csv"
EVENTS = "tensorboard"
Row = dict[str, float]


def write_metrics(folder: Path, history: Sequence[Row]) -> None:
    """Writes one row an epoch."""
    write_csv(folder / METRICS, history)


class TensorBoard:
    """TensorBoard's events of a run; those after its first `epochs`, left by a run that was killed, are hidden.

    Raises:
        LithoError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, epochs: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise LithoError(
                "Expected TensorBoard, which is not installed; pip install 'litho-dl[log]', or do without: metrics.csv "
                "holds the same."
            ) from error
        self._writer = SummaryWriter(str(folder / EVENTS), purge_step=epochs + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._writer.close()

    def add(self, row: Row) -> None:
        """Takes in one epoch's figures."""
        for name, value in row.items():
            self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()  # a killed run would lose what waits

    def show(self, pictures: Mapping[str, Tensor], epoch: int) -> None:
        """Takes in the pictures of an epoch's end, (B, H, W) in [0, 1] each; row 0 is the lowest y."""
        for name, images in pictures.items():
            self._writer.add_images(name, images.flip(-2)[:, None], epoch)
        self._writer.flush()
