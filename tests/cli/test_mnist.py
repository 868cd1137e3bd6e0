"""litho-dl mnist."""

import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from functools import partial

import pytest
from scenes.command_line import litho, refused
from scenes.mnist import stop_after, write_digits

from litho_dl.mnist import files as mnist_data
from litho_dl.mnist.files import FILES, load_mnist


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    def write(network):
        path = tmp_path_factory.mktemp("recipe") / f"{network}.toml"
        path.write_text(
            f'network = "{network}"\nheld_out = 100\n[training]\nepochs = 2\nbatch_size = 50\n'
            f'optimizer = {{ kind = "adam", learning_rate = 0.003 }}\n'
        )
        return path

    return write


class TestCommand:
    def test_a_classifier(self, folder, recipe, tmp_path):
        arguments = ("mnist", "--model", recipe("lenet"), "--data-dir", folder, "--out", tmp_path, "--device", "cpu")
        result = litho(*arguments)
        assert result.code == 0, result.err
        assert result.out.startswith("lenet: test accuracy ")
        assert result.err.count("epoch ") == 2
        names = {path.name for path in tmp_path.iterdir()}
        assert names >= {"curves.png", "confusion.png", "metrics.csv", "best.safetensors", "last.pt"}
        assert len(list(csv.DictReader((tmp_path / "metrics.csv").open()))) == 2
        before = (tmp_path / "last.pt").stat().st_mtime_ns
        again = json.loads(litho(*arguments, "--json").out)
        assert (again["network"], again["epochs"], again["status"]) == ("lenet", 2, "finished")
        assert f"{again['test_accuracy']:.2%}" in result.out
        assert (tmp_path / "last.pt").stat().st_mtime_ns == before

    @pytest.mark.parametrize("network", ["fcn_small", "digit_gan"])
    def test_images_out(self, folder, recipe, tmp_path, network):
        result = litho("mnist", "--model", recipe(network), "--data-dir", folder, "--out", tmp_path, "--epochs", 1)
        assert result.code == 0, result.err
        assert (tmp_path / "examples.png").exists()

    @pytest.mark.parametrize(
        ("model", "data", "message"),
        [
            ("lenett", "DATA", "did you mean lenet?"),
            ("lenet", "EMPTY", "expected MNIST, got no train-images"),
            ("lenet", "NOWHERE", "no: expected MNIST, got no train-images"),
        ],
    )
    def test_bad_input(self, folder, tmp_path, model, data, message):
        (tmp_path / "empty").mkdir()
        place = {"DATA": folder, "EMPTY": tmp_path / "empty", "NOWHERE": tmp_path / "no"}[data]
        assert message in refused(litho("mnist", "--model", model, "--data-dir", place, "--out", tmp_path / "out"))

    def test_seeds_and_epochs_that_do_not_fit_are_refused_in_one_line(self, folder, tmp_path):
        arguments = ("mnist", "--data-dir", folder, "--out", tmp_path, "--model", "lenet")
        assert "recipe with seed = 9223372036854775808: seed: " in refused(litho(*arguments, "--seed", 2**63))
        assert "warmup_epochs must be below epochs, got 1 of 1" in refused(litho(*arguments, "--epochs", 1))

    def test_ctrl_c_says_where_to_go_on(self, folder, recipe, tmp_path, monkeypatch):
        arguments = ("mnist", "--model", recipe("perceptron"), "--data-dir", folder, "--out", tmp_path)
        with monkeypatch.context() as patch:
            stop_after(1, patch)
            result = litho(*arguments)
        assert (result.code, result.out) == (130, "")
        assert f"{tmp_path} keeps the finished epochs; the same command continues the run." in result.err
        assert not (tmp_path / "curves.png").exists()
        result = litho(*arguments)
        assert (result.code, result.err.count("epoch ")) == (0, 1)

    def test_ctrl_c_at_once_leaves_nothing_to_go_on_from(self, folder, recipe, tmp_path, monkeypatch):
        stop_after(0, monkeypatch)
        result = litho("mnist", "--model", recipe("perceptron"), "--data-dir", folder, "--out", tmp_path)
        assert (result.code, result.err) == (130, "Training ...\n\nInterrupted.\n")

    def test_download(self, folder, recipe, tmp_path, monkeypatch):
        mirror, data = tmp_path / "mirror", tmp_path / "data"
        mirror.mkdir()
        contents = {name: (folder / name).read_bytes() for name in FILES}
        for name, content in contents.items():
            (mirror / f"{name}.gz").write_bytes(gzip.compress(content))
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        monkeypatch.setattr(mnist_data, "FILES", digests)
        monkeypatch.setattr(mnist_data, "load_mnist", partial(load_mnist, mirrors=[f"{mirror.as_uri()}/"]))
        arguments = ("mnist", "--model", recipe("perceptron"), "--data-dir", data, "--out", tmp_path / "out")
        assert "pass --download (download=True) to fetch it" in refused(litho(*arguments))
        assert litho(*arguments, "--download").code == 0
        assert len(list(data.iterdir())) == 4

    def test_without_tensorboard(self, folder, recipe, tmp_path, monkeypatch):
        for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "tensorboard", None)
        arguments = ("--model", recipe("perceptron"), "--data-dir", folder, "--out", tmp_path, "--tensorboard")
        assert "pip install 'litho-dl[log]'" in refused(litho("mnist", *arguments))

    @pytest.mark.slow
    def test_two_processes_train_and_one_reports(self, folder, recipe, tmp_path):
        """A linear layer, so that the score is that of one process."""
        model = recipe("perceptron")
        arguments = ["mnist", "--model", model, "--data-dir", folder, "--device", "cpu", "--json", "--out"]
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        command = [*torchrun, "-m", "litho_dl.cli.main", *arguments, tmp_path / "two"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=250, env=os.environ)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("epoch 1 of 2: ") == 1
        two, one = json.loads(done.stdout), json.loads(litho(*arguments, tmp_path / "one").out)
        assert two["test_loss"] == pytest.approx(one["test_loss"], abs=1e-5)

    def test_another_run_in_the_folder(self, folder, recipe, tmp_path):
        arguments = ("mnist", "--model", recipe("perceptron"), "--data-dir", folder, "--out", tmp_path)
        assert litho(*arguments).code == 0
        assert "expected a run with seed = 5, got one with 0" in refused(litho(*arguments, "--seed", 5))


@pytest.mark.data
def test_the_perceptron_on_mnist(data_dir, tmp_path):
    data = data_dir / "mnist"
    result = litho("mnist", "--model", "perceptron", "--data-dir", data, "--epochs", 3, "--out", tmp_path, "--json")
    assert 0.91 < json.loads(result.out)["test_accuracy"] < 0.93
