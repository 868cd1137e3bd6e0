"""Via clips: squares of 70-90 nm at pitches of 150 nm and more.

The first line of each docstring says what the clip tests; it becomes the row of layouts/README.md.
"""

import random

from own_layouts.shapes import Box, Point, lattice, positions, squares


def isolated() -> list[Box]:
    """One isolated 80 nm via: the point-spread response, and space for assist features on all sides."""
    return squares(80, [(0, 0)])


def regular_array() -> list[Box]:
    """A 6 x 6 array of 80 nm vias at pitch 160: dense centre, edge and corner vias."""
    return squares(80, lattice(6, 6, 160))


def staggered_array() -> list[Box]:
    """A staggered array of 70 nm vias, rows 130 apart shifted by 110: diagonal neighbours closest."""
    return squares(70, [(220 * i + 110 * (j % 2), 130 * j) for j in range(7) for i in range(5)])


def pairs() -> list[Box]:
    """Isolated pairs of 80 nm vias, side by side, stacked and diagonal: bridging at pitch 150 to 184."""
    partners = {(0, 0): (150, 0), (560, 0): (560, 150), (0, 560): (130, 690), (560, 690): (690, 560)}
    return squares(80, [*partners, *partners.values()])


def pitch_gradient() -> list[Box]:
    """80 nm vias with the pitch rising from 150 to 340 along both axes: dense corner to isolated corner."""
    places = positions([150, 170, 200, 250, 340])
    return squares(80, [(x, y) for y in places for x in places])


def rows_and_columns() -> list[Box]:
    """One row, one column at pitch 150 and an isolated via (76 nm): dense along one axis only."""
    row = [(150 * i, 0) for i in range(8)]
    column = [(0, 300 + 150 * i) for i in range(6)]
    return squares(76, [*row, *column, (720, 680)])


def random_on_grid() -> list[Box]:
    """70 nm vias on 26 random sites of an 8 x 8 grid of 150: the routed via layer (seed 11)."""
    return squares(70, random.Random(11).sample(lattice(8, 8, 150), 26))


def random_off_grid() -> list[Box]:
    """80 nm vias at random places on a 5 nm grid, centres at least 180 apart: no two surroundings alike (seed 5)."""
    rng = random.Random(5)
    centres: list[Point] = []
    while len(centres) < 22:
        x, y = 5 * rng.randrange(230), 5 * rng.randrange(230)
        if all((x - u) ** 2 + (y - v) ** 2 >= 180**2 for u, v in centres):
            centres.append((x, y))
    return squares(80, centres)


def size_series() -> list[Box]:
    """Columns of vias 70, 74, 80, 84 and 90 wide at pitch 250: mask error factor against size."""
    sizes = (70, 74, 80, 84, 90)
    return [box for i, size in enumerate(sizes) for box in squares(size, [(250 * i, 250 * j) for j in range(4)])]


def cell_row() -> list[Box]:
    """Contacts of a standard-cell row (74 nm): two rail rows at pitch 180, pins scattered between."""
    rails = [(180 * i, y) for y in (0, 1080) for i in range(7)]
    pins = [(90, 250), (270, 430), (90, 610), (450, 250), (450, 610), (630, 430), (810, 790)]
    pins += [(270, 830), (630, 830), (990, 250), (990, 430), (810, 610), (990, 790)]
    return squares(74, rails + pins)


def redundant_clusters() -> list[Box]:
    """Redundant vias (74 nm, pitch 150): single, double, triple, L of three and 2 x 2, well apart."""
    step = 150
    clusters: dict[Point, list[Point]] = {
        (0, 0): [(0, 0), (step, 0)],
        (550, 0): lattice(2, 2, step),
        (1080, 60): [(0, 0)],
        (0, 520): [(0, 0), (0, step), (0, 2 * step)],
        (500, 650): [(0, 0), (step, 0), (0, step)],
        (1000, 600): [(0, 0), (0, step)],
    }
    return squares(74, [(x + u, y + v) for (x, y), members in clusters.items() for u, v in members])


def array_with_gaps() -> list[Box]:
    """An 8 x 8 array of 76 nm vias at pitch 150 with a corner, a centre block and single vias left out."""
    corner = {(i, j) for i in range(5, 8) for j in range(5, 8)}
    missing = corner | {(3, 3), (4, 3), (3, 4), (4, 4), (1, 6), (6, 1)}
    return squares(76, [(150 * i, 150 * j) for j in range(8) for i in range(8) if (i, j) not in missing])


VIA = (
    isolated,
    regular_array,
    staggered_array,
    pairs,
    pitch_gradient,
    rows_and_columns,
    random_on_grid,
    random_off_grid,
    size_series,
    cell_row,
    redundant_clusters,
    array_with_gaps,
)
