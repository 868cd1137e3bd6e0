"""Metal-1 clips: wires 60-120 nm wide, spaces of at least 60 nm, facing tips at least 80 nm apart.

The first line of each docstring says what the clip tests; it becomes the row of layouts/README.md.
"""

import random
from itertools import pairwise

from own_layouts.shapes import Box, flip_y, move, positions, squares, turn, wire


def dense_lines() -> list[Box]:
    """Dense lines at pitch 140 (70/70), every second one pulled back by 80: grating against its ends."""
    return [(140 * i, 80 * (i % 2), 70, 900 - 160 * (i % 2)) for i in range(8)]


def isolated_lines() -> list[Box]:
    """Three isolated lines, 60, 80 and 120 wide: depth of focus and line-end shortening without neighbours."""
    return [(0, 0, 60, 900), (480, 0, 80, 900), (1000, 0, 120, 900)]


def pitch_ramp() -> list[Box]:
    """65 nm lines with the pitch rising from 130 to 310: dense, through the forbidden pitches, to isolated."""
    return [(x, 0, 65, 700) for x in positions([130, 150, 180, 210, 250, 310])]


def tip_to_tip() -> list[Box]:
    """Facing tips 80 to 160 apart on neighbouring tracks, and five tips against the side of a line at 90."""
    boxes = [(1090, -40, 80, 760)]
    for track, gap in enumerate((80, 100, 120, 140, 160)):
        y, cut = 150 * track, 330 + 80 * track
        boxes += [(0, y, cut, 70), (cut + gap, y, 1000 - cut - gap, 70)]
    return boxes


def nested_elbows() -> list[Box]:
    """Six nested L wires, the innermost 110 wide: outer and inner corners, dense and exposed."""
    elbows = [wire(70, (d, 965), (d, d), (965, d)) for d in range(0, 750, 150)]
    return [box for elbow in elbows for box in elbow] + wire(110, (770, 945), (770, 770), (945, 770))


def tees_in_cups() -> list[Box]:
    """T stems inside U cups, one upright and one upside down: concave corners and tips against sides at 90."""
    cup = wire(80, (40, 600), (40, 40), (360, 40), (360, 600))
    tee = wire(80, (40, 770), (360, 770)) + wire(70, (200, 770), (200, 205))
    pair = cup + tee
    return pair + move(flip_y(pair, 810), 520, 0) + [(1010, 100, 90, 610)]


def comb() -> list[Box]:
    """Two interdigitated combs of 66 nm teeth on 100 nm spines: dense teeth, tips 90 from a spine."""
    teeth_up = [(280 * i, 0, 66, 650) for i in range(4)]
    teeth_down = [(140 + 280 * i, 190, 66, 650) for i in range(4)]
    return [(0, 0, 906, 100), *teeth_up, (140, 740, 906, 100), *teeth_down]


def serpentine() -> list[Box]:
    """A 74 nm meander at pitch 150 with a landing pad at each end: U turns back to back."""
    low, high = 0, 800
    path = [(0, -130)]
    for leg in range(7):
        x = 150 * leg
        path += [(x, low), (x, high)] if leg % 2 == 0 else [(x, high), (x, low)]
    path.append((900, 930))
    return wire(74, *path) + squares(120, [path[0], path[-1]])


def jogs() -> list[Box]:
    """Parallel wires that jog by 20 to 60, and one that steps from 60 to 120 wide: small edges, no tips."""
    boxes = []
    for i, jog in enumerate((20, 30, 40, 50, 60)):
        x, y = 180 * i, 650 - 90 * i
        boxes += wire(70, (x, 0), (x, y), (x + jog, y), (x + jog, 850))
    return [*boxes, (930, -35, 60, 480), (930, 445, 120, 440)]


def landing_pads() -> list[Box]:
    """60 nm wires with 110 nm landing pads in brick order on 160 nm tracks: wide on narrow, pads on their own."""
    boxes = []
    for track in range(6):
        y = 160 * track
        pads = [(225 * (track % 2) + 450 * i, y) for i in range(3)]
        joined = pads[:2] if track % 4 < 2 else pads[1:]
        boxes += squares(110, pads) + wire(60, *joined)
    return boxes


def and_or_cell() -> list[Box]:
    """A standard cell, and-or-invert gate: power rails, straps, pins, and an output that bends round them."""
    rails = [(0, 0, 900, 110), (0, 1070, 900, 110)]
    straps = [(40, 0, 70, 390), (790, 0, 70, 340), (40, 760, 70, 420), (415, 930, 70, 250)]
    inner = wire(70, (225, 955), (225, 825), (675, 825), (675, 955))
    output = wire(70, (825, 955), (825, 655), (600, 655), (600, 215), (350, 215))
    pins = [(40, 470, 120, 200), (250, 330, 90, 200), (400, 430, 90, 290), (700, 430, 160, 110)]
    return rails + straps + inner + output + pins


def flip_flop() -> list[Box]:
    """The inside of a flip-flop: bidirectional 70 nm wires on a 150 grid, S shapes and stubs packed tight."""
    nets = [
        [(0, 0), (0, 2), (1, 2)],
        [(0, 3), (0, 5), (1, 5)],
        [(1, 0), (2, 0), (2, 3), (1, 3), (1, 4)],
        [(2, 5), (4, 5), (4, 4), (2, 4)],
        [(3, 0), (3, 1), (4, 1), (4, 3), (3, 3)],
        [(4, 0), (6, 0)],
        [(5, 1), (5, 3), (6, 3), (6, 5), (5, 5)],
        [(6, 1), (7, 1), (7, 3)],
        [(7, 4), (7, 5)],
        [(7, 0), (8, 0), (8, 5)],
        [(5, 4), (5, 4)],
        [(6, 2), (6, 2)],
    ]
    return [box for net in nets for box in wire(70, *[(150 * i, 150 * j) for i, j in net])]


def memory_cell() -> list[Box]:
    """Two point-symmetric memory cells, mirrored: short islands and crooked wires, every tip exposed."""
    width, height = 1040, 480
    half = [
        (0, 0, 120, 90),  # ground island
        (0, 195, 100, 90),  # word-line pad
        *wire(70, (235, 45), (235, 175), (395, 175), (395, 305)),  # internal node
        (330, 0, 110, 80),  # bit-line contact
    ]
    cell = half + turn(half, width, height) + [(0, 390, 230, 90), (810, 0, 230, 90)]
    return cell + move(flip_y(cell, height), 0, height + 90)


def random_routing() -> list[Box]:
    """Random wires on eight 140 nm tracks, cut by 90 to 240 and some tied to the next track (seed 7)."""
    rng = random.Random(7)
    tracks: list[list[Box]] = []
    for track in range(8):
        wires, x = [], 10 * rng.randrange(12)
        while x < 1000:
            length = min(10 * rng.randrange(12, 60), 1100 - x)
            wires.append((x, 140 * track, length, 70))
            x += length + 10 * rng.randrange(9, 25)
        tracks.append(wires)
    ties = []
    for lower, upper in pairwise(tracks):
        shared = [(max(a[0], b[0]), min(a[0] + a[2], b[0] + b[2])) for a in lower for b in upper]
        start, stop = rng.choice([(start, stop) for start, stop in shared if stop - start >= 70])
        if rng.random() < 0.6:
            ties.append((rng.choice([start, stop - 70]), lower[0][1], 70, 210))
    return [box for wires in tracks for box in wires] + ties


METAL = (
    dense_lines,
    isolated_lines,
    pitch_ramp,
    tip_to_tip,
    nested_elbows,
    tees_in_cups,
    comb,
    serpentine,
    jogs,
    landing_pads,
    and_or_cell,
    flip_flop,
    memory_cell,
    random_routing,
)
