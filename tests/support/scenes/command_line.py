"""Running command lines in this process, and the files they are run on."""

import contextlib
import io
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np

from litho_dl.cli.main import main
from litho_dl.core.io import write_png
from litho_dl.core.second_process import at_once
from litho_dl.core.settings import packaged_text
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import build_process
from litho_dl.viz import drawing
from litho_dl.viz.figure import save_figure
from scenes.coarse_optics import coarse_recipe

RECIPE = "duv193-dry-annular"
DPI = 30
METHOD = """
description = "a few steps"
parameterization = "pixel"
optimizer = "adam"
objective = { l2 = 1.0, pvb = 1.0 }
[[levels]]
pixel_nm = 8.0
steps = 4
learning_rate = [0.1, 0.1]
mask_sharpness = [8.0, 8.0]
resist_steepness = [50.0, 50.0]
"""
FILM_RECIPE = """
description = "a small immersion system with a film stack"
[pupil]
wavelength_nm = 193.0
na = 1.35
immersion_index = 1.44
imaging = "vector"
[source]
shape = "annular"
sigma_inner = 0.6
sigma_outer = 0.9
polarization = "te"
[resist]
threshold = 0.2
[corners]
nominal = { dose = 1.0, defocus_nm = 0.0 }
outer = { dose = 1.04, defocus_nm = 0.0 }
inner = { dose = 0.96, defocus_nm = 30.0 }
[kernels]
field_nm = 256.0
source_samples = 11
count = 8
[film]
layers = [{ n = 1.7, k = 0.03, thickness_nm = 90.0, resist = true }, { n = 1.82, k = 0.34, thickness_nm = 75.0 }]
substrate = { n = 0.88, k = 2.78 }
"""
STUDY = """
method = "few.toml"
optics = "small.safetensors"
layouts = ["cross.glp"]
validation = ["lines.glp"]
[space]
"levels[0].steps" = { low = 1, high = 6 }
"""
GLP = """BEGIN
EQUIV  1  {units}  MICRON  +X,+Y
CNAME TOP
LEVEL M1

CELL TOP PRIME
{shapes}
ENDMSG
"""
CROSS = "RECT N M1  1000 2100 320 120\nRECT N M1  1100 2000 120 320"


class Result(NamedTuple):
    code: int
    out: str
    err: str


@contextlib.contextmanager
def coarse_figures() -> Iterator[None]:
    """Pictures of few pixels, drawn in this process, as they take most of a small command's time."""
    here = mock.patch.object(drawing, "second_process", return_value=contextlib.nullcontext(at_once))
    with here, mock.patch.object(save_figure, "__defaults__", (DPI,)):
        yield


def litho(*arguments: object) -> Result:
    """Runs one command line; figures are coarse, and a warning that a user would see on the terminal is an error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        coarse_figures(),
        mock.patch.object(sys, "argv", ["litho-dl", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as seen,
    ):
        warnings.simplefilter("always")
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    assert not seen, seen[0]
    return Result(code, out.getvalue(), err.getvalue())


def succeeded(*arguments: object) -> dict:
    """The JSON that a command prints on standard output, alone."""
    result = litho(*arguments, "--json")
    assert result.code == 0, result.err

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(result.out, parse_constant=refuse)


def refused(result: Result) -> str:
    """The one line of an error; lines before it say what was begun, and that the small test fields are small."""
    assert result.code == 1
    assert result.out == ""
    assert result.err.endswith("\n")
    *begun, error = result.err.splitlines()
    assert error.startswith("Error: ")
    assert all(line.endswith(" ...") or "the field is periodic" in line for line in begun), result.err
    return error


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def write_inputs(folder: Path) -> None:
    """Good and bad input files, all for a field of 512 nm."""
    process = build_process(coarse_recipe(RECIPE), field_nm=(512.0, 512.0), count=8)
    save_kernels(folder / "small.safetensors", process)
    corners = {"best": process.corners["nominal"]}
    save_kernels(folder / "one-corner.safetensors", replace(process, corners=corners, recipe=None))
    small = packaged_text("optics", RECIPE).replace("2048.0", "512.0")
    small = small.replace("edge_error_nm = 0.3", "source_samples = 11\ncount = 8")
    texts = {
        "cross.glp": GLP.format(units=1000, shapes=CROSS),
        "lines.glp": GLP.format(units=1000, shapes="RECT N M1 0 0 120 360\nRECT N M1 220 0 120 360"),
        "large.glp": GLP.format(units=100, shapes=CROSS),
        "tiny.glp": GLP.format(units=1000000, shapes=CROSS),
        "two.glp": GLP.format(units=1000, shapes=CROSS + "\nRECT N M2 0 0 10 10"),
        "open.glp": GLP.format(units=1000, shapes="PGON N M1 0 0 100 0 100 100 50 100 50 50"),
        "crossing.glp": GLP.format(units=1000, shapes="PGON N M1 0 0 0 100 50 100 50 -50 100 -50 100 50 -50 50 -50 0"),
        "noshapes.glp": GLP.format(units=1000, shapes=""),
        "cut.glp": GLP.format(units=1000, shapes=CROSS)[:-8],
        "few.toml": METHOD,
        "misspelt-method.toml": METHOD.replace("optimizer", "optimiser"),
        "unknown-term.toml": METHOD.replace("pvb", "pbv"),
        "unknown-optimizer.toml": METHOD.replace("adam", "adams"),
        "number-as-text.toml": METHOD.replace("steps = 4", 'steps = "4"'),
        "fine.toml": METHOD.replace("8.0\nsteps", "0.5\nsteps"),
        "drawn.toml": METHOD.replace('"pixel"', '"multilevel"').replace("optimizer", "mask_pixel_nm = 0.5\noptimizer"),
        "small.toml": small,
        "misspelt.toml": small.replace("sigma_inner", "sigma_iner"),
        "alternating.toml": small.replace('type = "binary"', 'type = "alternating"'),
        "escaping.toml": small.replace("[kernels]", '"../x" = { dose = 1.0, defocus_nm = 0.0 }\n[kernels]'),
        "broken.toml": small[:-1] + "[",
        "damaged.safetensors": "not a kernel file",
        "cross.txt": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    for suffix in ("glp", "gds", "oas", "npy", "png", "csv", "toml", "safetensors"):
        (folder / f"empty.{suffix}").touch()
    (folder / "copy").mkdir()
    (folder / "copy" / "cross.glp").write_text(texts["cross.glp"])
    square = np.array([(0, 0), (200, 0), (200, 200), (0, 200)], dtype=float)
    for suffix in ("gds", "oas"):
        write_layout(folder / f"square.{suffix}", Layout("square", (Polygon(square),)))
    write_layout(folder / "away.gds", Layout("away", (Polygon(square + 9000),)))
    mask = np.zeros((512, 512), dtype=np.uint8)
    mask[100:400, 200:300] = 255
    write_png(folder / "mask.png", mask)
    np.save(folder / "eye.npy", np.eye(16))
    np.savetxt(folder / "eye.csv", np.eye(16), fmt="%g", delimiter=",")
    np.save(folder / "nan.npy", np.full((512, 512), np.nan))
    np.save(folder / "bright.npy", np.full((512, 512), 1e300))
    np.save(folder / "odd.npy", np.eye(100))
    np.save(folder / "oblong.npy", np.zeros((512, 1024)))
