"""The sanity benchmarks, on digits drawn with fonts; real MNIST where it is at hand."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import litho, refused
from idx_files import idx_bytes

from litho_dl.core.errors import DatasetError, RecipeError
from litho_dl.core.settings import shipped_names
from litho_dl.data.digits import BACKGROUND, pixel_classes, rendered_digits
from litho_dl.data.mnist import Mnist
from litho_dl.mnist.augment import Augmentation, augmented
from litho_dl.mnist.gradients import DEPTH, STEPS, study_gradients
from litho_dl.mnist.recipe import NETWORKS, load_mnist_recipe
from litho_dl.mnist.run import run_mnist
from litho_dl.mnist.tasks import coarsened, make_items, make_task, normalised, score, training_and_validation
from litho_dl.training.checkpoint import BEST, load_weights

CPU = torch.device("cpu")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"


@pytest.fixture(scope="module")
def digits():
    return Mnist(*rendered_digits(1200, seed=0), *rendered_digits(200, seed=1))


def small(name, **training):
    """A shipped recipe, held out and batched for few images."""
    recipe = load_mnist_recipe(name)
    settings = {"epochs": 1, "batch_size": 50, **training}
    changed = recipe.training.model_copy(update=settings)
    return recipe.model_copy(update={"held_out": 200, "training": changed})


class TestRecipes:
    def test_every_network_has_one(self):
        assert {load_mnist_recipe(name).network for name in shipped_names("mnist")} == set(NETWORKS)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('network = "lenet5"', "network must be one of perceptron, mlp"),
            ('network = "fcn_small"\nlabel_smoothing = 0.1', "are for classifiers"),
            ('network = "digit_gan"\naugmentation = { shift_px = 1.0 }', "are for classifiers"),
            ('network = "lenet"\nheld_out = 0', "held_out"),
        ],
    )
    def test_bad_settings(self, tmp_path, text, message):
        path = tmp_path / "mine.toml"
        training = '[training]\nepochs = 1\nbatch_size = 8\noptimizer = { kind = "sgd", learning_rate = 0.1 }\n'
        path.write_text(f"{text}\n{training}")
        with pytest.raises(RecipeError, match=message):
            load_mnist_recipe(path)


class TestAugmentation:
    def test_no_change_is_none(self):
        images = torch.rand(3, 1, 9, 9)
        torch.testing.assert_close(augmented(images, Augmentation(), torch.Generator()), images, atol=1e-5, rtol=0)

    def test_each_image_moves_by_its_own_shift_within_the_limit(self):
        images = torch.zeros(400, 1, 21, 21)
        images[:, :, 10, 10] = 1
        moved = augmented(images, Augmentation(shift_px=3), torch.Generator().manual_seed(0))[:, 0]
        torch.testing.assert_close(moved.sum((1, 2)), torch.ones(400))
        place = torch.arange(21.0) - 10
        shifts = torch.stack([(moved.sum(1) * place).sum(1), (moved.sum(2) * place).sum(1)])
        assert 2.9 < shifts.abs().max() < 3.0001
        assert shifts.mean(1).abs().max() < 0.25
        assert len(torch.unique(shifts[0].round(decimals=4))) > 300

    def test_turns_and_scales_within_the_limits(self):
        images = torch.zeros(200, 1, 41, 41)
        images[:, :, 20, 32] = 1  # 12 pixels to the right of the centre
        moved = augmented(images, Augmentation(turn_deg=10, scale=0.1), torch.Generator().manual_seed(0))[:, 0]
        place = torch.arange(41.0) - 20
        weight = moved.sum((1, 2))
        x, y = (moved.sum(1) * place).sum(1) / weight, (moved.sum(2) * place).sum(1) / weight
        radius, angle = torch.hypot(x, y), torch.rad2deg(torch.atan2(y, x))
        assert 12 * 0.88 < radius.min() < 12 * 0.93
        assert 12 * 1.07 < radius.max() < 12 * 1.12
        assert 8.5 < angle.max() < 11
        assert -11 < angle.min() < -8.5


class TestTasks:
    def test_pixels_are_normalised(self):
        images = torch.tensor([[[0, 255]]], dtype=torch.uint8)
        torch.testing.assert_close(normalised(images), torch.tensor([[[[-0.1307, 0.8693]]]]) / 0.3081)

    def test_coarse_digits_are_means(self):
        fine = torch.rand(2, 1, 28, 28)
        coarse = coarsened(fine)
        assert coarse.shape == fine.shape
        torch.testing.assert_close(coarse[1, 0, 4:8, 8:12], fine[1, 0, 4:8, 8:12].mean().expand(4, 4))

    def test_held_out_images_are_the_last(self, digits):
        training, validation = training_and_validation(small("lenet"), digits)
        assert (len(training), len(validation)) == (1000, 200)
        assert torch.equal(validation.tensors[1], digits.train_labels[1000:].long())
        assert torch.equal(training.tensors[0], normalised(digits.train_images[:1000]))

    def test_only_training_images_are_augmented(self, digits):
        training, validation = training_and_validation(small("vgg_small"), digits)
        order = [torch.arange(4)]
        assert not torch.equal(next(training.batches(order, 0))[0], training.tensors[0][:4])
        assert torch.equal(next(validation.batches(order, 0))[0], validation.tensors[0][:4])

    def test_a_classifier_is_scored_by_its_logits(self, digits):
        recipe = small("perceptron")
        network = make_task(recipe).networks["network"]
        found = score(recipe, network, digits.test_images, digits.test_labels)
        with torch.no_grad():
            logits = network(normalised(digits.test_images))
        right = logits.argmax(1) == digits.test_labels
        assert found.figures["accuracy"] == pytest.approx(float(right.float().mean()))
        own = logits.log_softmax(1)[torch.arange(200), digits.test_labels.long()]
        assert found.figures["loss"] == pytest.approx(-float(own.mean()), rel=1e-5)
        torch.testing.assert_close(found.outputs.sum(1), torch.ones(200))

    def test_a_segmenter_is_scored_on_ink(self, digits):
        class Right(torch.nn.Module):
            """Every pixel of ink right, every other wrong."""

            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(1))

            def forward(self, x):
                wanted = pixel_classes(digits.test_images, digits.test_labels)
                wanted[wanted == BACKGROUND] = 3
                return torch.nn.functional.one_hot(wanted, 11).permute(0, 3, 1, 2).float()

        found = score(small("fcn_small"), Right(), digits.test_images, digits.test_labels)
        assert found.figures["accuracy"] == 1

    def test_the_gan_is_scored_against_what_it_was_given(self, digits):
        recipe = small("digit_gan")
        given, _ = make_items(recipe, digits.test_images, digits.test_labels)
        identity = torch.nn.Conv2d(1, 1, 1)
        torch.nn.init.ones_(identity.weight)
        torch.nn.init.zeros_(identity.bias)
        figures = score(recipe, identity, digits.test_images, digits.test_labels).figures
        assert figures["l1"] == pytest.approx(figures["l1_coarse"])
        assert figures["l1"] == pytest.approx(float((given[:, 0] - digits.test_images / 255).abs().mean()))


class TestRuns:
    @pytest.mark.parametrize("name", shipped_names("mnist"))
    def test_every_benchmark_trains_and_learns(self, digits, tmp_path, name):
        run = run_mnist(small(name, epochs=2), digits, tmp_path, device=CPU)
        rows = run.training.history
        loss = "train_generator_loss" if name == "digit_gan" else "train_loss"
        assert rows[1][loss] < rows[0][loss]
        held_out = "validation_l1" if name == "digit_gan" else "validation_loss"
        assert rows[1][held_out] < rows[0][held_out]

    def test_the_best_weights_are_scored(self, digits, tmp_path):
        recipe = small("lenet", epochs=2)
        run = run_mnist(recipe, digits, tmp_path, device=CPU)
        task = make_task(recipe)
        load_weights(tmp_path / BEST, task.networks)
        again = score(recipe, task.networks["network"], digits.test_images, digits.test_labels)
        assert again.figures == run.test.figures
        assert run.parameters == sum(parameter.numel() for parameter in task.networks.parameters())

    def test_the_seed_decides(self, digits, tmp_path):
        runs = [
            run_mnist(small("lenet", seed=seed), digits, tmp_path / str(place), device=CPU)
            for place, seed in enumerate((1, 1, 2))
        ]
        outputs = [run.test.outputs for run in runs]
        assert torch.equal(outputs[0], outputs[1])
        assert not torch.equal(outputs[0], outputs[2])

    def test_too_few_images(self, digits, tmp_path):
        with pytest.raises(DatasetError, match="Expected more than the 5000 images that are held out, got 1200"):
            run_mnist(load_mnist_recipe("lenet"), digits, tmp_path, device=CPU)


def test_gradients_vanish_and_explode_without_batch_norm_and_clipping(digits):
    study = study_gradients(normalised(digits.train_images[:64]), digits.train_labels[:64].long(), seed=0)
    assert all(len(norms) == DEPTH for norms in study.by_layer.values())
    assert study.by_layer["sigmoid"][0] < 1e-6 * study.by_layer["sigmoid"][-1]
    assert study.by_layer["ReLU, large weights"][0] > 1e3
    for name in ("sigmoid, batch norm", "ReLU, large weights, batch norm"):
        norms = np.log10(study.by_layer[name])
        assert np.ptp(norms) < 1.5
    free, clipped = study.by_step["as it is"], study.by_step["clipped to 1"]
    assert len(free) == len(clipped) == STEPS
    assert max(free) > 10
    assert max(clipped) <= 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for part, count, seed in (("train", 600, 0), ("t10k", 100, 1)):
        images, labels = rendered_digits(count, seed)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images.numpy()))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels.numpy()))
    return folder


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
        [("lenett", "DATA", "did you mean lenet?"), ("lenet", "NOWHERE", "expected MNIST, got no train-images")],
    )
    def test_bad_input(self, folder, tmp_path, model, data, message):
        place = {"DATA": folder, "NOWHERE": tmp_path / "no"}[data]
        assert message in refused(litho("mnist", "--model", model, "--data-dir", place, "--out", tmp_path / "out"))

    def test_another_run_in_the_folder(self, folder, recipe, tmp_path):
        arguments = ("mnist", "--model", recipe("perceptron"), "--data-dir", folder, "--out", tmp_path)
        assert litho(*arguments).code == 0
        assert "expected a run with seed = 5, got one with 0" in refused(litho(*arguments, "--seed", 5))


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/mnist")
def test_the_perceptron_on_mnist(tmp_path):
    result = litho("mnist", "--model", "perceptron", "--data-dir", DATA, "--epochs", 3, "--out", tmp_path, "--json")
    accuracy = json.loads(result.out)["test_accuracy"]
    assert 0.91 < accuracy < 0.93
    assert math.isfinite(accuracy)
