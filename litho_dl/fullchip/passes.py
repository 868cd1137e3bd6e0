"""Passes over the tiles: alone at first, then each between its neighbours' masks, one of four colours after the other.

No two tiles of a colour touch. So all of a colour can be solved at once, and each sees what its neighbours have become:
multiplicative Schwarz passes, in which the print near a seam is made good by the tiles on both of its sides.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from litho_dl.fullchip.tiling import Tile, Tiling

COLOURS = ((0, 0), (1, 1), (0, 1), (1, 0))  # row and column modulo 2, in the order of their turns


@dataclass(frozen=True)
class Wave:
    """Tiles that do not depend on one another.

    Attributes:
        number: Of the pass, from 1.
        alike: Lists of tiles that see the same, of which one is solved.
    """

    number: int
    alike: list[list[Tile]]


def waves(seen: dict[Tile, str], tiling: Tiling, passes: int) -> Iterator[Wave]:
    """What is to be done, in order.

    Args:
        seen: What a tile sees of the layout, as `Chip.content` tells; tiles that see nothing are left out.
        tiling: Where they lie.
        passes: How many; in the first each tile is solved alone.
    """
    latest = dict(seen)
    yield Wave(1, _alike(latest))
    for number in range(2, passes + 1):
        for colour in range(len(COLOURS)):
            own = {tile: _surroundings(latest, tiling, tile) for tile in seen if colour_of(tile) == colour}
            latest |= own
            yield Wave(number, _alike(own))


def colour_of(tile: Tile) -> int:
    """A tile's turn within a pass."""
    return COLOURS.index((tile.row % 2, tile.column % 2))


def masks_seen(tiling: Tiling, tile: Tile, number: int) -> dict[Tile, int]:
    """The pass in which the latest mask was made of each tile near one whose turn it is in pass `number`."""
    return {other: number - (colour_of(other) >= colour_of(tile)) for other in tiling.neighbours(tile)}


def _alike(seen: dict[Tile, str]) -> list[list[Tile]]:
    groups: dict[str, list[Tile]] = {}
    for tile, what in seen.items():
        groups.setdefault(what, []).append(tile)
    return list(groups.values())


def _surroundings(latest: dict[Tile, str], tiling: Tiling, tile: Tile) -> str:
    """SHA-256 (hex) of all that a pass's mask of a tile depends on."""
    near = [latest.get(Tile(tile.row + down, tile.column + right), "") for down in (-1, 0, 1) for right in (-1, 0, 1)]
    left, bottom, right, top = tiling.window(tile)
    room = (min(tiling.area_nm[2], right) - left, min(tiling.area_nm[3], top) - bottom)
    return hashlib.sha256(f"{near} {room}".encode()).hexdigest()
