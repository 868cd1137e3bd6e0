"""Passes over the tiles of a chip: the first solves each tile alone, later ones solve it beside its neighbours' masks.

Later passes are multiplicative Schwarz iterations with four colours. Tiles of one colour do not touch, so they are
solved at the same time, each beside the latest masks of its neighbours; this improves the print near seams from both
sides.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from litho_dl.fullchip.tiling import Tile, Tiling

COLOURS = ((0, 0), (1, 1), (0, 1), (1, 0))  # row and column modulo 2, in the order of solving


@dataclass(frozen=True)
class PassStep:
    """A step of a pass: tiles that are solved at the same time, all of them in the first pass, later those of a colour.

    Attributes:
        number: Number of the pass, from 1.
        identical: Groups of tiles with identical inputs, of which only one is solved.
    """

    number: int
    identical: list[list[Tile]]


def pass_steps(contents: dict[Tile, str], tiling: Tiling, passes: int) -> Iterator[PassStep]:
    """Yields the steps of all passes in order.

    Args:
        contents: Digests of the tiles' windows by `Chip.content_digest`; tiles without shapes are left out.
        tiling: The tiling.
        passes: Number of passes.

    Yields:
        One step of the first pass, and one per colour of each later pass.
    """
    latest = dict(contents)
    yield PassStep(1, _identical_groups(latest))
    for number in range(2, passes + 1):
        for colour in range(len(COLOURS)):
            inputs = {tile: _input_digest(latest, tiling, tile) for tile in contents if colour_of(tile) == colour}
            latest |= inputs
            yield PassStep(number, _identical_groups(inputs))


def colour_of(tile: Tile) -> int:
    """A tile's colour, an index into `COLOURS`."""
    return COLOURS.index((tile.row % 2, tile.column % 2))


def latest_passes(tiling: Tiling, tile: Tile, number: int) -> dict[Tile, int]:
    """The passes of the latest masks around a tile when it is solved.

    Args:
        tiling: The tiling.
        tile: The tile.
        number: Number of the pass in which it is solved, from 2.

    Returns:
        The number of the pass of the latest mask, for the tile and each of its neighbours.
    """
    return {other: number - (colour_of(other) >= colour_of(tile)) for other in tiling.neighbours(tile)}


def _identical_groups(digests: dict[Tile, str]) -> list[list[Tile]]:
    """Groups of tiles with equal digests."""
    groups: dict[str, list[Tile]] = {}
    for tile, digest in digests.items():
        groups.setdefault(digest, []).append(tile)
    return list(groups.values())


def _input_digest(latest: dict[Tile, str], tiling: Tiling, tile: Tile) -> str:
    """SHA-256 of all that a tile's mask of the next pass depends on, hexadecimal."""
    near = [latest.get(Tile(tile.row + down, tile.column + right), "") for down in (-1, 0, 1) for right in (-1, 0, 1)]
    left, bottom, right, top = tiling.window(tile)
    room = (min(tiling.area_nm[2], right) - left, min(tiling.area_nm[3], top) - bottom)
    return hashlib.sha256(f"{near} {room}".encode()).hexdigest()
