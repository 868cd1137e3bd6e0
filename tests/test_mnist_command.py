"""litho-dl mnist and scripts/mnist.py, and what their pictures and tables hold, on digits drawn with fonts."""

import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from scenes.command_line import litho, refused
from scenes.idx_files import idx_bytes

from litho_dl.mnist import files as mnist_data
from litho_dl.mnist.digits import BACKGROUND, rendered_digits
from litho_dl.mnist.files import FILES, Mnist, load_mnist
from litho_dl.mnist.pictures import confusion, examples, pictures, worst_digits
from litho_dl.mnist.recipe import load_mnist_recipe, with_training
from litho_dl.mnist.run import MnistRun
from litho_dl.mnist.tasks import TestScore as Score
from litho_dl.training.loop import TrainingResult
from litho_dl.training.progress import curves_of
from litho_dl.training.run import Run
from litho_dl.viz.learning import CLASS_COLOURS

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import mnist as script

HISTORY = (
    {"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.6, "validation_loss": 0.8, "seconds": 2.0},
    {"epoch": 2, "train_loss": 0.5, "train_accuracy": 0.8, "validation_loss": 0.7, "seconds": 4.0},
)


def finished(name: str, outputs: torch.Tensor, **figures: float) -> MnistRun:
    result = TrainingResult(HISTORY, best_epoch=2, status="finished")
    return MnistRun(load_mnist_recipe(name), result, Score(figures, outputs), parameters=7)


def of_labels(labels: list[int]) -> Mnist:
    images = torch.arange(len(labels), dtype=torch.uint8)[:, None, None].expand(-1, 28, 28)
    return Mnist(images, torch.tensor(labels), images, torch.tensor(labels, dtype=torch.uint8))


class TestPictures:
    def test_curves_are_sorted_by_kind(self):
        training, validation = curves_of(finished("lenet", torch.zeros(1, 10)).training)
        assert (training, validation) == ({"loss": [1.0, 0.5], "accuracy": [0.6, 0.8]}, {"loss": [0.8, 0.7]})

    def test_rows_are_the_truth_and_the_worst_come_first(self):
        """Of four images, a 3 is taken for a 5 with little and another with much confidence, and a 5 for a 7."""
        chances = torch.full((4, 10), 0.01)
        chances[0, 3], chances[1, 3], chances[2, 3], chances[3, 5] = 0.9, 0.4, 0.1, 0.2
        chances[1, 5], chances[2, 5], chances[3, 7] = 0.5, 0.8, 0.7
        run, data = finished("lenet", chances), of_labels([3, 3, 3, 5])
        counts = confusion(run, data.test_labels)
        assert {(i, j): int(counts[i, j]) for i, j in counts.nonzero().tolist()} == {(3, 3): 1, (3, 5): 2, (5, 7): 1}
        worst = worst_digits(run, data)
        assert [caption for _, caption in worst] == ["3 as 5 (80%)", "5 as 7 (70%)", "3 as 5 (50%)"]
        assert [int(image[0, 0]) for image, _ in worst] == [2, 3, 1]
        assert set(pictures(run, data)) == {"confusion", "worst"}

    def test_no_mistakes_are_no_picture(self):
        run = finished("lenet", torch.eye(10)[[3, 5]])
        assert set(pictures(run, of_labels([3, 5]))) == {"confusion"}

    @pytest.mark.parametrize(("mistakes", "rows"), [(1, [1]), (8, [8]), (11, [8, 3]), (20, [8, 8])])
    def test_few_and_many_mistakes(self, mistakes, rows):
        figure = pictures(finished("lenet", torch.eye(10)[[5] * mistakes]), of_labels([3] * mistakes))["worst"]
        assert sum(bool(axes.images) for axes in figure.axes) == sum(rows)

    def test_examples_of_classes_have_colours_and_images_do_not(self):
        data = Mnist(*rendered_digits(3, 0), *rendered_digits(3, 1))
        made = torch.full((3, 28, 28), BACKGROUND)
        given, found, truth = examples(finished("fcn_small", made), data)
        assert [row.images[0][1] for row in (given, found, truth)] == ["given", "made", "true"]
        assert (given.colours, found.colours, truth.colours) == ("Greys", CLASS_COLOURS, CLASS_COLOURS)
        assert torch.equal(given.images[1][0], data.test_images[1])
        assert torch.equal(found.images[1][0], made[1])
        assert truth.images[1][0].unique().tolist() == sorted({int(data.test_labels[1]), BACKGROUND})
        rows = examples(finished("digit_gan", torch.rand(3, 28, 28)), data)
        assert {row.extremes for row in rows} == {(0, 1)}
        torch.testing.assert_close(rows[2].images[2][0], data.test_images[2] / 255)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for part, count, seed in (("train", 600, 0), ("t10k", 100, 1)):
        images, labels = rendered_digits(count, seed)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images.numpy()))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels.numpy()))
    return folder


def stop_after(epochs: int, patch: pytest.MonkeyPatch) -> None:
    """Ctrl-C once that many epochs are done."""
    epoch = Run.epoch

    def stopping(run):
        if len(run.history) == epochs:
            raise KeyboardInterrupt
        epoch(run)

    patch.setattr(Run, "epoch", stopping)


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
        assert f"{tmp_path} keeps the epochs that were done; the same command goes on from there." in result.err
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


class TestScript:
    @pytest.fixture
    def run(self, folder, tmp_path, monkeypatch):
        def short(name):
            return with_training(load_mnist_recipe(name).model_copy(update={"held_out": 100}), epochs=1, batch_size=50)

        monkeypatch.setattr(script, "load_mnist_recipe", short)
        monkeypatch.setattr("litho_dl.mnist.gradients.STEPS", 1)

        def run(*arguments):
            places = ("--data-dir", folder, "--folder", tmp_path / "runs", "--out", tmp_path / "out", "--device", "cpu")
            result = CliRunner().invoke(script.main, [str(part) for part in (*places, *arguments)])
            return result, tmp_path / "out"

        return run

    def test_other_rows_are_kept_and_links_lead_somewhere(self, run):
        result, out = run("--models", "perceptron", "--seeds", 2)
        assert result.exit_code == 0, result.output
        assert "--data-dir DIR --models perceptron --seeds 2`" in (out / "mnist.md").read_text()
        curves = (out / "mnist.png").read_bytes()
        with open(out / "mnist.csv", "a") as file:
            file.write("strange" + "," * 10 + "\n")
        result, out = run("--models", "quick_cnn", "--seeds", 1)
        assert result.exit_code == 0, result.output
        with open(out / "mnist.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["benchmark"], row["seed"]) for row in rows] == [
            ("perceptron", "0"),
            ("perceptron", "1"),
            ("quick_cnn", "0"),
        ]
        assert {(row["device"], row["status"], row["epochs"]) for row in rows} == {("cpu", "finished", "1")}
        assert all(float(row["seconds"]) > 0 for row in rows)
        text = (out / "mnist.md").read_text()
        assert "| perceptron |" in text
        assert "| quick_cnn |" in text
        links = [part.split(")")[0] for part in text.split("](")[1:]]
        assert sorted(links) == ["mnist.gradients.png", "mnist.png"]
        assert all((out / link).exists() for link in links)
        assert (out / "mnist.png").read_bytes() == curves  # of more benchmarks than this run had

    def test_an_interrupted_run_publishes_nothing(self, run, monkeypatch):
        stop_after(0, monkeypatch)
        result, out = run("--models", "perceptron", "--seeds", 1)
        assert result.exit_code != 0
        assert not list(out.iterdir())

    def test_tables_have_a_spread(self):
        rows = [
            {
                "benchmark": name,
                "seed": seed,
                "parameters": 5,
                "epochs": 2,
                "seconds": 8.0,
                "seconds_an_epoch": 4.0,
                **more,
            }
            for name, figures in (
                ("lenet", [{"accuracy": 0.98}, {"accuracy": 0.99}]),
                ("digit_gan", [{"l1": 0.1, "accuracy_fake": 0.5}, {"l1": 0.3, "accuracy_fake": 0.7}]),
            )
            for seed, more in enumerate(figures)
        ]
        facts = dict.fromkeys(("command", "cores", "machine", "device", "torch", "depth"), "")
        text = script.markdown(rows, [], held_out=5000, **facts)
        assert "| lenet | 98.50 | 0.71 | 2 | 5 | 2 | 4.0 | 8 |" in text
        assert "| digit_gan | l1 | 0.2000 | 0.1414 | 2 | 5 | 2 | 4.0 | 8 |" in text
        assert "| digit_gan | accuracy_fake | 0.6000 | 0.1414 |" in text
