"""What a worker is asked to do, and what it says when that is done."""

from dataclasses import dataclass

from litho_dl.fullchip.tiling import Tile


@dataclass(frozen=True)
class TileTask:
    """Tiles of a run that are solved together in pass `number`, or scored after it; `device` as `--device`."""

    folder: str
    digest: str
    tiles: tuple[Tile, ...]
    number: int
    device: str


@dataclass(frozen=True)
class TileReport:
    """Finished tiles, and what they took."""

    tiles: tuple[Tile, ...]
    seconds: float
