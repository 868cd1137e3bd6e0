"""Runs of benchmarks."""

from dataclasses import replace

import pytest
import torch
from scenes.mnist import small

from litho_dl.core.errors import CheckpointError, DatasetError
from litho_dl.core.settings import packaged_names
from litho_dl.mnist.augment import Augmentation
from litho_dl.mnist.digits import rendered_digits
from litho_dl.mnist.files import Mnist, load_mnist
from litho_dl.mnist.gradients import study_gradients
from litho_dl.mnist.recipe import load_mnist_recipe
from litho_dl.mnist.run import run_mnist
from litho_dl.mnist.tasks import make_task, normalised, score
from litho_dl.training.checkpoint import BEST, LAST, load_weights
from litho_dl.training.run import Run

CPU = torch.device("cpu")
LONGEST = ("digit_gan",)


@pytest.fixture(scope="module")
def digits():
    return Mnist(*rendered_digits(1200, seed=0), *rendered_digits(200, seed=1))


class TestRuns:
    @pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=pytest.mark.slow) if name in LONGEST else name for name in packaged_names("mnist")],
    )
    def test_every_benchmark_trains_and_learns(self, digits, tmp_path, name):
        run = run_mnist(small(name, epochs=2), digits, tmp_path, device=CPU)
        rows = run.training.history
        loss = "train_generator_loss" if name == "digit_gan" else "train_loss"
        assert rows[1][loss] < rows[0][loss]
        held_out = "validation_l1" if name == "digit_gan" else "validation_loss"
        assert rows[1][held_out] < rows[0][held_out]

    def test_the_best_weights_are_scored(self, digits, tmp_path):
        """Averaged ones, so that they are not those of the last step."""
        recipe = small("lenet", epochs=2, average_decay=0.9)
        run = run_mnist(recipe, digits, tmp_path, device=CPU)
        task = make_task(recipe, digits)
        load_weights(tmp_path / BEST, task.networks)
        again = score(recipe, task, digits.test_images, digits.test_labels)
        assert again.metrics == run.test.metrics
        last = torch.load(tmp_path / LAST, weights_only=True)["state"]["networks"]
        task.networks.load_state_dict(last)
        assert score(recipe, task, digits.test_images, digits.test_labels).metrics != run.test.metrics
        assert run.parameters == sum(parameter.numel() for parameter in task.networks.parameters())

    def test_the_seed_decides(self, digits, tmp_path):
        runs = [
            run_mnist(small("lenet", seed=seed), digits, tmp_path / str(place), device=CPU)
            for place, seed in enumerate((1, 1, 2))
        ]
        outputs = [run.test.outputs for run in runs]
        assert torch.equal(outputs[0], outputs[1])
        assert not torch.equal(outputs[0], outputs[2])

    def test_the_callers_random_state_is_left_alone(self, digits, tmp_path):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        run_mnist(small("perceptron"), digits, tmp_path, device=CPU)
        study_gradients(normalised(digits.train_images[:8]), digits.train_labels[:8].long(), seed=0)
        assert torch.equal(torch.rand(3), expected)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ("augmentation", r"task\.benchmark\.augmentation\.shift_px = 1\.0, got one with 0\.0"),
            ("held out", r"task\.benchmark\.held_out = 201, got one with 200"),
            ("an image", r"task\.images = [0-9a-f]{64}, got one with"),
            ("a label", r"task\.images = [0-9a-f]{64}, got one with"),
            ("prose", None),
        ],
    )
    def test_another_recipe_or_other_images_are_another_run(self, digits, tmp_path, change, message):
        recipe, data = small("perceptron"), digits
        run_mnist(recipe, data, tmp_path, device=CPU)
        match change:
            case "augmentation":
                recipe = recipe.model_copy(update={"augmentation": Augmentation(shift_px=1)})
            case "held out":
                recipe = recipe.model_copy(update={"held_out": 201})
            case "prose":
                recipe = recipe.model_copy(update={"description": "the same in other words"})
            case "an image":
                data = replace(digits, train_images=digits.train_images.flip(2))
            case "a label":
                data = replace(digits, train_labels=9 - digits.train_labels)
        if message is None:
            assert run_mnist(recipe, data, tmp_path, device=CPU).training.status == "finished"
            return
        with pytest.raises(CheckpointError, match=message):
            run_mnist(recipe, data, tmp_path, device=CPU)

    def test_an_interrupted_run_has_no_score(self, digits, tmp_path, monkeypatch):
        epoch = Run.epoch

        def stopping(run):
            if run.history:
                raise KeyboardInterrupt
            epoch(run)

        with monkeypatch.context() as patch:
            patch.setattr(Run, "epoch", stopping)
            with pytest.raises(KeyboardInterrupt):
                run_mnist(small("perceptron"), digits, tmp_path, device=CPU)
        run = run_mnist(small("perceptron"), digits, tmp_path, device=CPU)
        assert run.training.status == "finished"
        seconds = [row["seconds"] for row in run.training.history]
        assert (run.training.seconds, run.epoch_s) == (sum(seconds), sum(seconds) / 2)

    def test_too_few_images(self, digits, tmp_path):
        with pytest.raises(DatasetError, match="Expected more than the 5000 images that are held out, got 1200"):
            run_mnist(load_mnist_recipe("lenet"), digits, tmp_path, device=CPU)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least", "most"), [("quick_cnn", 0.990, 1), ("basic_cnn", 0.980, 0.986), ("lenet", 0.990, 1)]
)
def test_published_accuracies(data_dir, tmp_path, name, least, most):
    """Of `basic_cnn`, 98.3 % with plain gradient descent, the notebook's value."""
    run = run_mnist(load_mnist_recipe(name), load_mnist(data_dir / "mnist"), tmp_path, device=CPU)
    assert least <= run.test.metrics["accuracy"] <= most
