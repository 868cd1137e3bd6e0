"""litho-dl train."""

import csv
import json
import os
import subprocess
import sys

import pytest
import torch
from scenes.command_line import litho, refused
from scenes.generators import write_recipe

from litho_dl.training.checkpoint import read_weights
from litho_dl.training.run import Run


@pytest.fixture
def arguments(pair_set, tmp_path):
    return ("train", write_recipe(tmp_path), "--data", pair_set, "--device", "cpu", "--out", tmp_path / "out")


def test_command(arguments, tmp_path):
    result = litho(*arguments)
    assert result.code == 0, result.err
    assert result.out.startswith("fcn_mask_small for small.safetensors: test l2 nm2 ")
    assert result.err.count("epoch ") == 3
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        *("1-supervised", "2-litho", "curves.png", "masks.png", "model.safetensors", "summary.json")
    }
    rows = list(csv.DictReader((out / "2-litho" / "metrics.csv").open()))
    assert {"train_litho_l2", "train_litho_pvb", "validation_l2_nm2", "validation_pixel"} <= set(rows[0])
    _, metadata = read_weights(out / "model.safetensors")
    training = metadata["card"]["training"]
    assert training["command"] == f"litho-dl train tiny.toml --data {arguments[3].name}"
    assert {name: stage["epochs"] for name, stage in training["stages"].items()} == {"supervised": 2, "litho": 1}
    spent = sum(float(row["seconds"]) for row in csv.DictReader((out / "1-supervised" / "metrics.csv").open()))
    assert training["stages"]["supervised"]["seconds"] == pytest.approx(spent, abs=0.1)
    found = json.loads(litho(*arguments, "--json").out)
    assert found["stages"]["supervised"] == {**found["stages"]["supervised"], "epochs": 2, "status": "finished"}
    assert found["test_l2_nm2"] > 0
    assert "expected a run with seed = 5, got one with 0" in refused(litho(*arguments, "--seed", 5))


def test_bad_input(arguments, inputs, tmp_path):
    assert "did you mean unet?" in refused(litho("train", "unett", *arguments[2:]))
    elsewhere = ("train", arguments[1], "--data", tmp_path, "--out", tmp_path / "out")
    assert "expected shards (shard-*.h5), got none" in refused(litho(*elsewhere))
    other = refused(litho(*arguments, "--optics", inputs / "small.safetensors"))
    assert "made for a field of 512 x 512 nm" in other


def test_ctrl_c_and_again(arguments, tmp_path, monkeypatch):
    whole = litho(*arguments[:-1], tmp_path / "whole", "--json")
    epoch = Run.epoch

    def stopping(run):
        if (run.folder.name, len(run.history)) == ("1-supervised", 1):
            raise KeyboardInterrupt
        epoch(run)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "epoch", stopping)
        result = litho(*arguments)
    assert (result.code, result.out) == (130, "")
    assert f"{tmp_path / 'out'} keeps the finished epochs; the same command continues the run." in result.err
    resumed = litho(*arguments, "--json")
    assert resumed.err.count("epoch ") == 2
    (weights, card), (expected, whole_card) = (
        read_weights(tmp_path / f"{n}/model.safetensors") for n in ("out", "whole")
    )
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    for stage in (*card["card"]["training"]["stages"].values(), *whole_card["card"]["training"]["stages"].values()):
        assert stage.pop("seconds") >= 0  # in tenths
    assert card == whole_card
    assert json.loads(resumed.out)["test_l2_nm2"] == json.loads(whole.out)["test_l2_nm2"]


def test_tensorboard_shows_masks(arguments, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="an extra")
    assert litho(*arguments, "--tensorboard").code == 0
    events = accumulator.EventAccumulator(str(tmp_path / "out/1-supervised/tensorboard"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"target", "mask", "print", "band"}
    assert [event.step for event in events.Images("mask")] == [1, 2]


@pytest.mark.slow
def test_two_processes(arguments, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "litho_dl.cli.main", "--", *map(str, arguments), "--epochs", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 1 of 1: ") == 2
    assert json.loads(done.stdout)["test_l2_nm2"] > 0
