"""Runs that are killed, interrupted or continued, and the files that they leave."""

import csv
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scenes.training import (
    EVERYTHING,
    PLAIN,
    SGD,
    TRAINING,
    VALIDATION,
    Stopped,
    classifier,
    environment,
    figures,
    gan,
    pairs,
    weights,
)
from torch import nn

from litho_dl import __version__
from litho_dl.core.errors import CheckpointError
from litho_dl.training.checkpoint import FORMAT, WEIGHTS_FORMAT, load_weights
from litho_dl.training.loop import train
from litho_dl.training.recipe import TrainingSettings
from litho_dl.training.run import Run

ADAM = EVERYTHING.model_copy(
    update={
        "optimizer": TrainingSettings(
            epochs=1, batch_size=1, optimizer={"kind": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}
        ).optimizer
    }
)


def contents(folder: Path) -> tuple[dict, dict, list[dict[str, str]]]:
    """All that counts of a run's folder: latest and best weights, and the metrics without times."""
    last = torch.load(folder / "last.pt", weights_only=True)
    flat = {str(key): value for key, value in leaves(last["state"])}
    with open(folder / "metrics.csv", newline="") as file:
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    return flat, load_file(folder / "best.safetensors"), rows


def leaves(tree, path=()):
    """Every leaf of nested dicts and lists, but for times."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list | tuple) else None
    if items is None:
        yield path, tree
    else:
        for key, value in items:
            if key != "seconds":
                yield from leaves(value, (*path, key))


def assert_same(found, expected):
    assert found[2] == expected[2]
    for mine, theirs in zip(found[:2], expected[:2], strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            same = torch.equal(value, theirs[name]) if isinstance(value, torch.Tensor) else value == theirs[name]
            assert same, name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, with its result and last weights."""
    folder, task = tmp_path_factory.mktemp("whole"), classifier()
    result = train(task, TRAINING, VALIDATION, EVERYTHING, folder)
    return folder, result, weights(task)


def test_a_killed_run_goes_on_to_the_same_bits(whole, tmp_path):
    """Momentum, average, dropout, augmentation, warm-up and cosine; killed in the midst of epoch 3."""
    command = [sys.executable, "-m", "scenes.training", "kill", tmp_path]
    killed = subprocess.run(command, env=environment(), capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(contents(tmp_path)[2]) == 2
    (tmp_path / ".last.0123456789abcdef.part.pt").write_bytes(b"half")
    task = classifier()
    result = train(task, TRAINING, VALIDATION, EVERYTHING, tmp_path)
    assert_same(contents(tmp_path), contents(whole[0]))
    assert torch.equal(weights(task), whole[2])
    assert (figures(result), result.best_epoch, result.status) == (figures(whole[1]), whole[1].best_epoch, "finished")
    assert {path.name for path in tmp_path.iterdir()} == {"last.pt", "best.safetensors", "metrics.csv"}


def test_ctrl_c_keeps_the_epochs_before(whole, tmp_path):
    stopped = Stopped(TRAINING.tensors, TRAINING.transform, epoch=4)
    result = train(classifier(), stopped, VALIDATION, EVERYTHING, tmp_path)
    assert (result.status, len(result.history)) == ("interrupted", 3)
    assert figures(result) == figures(whole[1])[:3]
    train(classifier(), TRAINING, VALIDATION, EVERYTHING, tmp_path)
    assert_same(contents(tmp_path), contents(whole[0]))


def test_ctrl_c_before_an_epoch_is_written_leaves_it_out(whole, tmp_path, monkeypatch):
    write = Run.write

    def stopping(run):
        if len(run.history) == 3:
            raise KeyboardInterrupt
        write(run)

    monkeypatch.setattr(Run, "write", stopping)
    result = train(classifier(), TRAINING, VALIDATION, EVERYTHING, tmp_path)
    assert (result.status, figures(result)) == ("interrupted", figures(whole[1])[:2])
    losses = [row["validation_loss"] for row in result.history]
    assert result.best_epoch == losses.index(min(losses)) + 1
    assert len(contents(tmp_path)[2]) == 2


def test_ctrl_c_in_the_first_epoch(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(classifier(), Stopped(TRAINING.tensors, epoch=1), VALIDATION, EVERYTHING, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "training", "validation", "settings"),
    [
        (classifier, TRAINING, VALIDATION, ADAM.model_copy(update={"patience": 2, "epochs": 9})),
        (classifier, TRAINING, VALIDATION, ADAM.model_copy(update={"precision": "float16"})),
        (classifier, TRAINING, VALIDATION, ADAM.model_copy(update={"precision": "bfloat16", "average_decay": None})),
        (classifier, TRAINING, VALIDATION, ADAM.model_copy(update={"channels_last": True})),
        (gan, pairs(40, 1), pairs(9, 2), ADAM),
    ],
    ids=["patience", "float16", "bfloat16", "channels last", "gan"],
)
def test_every_kind_of_run_goes_on_to_the_same_bits(tmp_path, make, training, validation, settings):
    expected = train(make(), training, validation, settings, tmp_path / "whole")
    stopped = Stopped(training.tensors, training.transform, epoch=3)
    assert train(make(), stopped, validation, settings, tmp_path / "part").status == "interrupted"
    result = train(make(), training, validation, settings, tmp_path / "part")
    assert (figures(result), result.status) == (figures(expected), expected.status)
    assert_same(contents(tmp_path / "part"), contents(tmp_path / "whole"))


def test_a_finished_run_is_not_run_again(whole, tmp_path):
    folder, expected, last = whole
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    task = classifier()
    result = train(task, TRAINING, VALIDATION, EVERYTHING, folder)
    assert (result.history, result.status, result.best_epoch) == (expected.history, "finished", expected.best_epoch)
    assert torch.equal(weights(task), last)
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_best_weights_are_those_that_were_validated(whole):
    folder, result, _ = whole
    task = classifier()
    metadata = load_weights(folder / "best.safetensors", task.networks)
    task.networks.eval()
    with torch.no_grad():
        found = task.validate(VALIDATION.tensors)
    row = result.history[result.best_epoch - 1]
    assert (found["loss"] / found["count"]).item() == pytest.approx(row["validation_loss"], rel=1e-6)
    assert metadata["figures"] == row
    assert metadata["version"] == __version__
    assert metadata["recipe"]["optimizer"]["momentum"] == 0.9
    assert metadata["recipe"]["task"]["name"] == "classification"
    assert min(r["validation_loss"] for r in result.history) == row["validation_loss"]


def test_some_of_the_networks_can_be_loaded(tmp_path):
    trained = gan()
    train(trained, pairs(16, 1), pairs(4, 2), TrainingSettings(epochs=1, batch_size=8, optimizer=SGD), tmp_path)
    generator = gan().networks["generator"]
    nn.init.zeros_(generator[0].weight)
    load_weights(tmp_path / "best.safetensors", nn.ModuleDict({"generator": generator}))
    assert torch.equal(generator[0].weight, trained.networks["generator"][0].weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "expected a run with seed = 4, got one with 3; restore the setting, or choose"),
        ({"clip_norm": None}, "clip_norm = None, got one with 0.5"),
        ({"schedule": ADAM.schedule.model_copy(update={"final": 0.1})}, "schedule.final = 0.1, got one with 0.0"),
        ({"optimizer": ADAM.optimizer}, "optimizer.kind = adamw, got one with sgd"),
    ],
)
def test_a_run_with_other_settings_is_refused(whole, change, message):
    with pytest.raises(CheckpointError, match=message):
        train(classifier(), TRAINING, VALIDATION, EVERYTHING.model_copy(update=change), whole[0])


def test_a_run_of_another_task_or_data_is_refused(whole):
    with pytest.raises(CheckpointError, match=r"task\.name = pair GAN, got one with classification"):
        train(gan(), pairs(72, 1), VALIDATION, EVERYTHING, whole[0])
    with pytest.raises(CheckpointError, match=r"items\.training = 25, got one with 72"):
        train(classifier(), VALIDATION, VALIDATION, EVERYTHING, whole[0])
    with pytest.raises(CheckpointError, match=r"expected a run of the same networks, got others \(.*Missing key"):
        train(classifier(norm=False), TRAINING, VALIDATION, EVERYTHING, whole[0])


def changed(path: Path, **parts: object) -> None:
    """Puts other parts into a checkpoint."""
    torch.save({**torch.load(path, weights_only=True), **parts}, path)


def without_history(path: Path) -> None:
    state = torch.load(path, weights_only=True)["state"]
    del state["history"]
    changed(path, state=state)


class Trap:
    """Runs a program when unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('the trap went off')",))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "expected a checkpoint, got a damaged file"),
        (lambda path: path.write_bytes(b"not a checkpoint at all"), "expected a checkpoint, got a damaged file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-2000]), "expected a checkpoint, got a damaged file"),
        (lambda path: torch.save(Trap(), path), "expected a checkpoint, got a damaged file or another kind"),
        (lambda path: torch.save(nn.Linear(2, 2), path), "got a damaged file or another kind"),
        (lambda path: torch.save({"state_dict": {}}, path), "litho_dl.checkpoint/1, got no format; choose another"),
        (lambda path: torch.save({"format": "other/1"}, path), "litho_dl.checkpoint/1, got other/1"),
        (lambda path: torch.save(torch.zeros(3), path), "litho_dl.checkpoint/1, got Tensor"),
        (lambda path: torch.save({"format": FORMAT}, path), "expected a recipe and a state, got a damaged file"),
        (lambda path: changed(path, state=3), "expected a recipe and a state, got a damaged file"),
        (lambda path: changed(path, state={}), "expected a run of the same networks, got others"),
        (lambda path: without_history(path), r"expected a run of the same networks, got others \('history'\)"),
        (lambda path: (path.unlink(), path.mkdir()), r"cannot be read \(Is a directory\)"),
    ],
    ids=[
        "empty",
        "junk",
        "truncated",
        "trap",
        "module",
        "foreign",
        "other format",
        "tensor",
        "format alone",
        "no state",
        "empty state",
        "no history",
        "folder",
    ],
)
def test_what_is_no_checkpoint_is_refused(whole, tmp_path, damage, message):
    path = tmp_path / "last.pt"
    path.write_bytes((whole[0] / "last.pt").read_bytes())
    damage(path)
    with pytest.raises(CheckpointError, match=message) as caught:
        train(classifier(), TRAINING, VALIDATION, EVERYTHING, tmp_path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "no such file; training leaves its best weights"),
        (lambda path: path.write_bytes(b"junk"), "the file of weights is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-10]), "the file of weights is damaged"),
        (lambda path: path.write_bytes(struct.pack("<Q", 2) + b"{}"), "expected weights of format"),
        (lambda path: save_file({"a": torch.zeros(1)}, path, {WEIGHTS_FORMAT: "{"}), "the file is damaged, not JSON"),
        (lambda path: save_file({"a": torch.zeros(1)}, path, {WEIGHTS_FORMAT: "3"}), r"damaged \(its metadata are 3\)"),
        (lambda path: save_file({"a": torch.zeros(1)}, path, {WEIGHTS_FORMAT: "{}"}), "weights of another network"),
    ],
    ids=["missing", "junk", "truncated", "foreign", "bad metadata", "no table", "other network"],
)
def test_what_are_no_weights_is_refused(whole, tmp_path, damage, message):
    path = tmp_path / "best.safetensors"
    path.write_bytes((whole[0] / "best.safetensors").read_bytes())
    damage(path)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_weights(path, classifier().networks)
    assert str(caught.value).startswith(str(path))


def test_the_files_carry_no_code(whole):
    """Both load without pickled objects."""
    assert set(torch.load(whole[0] / "last.pt", weights_only=True)) == {"format", "version", "recipe", "state"}
    with safe_open(whole[0] / "best.safetensors", framework="pt") as file:
        assert list(file.metadata()) == [WEIGHTS_FORMAT]


def test_the_history_is_in_the_file(whole):
    folder, result, _ = whole
    with open(folder / "metrics.csv", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert rows == list(result.history)
    assert result.seconds == pytest.approx(sum(row["seconds"] for row in rows))
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]


def test_a_folder_that_cannot_be_written_is_refused_before_work(tmp_path):
    from litho_dl.core.errors import OutputError

    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write to"):
        train(classifier(), PLAIN, VALIDATION, EVERYTHING, tmp_path / "file" / "run")
