"""Benchmark tasks."""

import pytest
import torch
from scenes.mnist import small

from litho_dl.mnist.digits import BACKGROUND, pixel_classes, rendered_digits
from litho_dl.mnist.files import Mnist
from litho_dl.mnist.tasks import coarsened, make_items, make_task, mean_iou, normalised, score, training_and_validation


@pytest.fixture(scope="module")
def digits():
    return Mnist(*rendered_digits(1200, seed=0), *rendered_digits(200, seed=1))


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
        assert found.metrics["accuracy"] == pytest.approx(float(right.float().mean()))
        own = logits.log_softmax(1)[torch.arange(200), digits.test_labels.long()]
        assert found.metrics["loss"] == pytest.approx(-float(own.mean()), rel=1e-5)
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
        figures = score(recipe, task, digits.test_images, digits.test_labels).metrics
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
        figures = score(recipe, task, digits.test_images, digits.test_labels).metrics
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
        figures = score(recipe, task, digits.test_images, digits.test_labels).metrics
        rows = (digits.test_images.amax(2) / 255 > 0.5).float().mean()
        assert figures["accuracy_real"] == pytest.approx(float(rows))
        assert figures["accuracy_fake"] == 1
