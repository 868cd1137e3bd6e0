"""Weights that ship: chosen by the optics asked for, small, and with a card that says how they came about."""

from pathlib import Path

import pytest
import torch
from scenes.generators import recipe
from scenes.ilt import RECIPE, small_simulator

from litho_dl.core.errors import CheckpointError
from litho_dl.core.settings import packaged_names
from litho_dl.generators.model import Card, OpticsCard, load_generator, make_generator, save_generator
from litho_dl.generators.weights import packaged_models
from litho_dl.process.identity import finest_period_nm, process_digest
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.training.checkpoint import read_weights

LARGEST = 8_000_000  # bytes
SHIPPED = [(name, optics, path) for name, files in packaged_models().items() for optics, path in files.items()]
PROCESS = small_simulator().process
OTHER = build_process(RECIPE.model_copy(update={"pupil": RECIPE.pupil.model_copy(update={"na": 0.8})}), count=3)


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("litho_dl.generators.weights.FOLDER", tmp_path)
    return tmp_path


def ship(shelf: Path, name: str, optics: OpticsCard) -> None:
    """Under a file name that says other optics than the card does."""
    card = Card(recipe=recipe({"bce": 1.0}), optics=optics, data={}, scores={})
    save_generator(shelf / f"{name}.safetensors", make_generator("fcn_mask_small"), card)


def test_they_are_chosen_by_their_cards_not_by_their_files_names(shelf):
    ship(shelf, "net-for-a", OpticsCard.of("b", PROCESS))
    ship(shelf, "net-for-b", OpticsCard.of("a", OTHER))
    assert load_generator("net", PROCESS).card.optics.name == "b"
    assert load_generator("net", OTHER).card.optics.name == "a"


@pytest.mark.parametrize("wrong", ["nets", "n*", "**", "net-for-a"])
def test_unknown_names(shelf, wrong):
    ship(shelf, "net-for-a", OpticsCard.of("a", PROCESS))
    with pytest.raises(
        CheckpointError, match=r"No model or file named .*; (did you mean net. )?known: net\. Your own file"
    ):
        load_generator(wrong, PROCESS)


def test_force_takes_those_that_resolve_most_nearly_the_same(shelf):
    """By the ratio of the finest periods: 1.4 is nearer than 0.7."""
    own = finest_period_nm(PROCESS)
    for name, period in (("finer", 0.7 * own), ("coarser", 1.4 * own), ("earlier", None)):
        ship(shelf, f"net-for-{name}", OpticsCard(name=name, digest="another", finest_period_nm=period))
    with pytest.raises(
        CheckpointError, match=r"net: .* for, coarser or earlier or finer, got .* for coarser, with --f"
    ):
        load_generator("net", PROCESS)
    assert load_generator("net", PROCESS, force=True).card.optics.name == "coarser"


def test_what_ships():
    assert {(name, optics) for name, optics, _ in SHIPPED} == {
        (name, optics) for name in ("unet", "neural_ilt", "cfno") for optics in ("iccad13", "iccad13-like")
    }


@pytest.mark.parametrize(("name", "optics", "path"), SHIPPED, ids=[path.stem for *_, path in SHIPPED])
def test_what_ships_is_small_and_says_how_it_came_about(name, optics, path):
    assert path.stat().st_size <= LARGEST
    tensors, metadata = read_weights(path)
    assert {value.dtype for value in tensors.values() if value.is_floating_point()} == {torch.float16}
    card = Card.model_validate(metadata["card"])
    assert (card.recipe.network.removesuffix("_small"), card.optics.name) == (name.removesuffix("_small"), optics)
    assert card.training is not None
    assert card.training.command.startswith("litho-dl train ")
    stages = card.recipe.stages if card.training.start is None else card.recipe.stages[-1:]
    assert list(card.training.stages) == [stage.name for stage in stages]
    assert {"l2_nm2", "pvb_nm2"} <= set(card.scores)
    assert {"description", "digest", "pairs"} <= set(card.data)
    if optics in packaged_names("optics"):
        process = build_process(load_recipe(optics), field_nm=(512.0, 512.0), count=3)
        assert process_digest(process) == card.optics.digest
        load_generator(name, process).require_masks()
