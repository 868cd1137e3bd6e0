"""The best packaged network for given optics: by the scores of its test pairs."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scenes.generators import recipe, write_model
from scenes.ilt import small_simulator

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.model import Card, OpticsCard, make_generator, save_generator
from litho_dl.generators.ranking import best_generator, ranked_networks, ranking_text

PROCESS = small_simulator().process
OTHER = replace(PROCESS, corners={**PROCESS.corners, "nominal": PROCESS.corners["outer"]})


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("litho_dl.generators.weights.FOLDER", tmp_path)
    return tmp_path


def ship(shelf: Path, **scores: float | None) -> None:
    """Networks by name with their scores, for the same optics."""
    for name, score in scores.items():
        write_model(shelf, PROCESS, f"{name}-for-small", {} if score is None else {"l2_pvb_nm2": score})


def test_the_lowest_score_among_those_for_the_optics(shelf):
    ship(shelf, a=30.0, b=20.0, c=25.0)
    write_model(shelf, OTHER, "d-for-others", {"l2_pvb_nm2": 10.0})
    surrogate = Card(
        recipe=recipe({"aerial": 1.0}, network="doinn_small", pixel_nm=8.0),
        optics=OpticsCard.of("small", PROCESS),
        data={},
        scores={"l2_pvb_nm2": 1.0},
    )
    save_generator(shelf / "e-for-small.safetensors", make_generator("doinn_small"), surrogate)
    assert [network.name for network in ranked_networks(PROCESS)] == ["b", "c", "a"]
    assert best_generator(small_simulator()).origin == str(shelf / "b-for-small.safetensors")
    assert best_generator(OTHER).origin == str(shelf / "d-for-others.safetensors")


def test_it_is_loaded_with_its_weights(shelf):
    ship(shelf, a=30.0)
    found, x = best_generator(PROCESS).network, torch.rand(1, 1, 32, 32)
    network = make_generator("fcn_mask_small").eval()
    assert not torch.equal(found(x), network(x))
    network.load_state_dict(found.state_dict())
    assert torch.equal(found(x), network(x))
    assert not found.training


@pytest.mark.parametrize(
    ("scores", "order", "text"),
    [
        ({"a": 91203.6}, "a", "the only one for small (L2 + PVB 91,204 nm² on its test pairs)"),
        ({"a": None}, "a", "the only one for small (no score in its card)"),
        (
            {"a": 99310.0, "b": 91203.6, "c": None},
            "bac",
            "the best of 3 for small (L2 + PVB 91,204 nm² on its test pairs; next a, 99,310)",
        ),
        (
            {"b": 5.0, "a": 5.0},
            "ab",
            "the best of 2 for small (L2 + PVB 5 nm² on its test pairs; b has the same, and a later name)",
        ),
        (
            {"a": None, "b": 5.0, "c": math.nan},
            "bac",
            "the best of 3 for small (L2 + PVB 5 nm² on its test pairs; no scores in the other cards)",
        ),
        ({"b": None, "a": math.nan}, "ab", "the first by name of 2 for small (no scores in their cards)"),
    ],
)
def test_what_is_said_of_it(shelf, scores, order, text):
    ship(shelf, **scores)
    ranked = ranked_networks(PROCESS)
    assert "".join(network.name for network in ranked) == order
    assert ranking_text(ranked) == text


def test_other_optics(shelf):
    with pytest.raises(CheckpointError, match="trained for, none, got others"):
        best_generator(PROCESS)
    ship(shelf, a=1.0, b=2.0)
    with pytest.raises(CheckpointError, match=r"trained for, small, got others; .*--model NAME --force.*optimize"):
        best_generator(OTHER)
