"""Training on a CUDA device beside the CPU; every test needs the device (make test-gpu)."""

import math
from pathlib import Path

import pytest
import torch
from scenes.training import EVERYTHING, PLAIN, TRAINING, VALIDATION, Stopped, classifier, figures, gan, pairs, weights

from litho_dl.training.loop import TrainingResult, train
from litho_dl.training.task import Task

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

CLOSE = 1e-4


def trained(task: Task, folder: Path, device: str, training=PLAIN, validation=VALIDATION, **changes) -> TrainingResult:
    task.networks.to(device)
    return train(task, training, validation, EVERYTHING.model_copy(update=changes), folder)


@pytest.mark.parametrize("kind", ["classifier", "gan"])
def test_an_epoch_is_the_cpus(tmp_path, kind):
    found, tasks = [], []
    for device in ("cuda", "cpu"):
        task, items = (gan(), (pairs(48, 1), pairs(21, 2))) if kind == "gan" else (classifier(random=False), ())
        found.append(figures(trained(task, tmp_path / device, device, *items, epochs=1)))
        tasks.append(weights(task).cpu())
    torch.testing.assert_close(*tasks, atol=CLOSE, rtol=0)
    assert found[0] == [pytest.approx(row, abs=1e-3) for row in found[1]]


def test_float16_scales_its_losses(tmp_path):
    """Steps that overflow while the scale falls are left out; the rest ends close to float32."""
    low = trained(classifier(random=False), tmp_path / "low", "cuda", precision="float16").history
    full = trained(classifier(random=False), tmp_path / "full", "cuda").history
    state = torch.load(tmp_path / "low" / "last.pt", weights_only=True)["state"]["learners"]["network"]["scaler"]
    assert 0 < state["scale"] <= 2**16
    assert math.isfinite(low[-1]["train_loss"])
    assert low[-1]["validation_loss"] == pytest.approx(full[-1]["validation_loss"], abs=0.1)


def test_a_run_goes_on_to_the_same_bits(tmp_path):
    whole, part = classifier(), classifier()
    expected = trained(whole, tmp_path / "whole", "cuda", TRAINING, deterministic=True)
    stopped = Stopped(TRAINING.tensors, TRAINING.transform, epoch=3)
    assert trained(part, tmp_path / "part", "cuda", stopped, deterministic=True).status == "interrupted"
    part = classifier()
    result = trained(part, tmp_path / "part", "cuda", TRAINING, deterministic=True)
    assert figures(result) == figures(expected)
    assert torch.equal(weights(part), weights(whole))
