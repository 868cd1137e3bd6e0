"""Pictures of benchmarks."""

import pytest
import torch
from scenes.mnist import finished

from litho_dl.mnist.digits import BACKGROUND, rendered_digits
from litho_dl.mnist.files import Mnist
from litho_dl.mnist.pictures import confusion, examples, pictures, worst_digits
from litho_dl.training.progress import curves_of
from litho_dl.viz.learning import CLASS_COLOURS


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
        assert [row.images[0][1] for row in (given, found, truth)] == ["input", "output", "true"]
        assert (given.colours, found.colours, truth.colours) == ("Greys", CLASS_COLOURS, CLASS_COLOURS)
        assert torch.equal(given.images[1][0], data.test_images[1])
        assert torch.equal(found.images[1][0], made[1])
        assert truth.images[1][0].unique().tolist() == sorted({int(data.test_labels[1]), BACKGROUND})
        rows = examples(finished("digit_gan", torch.rand(3, 28, 28)), data)
        assert {row.extremes for row in rows} == {(0, 1)}
        torch.testing.assert_close(rows[2].images[2][0], data.test_images[2] / 255)
