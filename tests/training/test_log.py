"""What a run says while it goes on: progress lines, TensorBoard."""

import sys

import pytest
from scenes.training import EVERYTHING, TRAINING, VALIDATION, classifier

from litho_dl.core.errors import LithoError
from litho_dl.training.loop import train
from litho_dl.training.progress import training_progress
from litho_dl.training.run import Progress, Run

ROW = {"epoch": 2, "train_loss": 0.51234, "gradient_norm_network": 1.0, "validation_loss": 1200.0, "seconds": 3.21}


def test_a_line_an_epoch_without_a_terminal(capsys):
    with training_progress() as report:
        report(Progress(2, 5, 16, 32))
        report(Progress(2, 5, 32, 32, ROW))
    captured = capsys.readouterr()
    assert captured.err == "Training ...\nepoch 2 of 5: loss 0.5123, validation loss 1200 (3.2 s)\n"
    assert captured.out == ""


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with training_progress() as report:
        report(Progress(2, 5, 32, 32, ROW))
        report(Progress(3, 5, 8, 32))
    shown = capsys.readouterr().err
    assert "72/160" in shown
    assert "Training" in shown
    assert "epoch 2 of 5: loss 0.5123, validation loss 1200 (3.2 s)" in shown


def test_tensorboard_is_an_extra(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(LithoError, match=r"not installed; pip install 'litho-dl\[log\]', or do without"):
        train(classifier(), TRAINING, VALIDATION, EVERYTHING, tmp_path, tensorboard=True)
    assert not (tmp_path / "last.pt").exists()


def test_tensorboard_holds_the_history_once(tmp_path, monkeypatch):
    """Of a run that stops between an epoch's events and its checkpoint, and then goes on."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="an extra")
    write = Run.write

    def stopping(run):
        if len(run.history) == 3:
            raise KeyboardInterrupt
        write(run)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", stopping)
        train(classifier(), TRAINING, VALIDATION, EVERYTHING, tmp_path, tensorboard=True)
    result = train(classifier(), TRAINING, VALIDATION, EVERYTHING, tmp_path, tensorboard=True)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == set(result.history[0])
    for name in result.history[0]:
        found = [(event.step, event.value) for event in events.Scalars(name)]
        assert found == [(row["epoch"], pytest.approx(row[name], rel=1e-6)) for row in result.history]
