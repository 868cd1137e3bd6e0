"""Draws docs/architecture.svg from the imports of the package, or says that the drawing is stale.

python scripts/draw_architecture.py
python scripts/draw_architecture.py --check

The sources are parsed, not imported. A folder here is one of the package's; imports in functions and those for type
checkers count. A folder stands one level above the highest folder it imports. Arrows that follow from others are left
out: what is drawn is the transitive reduction. The file's description holds all folders, levels and arrows as JSON.
"""

import ast
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import click
import matplotlib
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

matplotlib.use("svg")

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE, DRAWING = REPOSITORY / "litho_dl", REPOSITORY / "docs" / "architecture.svg"
COMMAND = "python scripts/draw_architecture.py"
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"

# What a folder belongs to follows from what it stands on, directly or not.
PHYSICS, LEARNING, SHARED = {"layout", "optics"}, {"nn", "training"}, {"core", "viz", "report"}
TINTS = {"physics": "#cfe3f5", "learning": "#fbdcbb", "both": "#dccff0", "shared": "#e4e4e4"}
PANELS = {"physics": ("#f1f7fc", 0.51), "learning": ("#fef5ea", 4.62)}  # and the column where the title begins
INK, PALE_INK, ARROW = "#222222", "#555555", "#5c6670"
ROUND = "round,pad=0,rounding_size=0.08"

# Columns from left to right; a folder that is not named here takes a free place above what it imports.
# Above shared folders it is left free, for arrows from high up.
COLUMNS = {
    **{"report": 0.0, "layout": 1.0, "metrics": 1.0, "optics": 2.0, "process": 2.0, "simulation": 1.5},
    **{"calibration": 2.9, "scoring": 1.0, "ilt": 2.0, "runs": 1.5, "tuning": 1.0, "pairs": 2.0, "viz": 3.0},
    **{"nn": 4.0, "models": 4.0, "mnist": 4.5, "training": 5.15, "generators": 3.6, "fullchip": 3.6, "cli": 3.0},
}
PLACES = [half / 2 for half in range(-10, 30)]
COLUMN_IN, LEVEL_IN, MARGIN_IN, CAPTION_IN = 1.6, 0.98, 0.3, 0.45
HALF_WIDTH, HALF_HEIGHT = 0.43, 0.29  # of a box, in columns and levels
CLEARANCE = 0.05  # between arrows and boxes

Point = tuple[float, float]
Arrow = tuple[str, str]


@dataclass
class Folder:
    """A folder of the package: its lines of code, and how many imports it has from each other folder."""

    lines: int = 0
    imports: Counter[str] = field(default_factory=Counter)


class Box(NamedTuple):
    """A folder's place: its centre, and half its width and height."""

    x: float
    y: float
    half_width: float = HALF_WIDTH
    half_height: float = HALF_HEIGHT

    def hit(self, start: Point, stop: Point) -> bool:
        """True if a straight line comes too near."""
        entering, leaving = 0.0, 1.0
        halves = (self.half_width + CLEARANCE, self.half_height + CLEARANCE)
        for begin, end, centre, half in zip(start, stop, self[:2], halves, strict=True):
            step = end - begin
            if step == 0:
                if abs(begin - centre) >= half:
                    return False
                continue
            near, far = sorted(((centre - half - begin) / step, (centre + half - begin) / step))
            entering, leaving = max(entering, near), min(leaving, far)
        return entering < leaving


def imported_modules(source: str, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The names that a module imports anywhere, in parts; `package` is what relative imports start from."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (tuple(alias.name.split(".")) for alias in node.names)
            case ast.ImportFrom():
                base = package[: len(package) - node.level + 1] if node.level else ()
                home = (*base, *(node.module.split(".") if node.module else ()))
                if len(home) == 1:
                    yield from ((*home, alias.name) for alias in node.names)
                else:
                    yield home


def read_folders(package: Path) -> dict[str, Folder]:
    """The package's folders by name; those that import nothing and are not imported, which hold data, are left out."""
    files = [path for path in sorted(package.rglob("*.py")) if path.parent != package]
    folders = {path.relative_to(package).parts[0]: Folder() for path in files}
    for path in files:
        parts = path.relative_to(package.parent).with_suffix("").parts
        source, own = path.read_text(encoding="utf-8"), folders[parts[1]]
        own.lines += len(source.splitlines())
        for name, *inner in imported_modules(source, parts[:-1]):
            if name == package.name and inner and inner[0] in folders and inner[0] != parts[1]:
                own.imports[inner[0]] += 1
    used = {name for folder in folders.values() for name in folder.imports}
    return {name: folder for name, folder in sorted(folders.items()) if folder.imports or name in used}


def levels_of(folders: Mapping[str, Folder]) -> dict[str, int]:
    """How many folders are on the longest way down from each.

    Raises:
        ClickException: Folders import each other in a circle.
    """
    levels: dict[str, int] = {}

    def visit(name: str, above: tuple[str, ...]) -> int:
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            raise click.ClickException(f"Expected imports that go downward, got a circle: {circle}; break it.")
        if name not in levels:
            levels[name] = max((visit(lower, (*above, name)) + 1 for lower in sorted(folders[name].imports)), default=0)
        return levels[name]

    for name in folders:
        visit(name, ())
    return levels


def foundations(folders: Mapping[str, Folder], levels: Mapping[str, int]) -> dict[str, set[str]]:
    """All folders below each, those that it imports by way of others included."""
    below: dict[str, set[str]] = {}
    for name in sorted(folders, key=levels.__getitem__):
        below[name] = set(folders[name].imports).union(*(below[lower] for lower in folders[name].imports))
    return below


def reduced(folders: Mapping[str, Folder], below: Mapping[str, set[str]]) -> list[Arrow]:
    """The arrows that do not follow from others."""
    return [
        (upper, lower)
        for upper, folder in folders.items()
        for lower in sorted(folder.imports)
        if not any(lower in below[between] for between in folder.imports)
    ]


def structure(folders: Mapping[str, Folder], levels: Mapping[str, int]) -> str:
    """Folders with their levels, and all arrows, as JSON: what must be right in a drawing."""
    arrows = sorted([upper, lower] for upper, folder in folders.items() for lower in folder.imports)
    return json.dumps({"folders": dict(sorted(levels.items())), "arrows": arrows})


def differences(drawn: str, wanted: str) -> list[str]:
    """What a drawing lacks and what it has too much, in words."""
    if not drawn:
        return ["holds no folders, or is missing"]
    old, new = json.loads(drawn), json.loads(wanted)
    sides = []
    for parts in (old, new):
        folders = {f"{name} on level {level}" for name, level in parts.get("folders", {}).items()}
        sides.append(folders | {f"{upper} -> {lower}" for upper, lower in parts.get("arrows", [])})
    before, now = sides
    return [f"lacks {part}" for part in sorted(now - before)] + [f"still has {part}" for part in sorted(before - now)]


def stored_structure(drawing: Path) -> str:
    """The structure in a drawing; empty if there is none."""
    try:
        found = ElementTree.parse(drawing).find(f".//{DESCRIPTION}")
    except (OSError, ElementTree.ParseError):
        return ""
    return "" if found is None or not found.text else found.text


def stack_of(name: str, below: set[str]) -> str:
    """Which of the stacks a folder belongs to."""
    if name in SHARED:
        return "shared"
    on = below | {name}
    physics, learning = bool(on & PHYSICS), bool(on & LEARNING)
    return {(True, True): "both", (True, False): "physics", (False, True): "learning"}.get(
        (physics, learning), "shared"
    )


def placed(folders: Mapping[str, Folder], levels: Mapping[str, int]) -> dict[str, Box]:
    """A box for each folder; a folder alone on the ground is as wide as all that stands on it."""
    boxes: dict[str, Box] = {}
    ground = [name for name, level in levels.items() if level == 0]
    wide = ground if len(ground) == 1 and len(folders) > 1 else []
    for name in sorted(folders.keys() - set(wide), key=lambda name: (levels[name], name not in COLUMNS, name)):
        beside = [box.x for box in boxes.values() if box.y == levels[name]]
        column = COLUMNS.get(name)
        if column is None or not apart(column, beside):
            below = [boxes[lower].x for lower in folders[name].imports if lower in boxes]
            wanted = sum(below) / len(below) if below else 0.0
            shared = [boxes[other].x for other in SHARED & boxes.keys()]
            column = min((x for x in PLACES if apart(x, beside + shared)), key=lambda x: (abs(x - wanted), x))
        boxes[name] = Box(column, float(levels[name]))
    for name in wide:
        on_it = [box.x for box in boxes.values() if box.y == 1]
        boxes[name] = Box((min(on_it) + max(on_it)) / 2, 0.0, (max(on_it) - min(on_it)) / 2 + HALF_WIDTH)
    return boxes


def apart(column: float, others: list[float]) -> bool:
    """True if a box there does not overlap those in other columns."""
    return all(abs(column - other) > 2 * HALF_WIDTH for other in others)


def ports(own: Box, others: Mapping[Arrow, Box]) -> dict[Arrow, float]:
    """Where arrows meet a box's upper edge; on a wide box right below their other ends.

    Side by side, those from the left first; from the same side, those from higher up come down nearer to the middle.
    """
    if own.half_width > HALF_WIDTH:
        return {arrow: other.x for arrow, other in others.items()}

    def place(arrow: Arrow) -> tuple[bool, float, float]:
        other = others[arrow]
        from_right = other.x >= own.x
        return from_right, -other.y if from_right else other.y, other.x

    order = sorted(others, key=place)
    gap = min(0.22, 2 * HALF_WIDTH / (len(order) + 1))
    return {arrow: own.x + (n - (len(order) - 1) / 2) * gap for n, arrow in enumerate(order)}


def routed(boxes: Mapping[str, Box], arrows: list[Arrow]) -> dict[Arrow, list[Point]]:
    """A line for each arrow that keeps clear of the boxes: straight, or out of a side and then down."""
    entries: dict[Arrow, float] = {}
    for name, box in boxes.items():
        entries |= ports(box, {arrow: boxes[arrow[0]] for arrow in arrows if arrow[1] == name})
    lines: dict[Arrow, list[Point]] = {}
    for upper, lower in arrows:
        own, other, entry = boxes[upper], boxes[lower], entries[upper, lower]
        end = (entry, other.y + other.half_height)
        start = (min(max(entry, own.x - 0.6 * own.half_width), own.x + 0.6 * own.half_width), own.y - own.half_height)
        side = own.x + (own.half_width if entry > own.x else -own.half_width)
        ways = [[start, end], [(side, own.y), (entry, own.y), end]]
        rest = [box for name, box in boxes.items() if name not in (upper, lower)]
        lines[upper, lower] = min(ways, key=lambda way: sum(_hits(way, rest)))
    return lines


def _hits(way: list[Point], boxes: list[Box]) -> Iterator[bool]:
    return (box.hit(start, stop) for start, stop in pairwise(way) for box in boxes)


def draw(folders: Mapping[str, Folder], levels: Mapping[str, int], drawing: Path) -> None:
    """Writes the drawing; the same sources and the same matplotlib give the same bytes."""
    below = foundations(folders, levels)
    boxes, arrows = placed(folders, levels), reduced(folders, below)
    stacks = {name: stack_of(name, below[name]) for name in folders}
    left = min(box.x - box.half_width for box in boxes.values())
    right = max(box.x + box.half_width for box in boxes.values())
    low, high = -HALF_HEIGHT - CAPTION_IN / LEVEL_IN, max(levels.values()) + HALF_HEIGHT
    size = ((right - left) * COLUMN_IN + 2 * MARGIN_IN, (high - low) * LEVEL_IN + 2 * MARGIN_IN)
    with plt.rc_context({"svg.hashsalt": "litho_dl", "svg.fonttype": "path", "font.family": "DejaVu Sans"}):
        figure = plt.figure(figsize=size, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(left - MARGIN_IN / COLUMN_IN, right + MARGIN_IN / COLUMN_IN)
        axes.set_ylim(low - MARGIN_IN / LEVEL_IN, high + MARGIN_IN / LEVEL_IN)
        axes.axis("off")
        for stack in PANELS:
            draw_panel(axes, stack, [boxes[name] for name in folders if stacks[name] == stack])
        for (upper, lower), line in routed(boxes, arrows).items():
            draw_arrow(axes, line, folders[upper].imports[lower])
        for name, box in boxes.items():
            draw_folder(axes, name, box, folders[name].lines, TINTS[stacks[name]])
        text = caption(folders, len(arrows))
        axes.text(left, -HALF_HEIGHT - 0.2, text, fontsize=10, color=INK, va="top", linespacing=1.5)
        metadata = {"Title": "Folders of litho_dl and what they import", "Description": structure(folders, levels)}
        figure.savefig(drawing, format="svg", metadata={**metadata, "Date": None, "Creator": None})
        plt.close(figure)


def draw_panel(axes: Axes, stack: str, boxes: list[Box]) -> None:
    """The ground of one stack, and its name above."""
    if not boxes:
        return
    color, title = PANELS[stack]
    x0, x1 = min(box.x for box in boxes) - 0.52, max(box.x for box in boxes) + 0.52
    y0, y1 = min(box.y for box in boxes) - 0.38, max(box.y for box in boxes) + 0.42
    axes.add_patch(FancyBboxPatch((x0, y0), x1 - x0, y1 - y0, ROUND, fc=color, ec=TINTS[stack], lw=0.9, zorder=0))
    axes.text(title, y1 + 0.06, stack, fontsize=15, style="italic", color=INK, va="bottom", zorder=1)


def draw_folder(axes: Axes, name: str, box: Box, lines: int, color: str) -> None:
    """A folder's box with its name and, to the nearest hundred, its lines."""
    corner, width, height = (box.x - box.half_width, box.y - box.half_height), 2 * box.half_width, 2 * box.half_height
    axes.add_patch(FancyBboxPatch(corner, width, height, ROUND, fc=color, ec="#8a8a8a", lw=0.9, zorder=4))
    axes.text(box.x, box.y + 0.07, name, fontsize=16, ha="center", va="center", color=INK, zorder=5)
    size = f"{max(100, round(lines, -2)):,} lines"
    axes.text(box.x, box.y - 0.17, size, fontsize=9.5, ha="center", va="center", color=PALE_INK, zorder=5)


def draw_arrow(axes: Axes, line: list[Point], imports: int) -> None:
    """A line that ends in the neck of its head, as thick as there are imports."""
    width = 0.6 + 0.45 * imports**0.5
    *inner, (x, y) = line
    (x0, y0), length_in = inner[-1], (0.09 + 0.012 * width) * LEVEL_IN
    share = length_in / math.hypot((x - x0) * COLUMN_IN, (y - y0) * LEVEL_IN)
    neck = (x + (x0 - x) * share, y + (y0 - y) * share)
    axes.plot(*zip(*inner, neck, strict=True), color=ARROW, lw=width, solid_capstyle="butt", zorder=2)
    head = {"width": 0, "headwidth": 5 + 1.4 * width, "headlength": 1.15 * length_in * 72, "lw": 0}
    axes.annotate("", (x, y), inner[-1], arrowprops={**head, "color": ARROW, "shrink": 0}, zorder=3)


def caption(folders: Mapping[str, Folder], arrows: int) -> str:
    """How to read the drawing."""
    pairs = sum(len(folder.imports) for folder in folders.values())
    imports = sum(sum(folder.imports.values()) for folder in folders.values())
    return (
        f"A folder stands above all that it imports. {arrows} of {pairs} arrows: the others follow from "
        f"these.\nThe thicker an arrow, the more import statements; {imports} in all. Purple folders stand on both "
        f"stacks, grey ones serve both."
    )


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if folders or arrows of the drawing are stale.")
@click.option("--package", type=click.Path(path_type=Path), default=PACKAGE, help="Folder of the sources.")
@click.option("--out", type=click.Path(path_type=Path), default=DRAWING, help="The drawing.")
def main(check: bool, package: Path, out: Path) -> None:
    """Draw the folders of the package and what they import."""
    folders = read_folders(package)
    levels = levels_of(folders)
    if not check:
        draw(folders, levels, out)
        return
    found = differences(stored_structure(out), structure(folders, levels))
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        click.echo(f"Expected {out.name} of these sources; it {', '.join(found[:3])}{more}; run {COMMAND}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
