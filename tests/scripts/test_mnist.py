"""scripts/mnist.py: tables of many runs."""

import csv

import mnist as script
import pytest
from click.testing import CliRunner
from scenes.mnist import stop_after, write_digits

from litho_dl.mnist.recipe import load_mnist_recipe, with_training


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("digits"))


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
