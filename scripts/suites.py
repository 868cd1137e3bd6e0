"""The clips that methods and networks are compared on."""

from pathlib import Path

import click

from litho_dl.comparison.suite import Suite
from litho_dl.layout.clips import Clip, load_clip, place
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.generate.families import generate
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
LAYOUTS_OPTICS = "duv193-immersion-annular"
RANDOM_OPTICS = "iccad13-like"
RANDOM = {  # families and rules that take turns
    "metal": (("metal", "m1-45"), ("cell", "m1-45"), ("structures", "m1-45")),
    "via": (("via", "via-45"), ("via", "contact-45")),
}
RANDOM_CLIPS = 12
RANDOM_NM = 1280.0  # side of a random clip
RANDOM_SEED = 20130000  # of the first; those of data sets and of training are hashes of 63 bits
SUITES = ("iccad13", "layouts", *RANDOM)


def load_suite(name: str, data: Path, optics: str | None = None) -> Suite:
    """The clips of a suite with its optics, or others as given.

    Args:
        name: `iccad13`: the ten clips of the contest with its kernels; `layouts`: our own layouts with our own optics;
            `metal`, `via`: random clips that no data set holds.
        data: Folder of the contest's data.
        optics: Name, file or folder; default the suite's.

    Raises:
        click.ClickException: There is no contest data.
        LayoutError: A clip does not fit on the field.
    """
    if name == "iccad13":
        if not (data / "layouts").is_dir():
            raise click.ClickException(f"{data}: no contest data (layouts, kernels, scales) there; pass --data.")
        paths = sorted((data / "layouts").glob("*.glp"), key=lambda path: int(path.stem.removeprefix("M1_test")))
        optics = optics or str(data)
        simulator = Simulator(optics)
        clips = [load_clip(path, simulator) for path in paths]
        rasters = ("exact", "inclusive")  # published tables mix them
        return Suite(name, optics, simulator, clips, PROTOCOLS["iccad13"], rasters)
    optics = optics or (RANDOM_OPTICS if name in RANDOM else LAYOUTS_OPTICS)
    simulator = Simulator(optics)
    if name in RANDOM:
        clips = random_clips(name, simulator)
    else:
        clips = [load_clip(path, simulator) for path in sorted((ROOT / "layouts").glob("*.glp"))]
    return Suite(name, optics, simulator, clips, PROTOCOLS["default"].scaled(simulator.scale))


def random_clips(name: str, simulator: Simulator) -> list[Clip]:
    """The same random clips on every machine, named by family, rules and number."""
    clips = []
    for index in range(RANDOM_CLIPS):
        family, rules = RANDOM[name][index % len(RANDOM[name])]
        layout = generate(family, load_rules(rules), RANDOM_SEED + index, RANDOM_NM)
        clips.append(place(layout, simulator, f"{family}_{rules}_{index + 1:02d}"))
    return clips
