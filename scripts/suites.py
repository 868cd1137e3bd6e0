"""The clips that methods and networks are compared on."""

from dataclasses import dataclass
from pathlib import Path

import click

from litho_dl.layout.clips import Clip, load_clip
from litho_dl.process.files import load_process
from litho_dl.process.model import ProcessModel
from litho_dl.scoring.evaluate import RasterConvention

ROOT = Path(__file__).resolve().parents[1]
SUITES = ("iccad13", "layouts")
LAYOUTS_OPTICS = "duv193-immersion-annular"


@dataclass(frozen=True, eq=False)
class Suite:
    """Clips of one process, and how they are scored."""

    name: str
    optics: str
    process: ProcessModel
    clips: list[Clip]
    protocol: str
    rasters: tuple[RasterConvention, ...] = ("exact",)


def load_suite(name: str, data: Path, optics: str | None = None) -> Suite:
    """The ten contest clips with the contest's kernels, or our own layouts with our own optics, or others as given."""
    if name == "iccad13":
        if not (data / "layouts").is_dir():
            raise click.ClickException(f"{data}: no contest data (layouts, kernels, scales) there; pass --data.")
        paths = sorted((data / "layouts").glob("*.glp"), key=lambda path: int(path.stem.removeprefix("M1_test")))
        optics = optics or str(data)
    else:
        paths, optics = sorted((ROOT / "layouts").glob("*.glp")), optics or LAYOUTS_OPTICS
    process = load_process(optics)
    clips = [load_clip(path, process) for path in paths]
    if name == "iccad13":
        return Suite(name, optics, process, clips, "iccad13", ("exact", "inclusive"))  # published tables mix them
    return Suite(name, optics, process, clips, "default")
