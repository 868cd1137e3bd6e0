"""Weights that ship: chosen by the optics asked for, small, and with a card that says how they came about."""

from functools import cache
from pathlib import Path

import pytest
import torch
from scenes.generators import check_scores, recipe
from scenes.ilt import RECIPE, small_simulator

from litho_dl.core.errors import CheckpointError
from litho_dl.core.settings import packaged_names
from litho_dl.generators.model import (
    ANY_OPTICS,
    Card,
    OpticsCard,
    load_generator,
    make_generator,
    read_card,
    save_generator,
)
from litho_dl.generators.weights import packaged_models
from litho_dl.process.files import import_contest, load_process
from litho_dl.process.identity import finest_period_nm, process_digest
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.training.checkpoint import read_weights

LARGEST = 4_000_000  # bytes
CONTEST = "iccad13"  # whose kernels are no recipe
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
        *((name, "iccad13") for name in ("unet", "neural_ilt", "cfno", "gan_opc", "damo")),
        *(("unet", optics) for optics in ("iccad13-like", "duv193-immersion-annular")),
        ("any", "any"),
    }


every_file = pytest.mark.parametrize(
    ("name", "optics", "path"),
    [pytest.param(*file, marks=pytest.mark.data if file[1] == CONTEST else ()) for file in SHIPPED],
    ids=[path.stem for *_, path in SHIPPED],
)


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
    assert card.check
    assert {"sets", "pairs"} <= set(card.data)
    if optics in packaged_names("optics"):
        process = build_process(load_recipe(optics), field_nm=(512.0, 512.0), count=3)
        assert process_digest(process) == card.optics.digest
        load_generator(name, process).require_masks()


@cache
def process_of(optics: str, data: Path | None) -> ProcessModel:
    """The optics of a shipped file; the contest's are in a folder, and `any` is for any."""
    if optics == ANY_OPTICS.name:
        return PROCESS
    return import_contest(data / CONTEST) if data is not None else load_process(optics)


@every_file
def test_what_ships_scores_what_its_card_says(request, name, optics, path):
    card = read_card(path)
    if not card.check:
        pytest.skip("its card has no such scores")
    process = process_of(optics, request.getfixturevalue("data_dir") if optics == CONTEST else None)
    found = check_scores(load_generator(name, process), process)
    # Processors round differently, and a pixel of a binary mask is one or the other.
    assert {key: found[key] for key in card.check} == pytest.approx(card.check, rel=0.01)
