"""The sanity benchmarks, on digits drawn with fonts; real MNIST where it is at hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from litho_dl.core.errors import CheckpointError, DatasetError, RecipeError
from litho_dl.core.settings import shipped_names
from litho_dl.mnist import gradients
from litho_dl.mnist.augment import Augmentation, augmented
from litho_dl.mnist.digits import BACKGROUND, pixel_classes, rendered_digits
from litho_dl.mnist.files import Mnist, load_mnist
from litho_dl.mnist.gradients import DEPTH, STEPS, study_gradients
from litho_dl.mnist.recipe import NETWORKS, load_mnist_recipe, with_training
from litho_dl.mnist.run import run_mnist
from litho_dl.mnist.tasks import (
    coarsened,
    make_items,
    make_task,
    mean_iou,
    normalised,
    score,
    training_and_validation,
)
from litho_dl.training.checkpoint import BEST, LAST, load_weights
from litho_dl.training.run import Run

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return Mnist(*rendered_digits(1200, seed=0), *rendered_digits(200, seed=1))


def small(name, **training):
    """A shipped recipe, held out and batched for few images."""
    recipe = load_mnist_recipe(name).model_copy(update={"held_out": 200})
    return with_training(recipe, **{"epochs": 2, "batch_size": 50, **training})


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

    def test_other_training_is_checked(self):
        assert with_training(load_mnist_recipe("lenet"), epochs=None, seed=7).training.seed == 7
        assert with_training(load_mnist_recipe("lenet")) == load_mnist_recipe("lenet")
        expected = r"recipe with epochs = 1: schedule\.warmup_epochs must be below epochs, got 1 of 1"
        with pytest.raises(RecipeError, match=expected):
            with_training(load_mnist_recipe("lenet"), epochs=1)


class TestAugmentation:
    def test_oblong_images_are_refused(self):
        with pytest.raises(DatasetError, match="Expected square images to turn, got 9 x 8 pixels"):
            augmented(torch.rand(1, 1, 9, 8), Augmentation(), torch.Generator())

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
        task = make_task(recipe, digits)
        network = task.networks["network"]
        found = score(recipe, task, digits.test_images, digits.test_labels)
        with torch.no_grad():
            logits = network(normalised(digits.test_images))
        right = logits.argmax(1) == digits.test_labels
        assert found.figures["accuracy"] == pytest.approx(float(right.float().mean()))
        own = logits.log_softmax(1)[torch.arange(200), digits.test_labels.long()]
        assert found.figures["loss"] == pytest.approx(-float(own.mean()), rel=1e-5)
        torch.testing.assert_close(found.outputs.sum(1), torch.ones(200))

    def test_label_smoothing_is_passed_on(self, digits):
        recipe = small("resnet_small")
        assert recipe.label_smoothing > 0
        losses = []
        for smoothing in (recipe.label_smoothing, 0.0):
            torch.manual_seed(0)
            task = make_task(recipe.model_copy(update={"label_smoothing": smoothing}), digits)
            task.networks.eval()
            images, wanted = make_items(recipe, digits.test_images[:50], digits.test_labels[:50])
            losses.append(task.loss("network", (images, wanted))[0])
            logits = task.networks["network"](images)
        expected = torch.nn.functional.cross_entropy(logits, wanted, label_smoothing=recipe.label_smoothing)
        torch.testing.assert_close(losses[0], expected)
        assert losses[0] != losses[1]

    def test_intersection_over_union_by_hand(self):
        """Background: 3 common of 5; digit 3: 1 of 2; digit 5: 0 of 1; the others occur nowhere."""
        wanted = torch.tensor([[[10, 10, 10], [3, 3, 10]]])
        found = torch.tensor([[[10, 10, 5], [3, 10, 10]]])
        assert mean_iou(found, wanted) == pytest.approx((3 / 5 + 1 / 2 + 0 / 1) / 3)

    def test_a_segmenter_is_scored_on_all_pixels_on_all_classes_and_on_ink(self, digits):
        class Right(torch.nn.Module):
            """Every pixel of ink right, every other taken for a 3."""

            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(1))

            def forward(self, x):
                wanted = pixel_classes(digits.test_images, digits.test_labels)
                wanted[wanted == BACKGROUND] = 3
                return torch.nn.functional.one_hot(wanted, 11).permute(0, 3, 1, 2).float()

        recipe = small("fcn_small")
        task = make_task(recipe, digits)
        task.networks["network"] = Right()
        figures = score(recipe, task, digits.test_images, digits.test_labels).figures
        truth = pixel_classes(digits.test_images, digits.test_labels)
        threes = float((truth == 3).sum() / (truth == BACKGROUND).logical_or(truth == 3).sum())
        assert figures["ink_accuracy"] == 1
        assert figures["accuracy"] == pytest.approx(float((truth != BACKGROUND).float().mean()))
        assert figures["mean_iou"] == pytest.approx((9 + threes + 0) / 11)

    def test_the_gan_is_scored_against_what_it_was_given(self, digits):
        recipe = small("digit_gan")
        given, _ = make_items(recipe, digits.test_images, digits.test_labels)
        identity = torch.nn.Conv2d(1, 1, 1)
        torch.nn.init.ones_(identity.weight)
        torch.nn.init.zeros_(identity.bias)
        task = make_task(recipe, digits)
        task.networks["generator"] = identity
        figures = score(recipe, task, digits.test_images, digits.test_labels).figures
        assert figures["l1"] == pytest.approx(figures["l1_coarse"])
        assert figures["l1"] == pytest.approx(float((given[:, 0] - digits.test_images / 255).abs().mean()))

    def test_the_discriminator_is_scored_on_both_kinds_of_pairs(self, digits):
        """By the share of patches; a generator that makes all white is found out wherever there is ink."""

        class Bright(torch.nn.Module):
            """Takes for real what has ink in a row."""

            def forward(self, condition, image):
                return image.amax((1, 3)) - 0.5

        recipe = small("digit_gan")
        task = make_task(recipe, digits)
        task.networks["discriminator"] = Bright()
        torch.nn.init.zeros_(task.networks["generator"][-1].conv.weight)
        torch.nn.init.constant_(task.networks["generator"][-1].conv.bias, -9)
        figures = score(recipe, task, digits.test_images, digits.test_labels).figures
        rows = (digits.test_images.amax(2) / 255 > 0.5).float().mean()
        assert figures["accuracy_real"] == pytest.approx(float(rows))
        assert figures["accuracy_fake"] == 1


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
        """Averaged ones, so that they are not those of the last step."""
        recipe = small("lenet", epochs=2, average_decay=0.9)
        run = run_mnist(recipe, digits, tmp_path, device=CPU)
        task = make_task(recipe, digits)
        load_weights(tmp_path / BEST, task.networks)
        again = score(recipe, task, digits.test_images, digits.test_labels)
        assert again.figures == run.test.figures
        last = torch.load(tmp_path / LAST, weights_only=True)["state"]["networks"]
        task.networks.load_state_dict(last)
        assert score(recipe, task, digits.test_images, digits.test_labels).figures != run.test.figures
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


def test_gradients_vanish_and_explode_without_batch_norm(digits, monkeypatch):
    monkeypatch.setattr(gradients, "STEPS", 1)
    study = study_gradients(normalised(digits.train_images[:64]), digits.train_labels[:64].long(), seed=0)
    assert all(len(norms) == DEPTH for norms in study.by_layer.values())
    assert study.by_layer["sigmoid"][0] < 1e-6 * study.by_layer["sigmoid"][-1]
    assert study.by_layer["ReLU, large weights"][0] > 1e3
    for name in ("sigmoid, batch norm", "ReLU, large weights, batch norm"):
        norms = np.log10(study.by_layer[name])
        assert np.ptp(norms) < 1.5


def test_a_large_gradient_kills_a_network_unless_it_is_clipped(digits):
    """It ends at the loss of a guess, ln 10; clipped, it learns."""
    study = study_gradients(normalised(digits.train_images[:64]), digits.train_labels[:64].long(), seed=0)
    free, clipped = (study.norms[name] for name in ("as it is", "clipped to 1"))
    assert len(free) == len(clipped) == STEPS
    assert max(free) > 10
    assert max(clipped) <= 1.0001
    assert study.losses["as it is"][-1] == pytest.approx(math.log(10), abs=0.1)
    assert study.losses["clipped to 1"][0] == study.losses["as it is"][0]
    assert study.losses["clipped to 1"][-1] < 1.9


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least", "most"), [("quick_cnn", 0.990, 1), ("basic_cnn", 0.980, 0.986), ("lenet", 0.990, 1)]
)
def test_published_accuracies(data_dir, tmp_path, name, least, most):
    """Of `basic_cnn`, 98.3 % with plain gradient descent, the notebook's value."""
    run = run_mnist(load_mnist_recipe(name), load_mnist(data_dir / "mnist"), tmp_path, device=CPU)
    assert least <= run.test.figures["accuracy"] <= most
