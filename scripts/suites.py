"""The clips that methods and networks are compared on."""

from pathlib import Path

import click

from litho_dl.comparison.suite import Suite
from litho_dl.layout.clips import load_clip
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
SUITES = ("iccad13", "layouts")
LAYOUTS_OPTICS = "duv193-immersion-annular"


def load_suite(name: str, data: Path, optics: str | None = None) -> Suite:
    """The ten contest clips with the contest's kernels, or our own layouts with our own optics, or others as given."""
    if name == "iccad13":
        if not (data / "layouts").is_dir():
            raise click.ClickException(f"{data}: no contest data (layouts, kernels, scales) there; pass --data.")
        paths = sorted((data / "layouts").glob("*.glp"), key=lambda path: int(path.stem.removeprefix("M1_test")))
        optics = optics or str(data)
    else:
        paths, optics = sorted((ROOT / "layouts").glob("*.glp")), optics or LAYOUTS_OPTICS
    simulator = Simulator(optics)
    clips = [load_clip(path, simulator) for path in paths]
    if name == "iccad13":
        rasters = ("exact", "inclusive")  # published tables mix them
        return Suite(name, optics, simulator, clips, PROTOCOLS["iccad13"], rasters)
    return Suite(name, optics, simulator, clips, PROTOCOLS["default"])
