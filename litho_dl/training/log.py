"""Logs of a run: `metrics.csv`, and TensorBoard events on request."""

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
    """Writes `metrics.csv`, one row per epoch.

    Args:
        folder: The run's folder.
        history: The metrics of each epoch.

    Raises:
        OutputError: The file cannot be written.
    """
    write_csv(folder / METRICS, history)


class TensorBoard:
    """Writer of TensorBoard events.

    Args:
        folder: The run's folder.
        epochs: Epochs done so far; events of later epochs, left by an interrupted run, are hidden.

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

    def add_metrics(self, row: Row) -> None:
        """Writes the metrics of one epoch."""
        for name, value in row.items():
            self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()  # so that a killed run loses nothing

    def add_pictures(self, pictures: Mapping[str, Tensor], epoch: int) -> None:
        """Writes pictures as of the end of an epoch.

        Args:
            pictures: Images by name, (B, H, W) in [0, 1] each; row 0 is the lowest y.
            epoch: The epoch, from 1.
        """
        for name, images in pictures.items():
            self._writer.add_images(name, images.flip(-2)[:, None], epoch)
        self._writer.flush()
