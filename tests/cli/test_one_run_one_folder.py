"""Each command that writes to a folder of its own refuses one that another run has, before it touches anything."""

import sys

import pytest
from scenes.command_line import FILM_RECIPE, METHOD, STUDY, files_below, litho, refused
from scenes.generators import write_model, write_recipe
from scenes.idx_files import write_set

from litho_dl.core.lock import LOCK
from litho_dl.process.kernel_file import load_kernels

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="holds a lock by flock")
LEFT = ".a.0123456789abcdef.part.png"
OPTICS = ("--optics", "small.safetensors", "--out", "OUT")
COMMANDS = {
    "simulate": ("simulate", "cross.glp", *OPTICS),
    "optimize": ("optimize", "cross.glp", *OPTICS, "--method", "few.toml"),
    "infer": ("infer", "cross.glp", *OPTICS, "--model", "MODEL"),
    "smo": ("smo", "cross.glp", "--optics", "small.toml", "--out", "OUT", "--method", "source.toml"),
    "process-window": ("process-window", "--target", "cross.glp", *OPTICS),
    "film": ("film", "film.toml", "--out", "OUT"),
    "mrc": ("mrc", "cross.glp", "--out", "OUT"),
    "demo": ("demo", "--out", "OUT"),
    "dataset build": ("dataset", "build", "pairs.toml", "--out", "OUT", "--workers", 1),
    "dataset export": ("dataset", "export", "SET", "--out", "OUT", "--format", "png"),
    "fullchip": ("fullchip", "lines.glp", "--optics", "small.safetensors", "--method", "few.toml", "--out", "MASK"),
    "train": ("train", "TRAINING", "--data", "SET", "--out", "OUT"),
    "mnist": ("mnist", "--model", "perceptron", "--data-dir", "MNIST", "--out", "OUT"),
    "tune": ("tune", "study.toml", "--out", "OUT", "--trials", 1),
}
PAIRS = """
optics = "small.safetensors"
method = "few.toml"
pixel_nm = 8.0
clips = [{ family = "metal", rules = "m1-45", count = 1, extent_nm = 400.0 }]
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_another_run_has_is_refused(here, tmp_path, pair_set, command):
    import fcntl

    if command == "tune":
        pytest.importorskip("optuna", reason="an extra")
    (here / "source.toml").write_text(METHOD.replace("[[levels]]", "source_learning_rate = 0.2\n[[levels]]"))
    (here / "study.toml").write_text(STUDY)
    (here / "film.toml").write_text(FILM_RECIPE)
    (here / "pairs.toml").write_text(PAIRS)
    out = tmp_path / ("mask.fullchip" if command == "fullchip" else "out")
    places = {"OUT": out, "MASK": tmp_path / "mask.oas", "SET": pair_set, "MNIST": tmp_path / "mnist"}
    if command == "infer":
        places["MODEL"] = write_model(tmp_path, load_kernels("small.safetensors"))
    if command == "train":
        places["TRAINING"] = write_recipe(tmp_path)
    if command == "mnist":
        (tmp_path / "mnist").mkdir()
        write_set(tmp_path / "mnist")
    out.mkdir()
    (out / LEFT).write_text("of the run that has the folder")
    before = files_below(tmp_path)
    with open(out / LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        error = refused(litho(*(places.get(part, part) for part in COMMANDS[command])))
    assert f"{out}: another process is writing here; wait for it" in error
    assert files_below(tmp_path) == {*before, f"{out.name}/{LOCK}"}


def test_a_run_leaves_no_lock(here, tmp_path):
    options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path / "out")
    assert litho("optimize", "cross.glp", *options).code == 0
    assert files_below(tmp_path) == {f"out/{name}" for name in ("cross.mask.png", "cross.mask.oas", "scores.json")}
