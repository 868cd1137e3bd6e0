"""What pictures of training show: which curves, which colours, on which scale."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from litho_dl.core.errors import LithoError
from litho_dl.viz.learning import (
    CLASS_COLOURS,
    CLASS_RANGE,
    DRAWN,
    LABELS,
    ImageRow,
    confusion_figure,
    gradient_figure,
    image_grid,
    learning_curves,
)

CLASSIFIER = ({"loss": [1.0, 0.5], "accuracy": [0.7, 0.9]}, {"loss": [0.9, 0.6], "accuracy": [0.8, 0.85]})
GAN = (
    {"generator_loss": [9.0, 5.0], "discriminator_loss": [0.7, 0.6], "l1": [0.3, 0.2], "accuracy_real": [0.5, 0.6]},
    {"l1": [0.25, 0.2]},
)


def curves(figure: Figure, panel: int) -> dict[str, list[float]]:
    return {str(line.get_label()): list(line.get_ydata()) for line in figure.axes[panel].get_lines()}


def test_curves_of_every_kind_of_run_are_drawn_and_in_the_legend():
    figure = learning_curves({"classifier": CLASSIFIER, "gan": GAN}, note="means")
    assert curves(figure, 0) == {
        "loss, training": [1.0, 0.5],
        "error rate, training": pytest.approx([0.3, 0.1]),
        "loss, validation": [0.9, 0.6],
        "error rate, validation": pytest.approx([0.2, 0.15]),
    }
    assert curves(figure, 1) == {
        "generator loss, training": [9.0, 5.0],
        "discriminator loss, training": [0.7, 0.6],
        "L1, training": [0.3, 0.2],
        "L1, validation": [0.25, 0.2],
    }
    (legend,) = figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {*curves(figure, 0), *curves(figure, 1)}
    assert legend.get_title().get_text() == "means"
    assert len(set(DRAWN.values())) == len(DRAWN)
    for axes in figure.axes[:2]:
        assert all(tick == round(tick) for tick in axes.get_xticks())


def test_a_part_of_a_decade_is_labelled_in_plain_numbers():
    figure = learning_curves({"mask": ({}, {"l2_nm2": [46000.0, 33000.0]}), "long": ({}, {"loss": [9.0, 0.1]})})
    figure.canvas.draw()
    near, far = figure.axes[:2]
    low, high = near.get_ylim()
    labels = [text.get_text() for text in near.get_yticklabels() if low <= text.get_position()[1] <= high]
    assert len(labels) >= 4
    assert {"35,000", "40,000"} <= set(labels)
    assert not any(text.get_text() for text in near.get_yticklabels(minor=True))
    assert {text.get_text() for text in far.get_yticklabels()} >= {r"$\mathdefault{10^{0}}$"}
    assert set(curves(figure, 0)) == {"L2 (nm²), validation"}
    assert set(LABELS) <= set(DRAWN)


def test_no_runs():
    with pytest.raises(LithoError, match="Expected runs to draw, got none"):
        learning_curves({})


def test_images_of_a_row_share_a_scale():
    """A constant image keeps its grey, and a class its colour, whatever else is in the image."""
    rows = [
        ImageRow([(np.full((2, 2), 0.25), "grey"), (np.ones((2, 2)), "")], (0, 1)),
        ImageRow([(np.full((2, 2), 3), "3"), (np.array([[10, 3], [0, 9]]), "")], CLASS_RANGE, CLASS_COLOURS),
    ]
    figure = image_grid(rows)
    shown = [axes.images[0] for axes in figure.axes]
    colours = [image.to_rgba(image.get_array()) for image in shown]
    assert [axes.get_title() for axes in figure.axes] == ["grey", "", "3", ""]
    assert 0.7 < colours[0][0, 0, 0] < 0.95  # a quarter of the way from white to black
    assert colours[1].max(axis=(0, 1))[0] == 0
    assert tuple(colours[3][0, 0]) == to_rgba("white")
    assert tuple(colours[2][0, 0]) == tuple(colours[3][0, 1])
    assert len({tuple(CLASS_COLOURS(value)) for value in range(11)}) == 11


def test_rows_and_columns_of_a_confusion_matrix():
    figure = confusion_figure([[5, 2], [0, 7]], ["a", "b"])
    texts = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert texts == {"5": (0, 0), "2": (1, 0), "7": (1, 1)}
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("taken for", "is")


def test_numbers_on_dark_cells_are_white():
    figure = confusion_figure([[5, 9, 4], [0, 7, 0], [0, 0, 99]], ["a", "b", "c"])
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert [name for name, colour in colours.items() if colour == "white"] == ["9"]


def test_gradient_norms_and_losses_side_by_side():
    figure = gradient_figure({"deep": [1.0, 2.0]}, {"free": [5.0, np.inf]}, {"free": [2.3, 2.2]})
    assert [axes.get_ylabel() for axes in figure.axes] == ["norm of the gradient", "norm of the gradient", "loss"]
    assert curves(figure, 2) == {"free": [2.3, 2.2]}
    assert np.isnan(curves(figure, 1)["free"][1])
