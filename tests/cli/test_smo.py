"""litho-dl smo: the source, its recipe, masks and scores; interruptions; bad input."""

import json
from unittest import mock

import numpy as np
import pytest
from scenes.command_line import GLP, METHOD, litho, succeeded

from litho_dl.core.settings import packaged_text
from litho_dl.optics.source import sample_source
from litho_dl.process.files import load_process
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import ProcessModel
from litho_dl.process.recipe import load_recipe

SHAPES = {"lines": "RECT N M1 0 0 120 360\nRECT N M1 220 0 120 360", "bar": "RECT N M1 0 0 120 300"}
JOINT = METHOD.replace("[[levels]]", "source_learning_rate = 0.2\n[[levels]]").replace("8.0\nsteps", "16.0\nsteps")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    small = packaged_text("optics", "duv193-dry-annular").replace("2048.0", "512.0")
    texts = {f"{name}.glp": GLP.format(units=1000, shapes=shapes) for name, shapes in SHAPES.items()}
    texts |= {"small.toml": small.replace("edge_error_nm = 0.3", "source_samples = 11\ncount = 8"), "few.toml": JOINT}
    texts["fixed.toml"] = METHOD.replace("8.0\nsteps = 4", "16.0\nsteps = 12")
    for name, text in texts.items():
        (folder / name).write_text(text)
    process = load_process(folder / "small.toml")
    save_kernels(
        folder / "imported.safetensors", ProcessModel(process.kernels, process.mask, process.resist, process.corners)
    )
    return folder


def smo(inputs, out, *more, layouts=("lines",), optics="small.toml", method="few.toml"):
    """One run on a coarse source."""
    paths = [inputs / f"{name}.glp" for name in layouts]
    settings = ("--optics", inputs / optics, "--method", inputs / method, "--out", out, "--samples", 7)
    return litho("smo", *paths, *settings, *more)


def test_smo_writes_source_recipe_masks_and_scores(inputs, tmp_path):
    code, printed, errors = smo(inputs, tmp_path, layouts=("lines", "bar"))
    assert code == 0, errors
    names = {path.name for path in tmp_path.iterdir()}
    masks = {f"{clip}.{suffix}" for clip in SHAPES for suffix in ("mask.png", "mask.oas", "layers.oas", "png")}
    run_files = {"source.npy", "recipe.toml", "source.png", "convergence.png", "convergence.csv", "smo.json"}
    assert names == run_files | masks
    run = json.loads((tmp_path / "smo.json").read_text())
    rows = [(row["source"], row["clip"]) for row in run["clips"]]
    assert rows == [(source, clip) for source in ("optimised", "recipe") for clip in ("lines", "bar")]
    assert {row["protocol"] for row in run["clips"]} == {"default/4"}
    assert 0.15 <= run["pupil_fill"] <= 1
    image = np.load(tmp_path / "source.npy")
    assert image.shape == (7, 7)
    process = load_process(tmp_path / "recipe.toml")
    assert process.recipe.kernels.source_samples == 14
    lit = sample_source(process.recipe.source, 7)
    assert len(lit.points) == (image > 0).sum()
    table = printed.splitlines()
    assert [line.split()[:2] for line in table[1:]] == [
        *([clip, source] for clip in ("lines", "bar") for source in ("optimised", "recipe")),
        ["mean", "optimised"],
        ["mean", "recipe"],
        ["Source:", str(tmp_path / "recipe.toml")],
    ]
    means = [row["l2_nm2"] for row in run["clips"] if row["source"] == "recipe"]
    assert table[-2].split()[2] == f"{sum(means) / 2:,.0f}"


def test_smo_scores_the_recipes_source_as_optimize_does(inputs, tmp_path):
    """The comparison is the ordinary loop on the ordinary kernels."""
    code, printed, _ = smo(inputs, tmp_path, "--no-figures", "--json", "--mask-method", inputs / "fixed.toml")
    assert code == 0
    run = json.loads(printed)
    settings = ("--optics", inputs / "small.toml", "--method", inputs / "fixed.toml", "--out", tmp_path / "fixed")
    expected = succeeded("optimize", inputs / "lines.glp", *settings, "--no-figures")[0]
    found = next(row for row in run["clips"] if row["source"] == "recipe")
    assert {key: found[key] for key in ("l2_nm2", "pvb_nm2", "shots")} == {
        key: expected[key] for key in ("l2_nm2", "pvb_nm2", "shots")
    }
    assert run["mask_method"] == str(inputs / "fixed.toml")


def test_smo_interrupted_writes_the_source_so_far(inputs, tmp_path):
    def interrupted(done: int, total: int, value: float) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with mock.patch("litho_dl.cli.smo.progress_bar") as bar:
        bar.return_value.__enter__.return_value = interrupted
        code, printed, errors = smo(inputs, tmp_path, "--no-figures")
    said = [line for line in errors.split("\n") if not line.startswith("Warning: lines: the field is periodic")]
    assert (code, printed, said) == (130, "", ["Building kernels ...", "", "Interrupted.", ""])
    run = json.loads((tmp_path / "smo.json").read_text())
    assert (run["status"], run["clips"]) == ("interrupted", [])
    assert load_recipe(tmp_path / "recipe.toml").source.shape == "freeform"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optics": "imported.safetensors"}, "Expected optics with a recipe, got imported kernels"),
        ({"method": "fixed.toml"}, "Expected a method with source_learning_rate > 0"),
        ({"layouts": ("lines", "lines")}, "different file names"),
    ],
)
def test_smo_refuses_in_one_line(inputs, tmp_path, changes, message):
    code, printed, errors = smo(inputs, tmp_path, "--no-figures", **changes)
    assert (code, printed) == (1, "")
    assert errors.startswith("Error: ")
    assert message in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.iterdir())
