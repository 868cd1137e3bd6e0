"""Gradients that vanish or explode."""

import math

import numpy as np
import pytest

from litho_dl.mnist import gradients
from litho_dl.mnist.digits import rendered_digits
from litho_dl.mnist.files import Mnist
from litho_dl.mnist.gradients import DEPTH, STEPS, study_gradients
from litho_dl.mnist.tasks import normalised


@pytest.fixture(scope="module")
def digits():
    return Mnist(*rendered_digits(1200, seed=0), *rendered_digits(200, seed=1))


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
