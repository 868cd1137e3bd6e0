"""Training of mask generators: stages, and the weights that are kept."""

import pytest
import torch
from scenes.command_line import litho, refused
from scenes.generators import TRAINING, write_recipe

from litho_dl.core.settings import packaged_names
from litho_dl.generators.items import load_pair_set
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import load_generator
from litho_dl.generators.pictures import draw_run, mask_gallery, print_gallery
from litho_dl.generators.recipe import GeneratorRecipe, load_generator_recipe, with_training
from litho_dl.generators.run import make_task, run_generator
from litho_dl.models.registry import GENERATORS, SURROGATES
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.checkpoint import read_weights
from litho_dl.training.run import ScoringProgress

CPU = torch.device("cpu")
SMALL = [name for name in packaged_names("generators") if name.endswith("_small")]


def shortened(name: str) -> GeneratorRecipe:
    """A shipped recipe with one epoch a stage, on the pixels of the tests' data set."""
    table = load_generator_recipe(name).model_dump()
    few = {"family": "metal", "rules": "m1-45", "count": 4, "extent_nm": 512.0}
    for stage in table["stages"]:
        stage["training"] = {**stage["training"], **TRAINING, "schedule": {"kind": "constant"}}
        stage["clips"] = [few] if stage["clips"] else []
    mask_pixel_nm = 16.0 if name in SURROGATES else 8.0
    return GeneratorRecipe.model_validate(
        {**table, "pixel_nm": 16.0, "mask_pixel_nm": mask_pixel_nm, "training_pairs": 2}
    )


@pytest.mark.parametrize("name", [name for name in SMALL if name in GENERATORS])
def test_every_recipe_trains_and_keeps_what_it_scored(pair_set, tmp_path, name):
    chosen = shortened(name)
    pairs = load_pair_set(pair_set, chosen)
    run = run_generator(chosen, pairs, tmp_path, device=CPU)
    assert [result.status for result in run.stages.values()] == ["finished"] * len(chosen.stages)
    found = load_generator(run.path, pairs.process)
    kept = found.network.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in run.network.state_dict().items())
    targets = torch.from_numpy(pairs.test.targets) / 255
    with torch.no_grad():
        mask = mask_logits(found.network, targets[:, None], chosen.ratio) > 0
    exposure = Simulator(pairs.process)(mask.float(), chosen.mask_pixel_nm, out_pixel_nm=chosen.pixel_nm)
    wrong = (exposure.binary_print("nominal") != (targets >= 0.5)).sum((1, 2)).float().mean() * chosen.pixel_nm**2
    assert found.card.scores["l2_nm2"] == pytest.approx(float(wrong), rel=1e-3)
    assert found.card.data["pairs"]["test"] == len(targets)


def test_a_surrogate_trains(pair_set, tmp_path):
    chosen = shortened("lithogan_small")
    pairs = load_pair_set(pair_set, chosen)
    run = run_generator(chosen, pairs, tmp_path, device=CPU)
    masks = torch.from_numpy(pairs.test.masks) / 255
    with torch.no_grad():
        aerial, logits = load_generator(run.path, pairs.process).network(masks[:, None]).unbind(1)
        true = Simulator(pairs.process)(masks, 16.0)
    assert run.card.scores["aerial_mse"] == pytest.approx(float((aerial - true.aerial()).square().mean()), rel=1e-3)
    wrong = 256 * ((logits > 0) != true.binary_print()).sum((1, 2))
    assert [clip.score["wrong (nm²)"] for clip in print_gallery(run, pairs)] == wrong.tolist()
    assert 0 <= run.card.scores["print_iou"] <= 1
    draw_run(tmp_path, run, pairs)
    assert (tmp_path / "masks.png").exists()


def test_networks_are_drawn_from_the_seed_for_a_periodic_field(pair_set):
    chosen = shortened("damo_small")
    pairs = load_pair_set(pair_set, chosen)

    def drawn(seed: int) -> torch.nn.ModuleDict:
        made = with_training(chosen, seed=seed)
        return make_task(made, made.stages[0], pairs, [Simulator(pairs.process)]).networks

    first, again, other = (torch.nn.utils.parameters_to_vector(drawn(seed).parameters()) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert {part.padding_mode for part in drawn(1).modules() if hasattr(part, "padding_mode")} == {"circular"}


def test_stages_go_on_from_the_best_weights_before(pair_set, tmp_path):
    """A second stage too slow to learn ends with the first one's best weights; a killed run goes on with its stage."""
    chosen = load_generator_recipe(write_recipe(tmp_path, ("learning_rate = 0.001 ", "learning_rate = 1e-30 ")))
    pairs = load_pair_set(pair_set, chosen)
    run = run_generator(chosen, pairs, tmp_path / "run", device=CPU)
    stages = [tmp_path / "run" / name / "best.safetensors" for name in ("1-supervised", "2-litho")]
    first, second = (read_weights(path)[0] for path in stages)
    moved = [name for name in first if (first[name] - second[name]).abs().max() > 1e-20]
    assert all("norm" in name and ("running" in name or "tracked" in name) for name in moved)
    drawn = [clip.score for clip in mask_gallery(run, pairs)]
    for name, score in (("L2", "l2_nm2"), ("PVB", "pvb_nm2")):
        assert sum(scores[name] for scores in drawn) / len(drawn) == pytest.approx(run.card.scores[score])
    before = run.path.read_bytes(), stages[0].stat().st_mtime_ns
    again = run_generator(chosen, pairs, tmp_path / "run", device=CPU)
    assert (again.path.read_bytes(), stages[0].stat().st_mtime_ns) == before


def test_a_start_gives_its_weights_to_the_last_stage_alone(arguments, tmp_path):
    """Which is too slow to learn here: but for what norms have seen, the weights stay."""
    assert litho(*arguments).code == 0
    slow = write_recipe(tmp_path, ("learning_rate = 0.001 ", "learning_rate = 1e-30 "))
    model, out = tmp_path / "out" / "model.safetensors", tmp_path / "more"
    again = litho("train", slow, *arguments[2:-1], out, "--start", model, "--optics", "iccad13-like")
    assert again.code == 0, again.err
    assert [path.name for path in sorted(out.glob("*-*"))] == ["2-litho"]
    assert "expected a run with task.start = " in refused(litho("train", slow, *arguments[2:], "--start", model))
    (first, _), (second, metadata) = read_weights(model), read_weights(out / "model.safetensors")
    moved = [name for name in first if (first[name] - second[name]).abs().max() > 1e-20]
    assert all("norm" in name and ("running" in name or "tracked" in name) for name in moved)
    card = metadata["card"]
    assert card["optics"]["name"] == "iccad13-like"
    assert card["training"]["start"]["optics"]["name"] == "small.safetensors"
    other = write_recipe(tmp_path, ('"fcn_mask_small"', '"unet_small"'))
    wrong = refused(litho("train", other, *arguments[2:-1], tmp_path / "other", "--start", model))
    assert "expected weights of unet_small, got fcn_mask_small" in wrong


def test_the_best_weights_are_kept_not_the_last(pair_set, tmp_path):
    """Learning far too fast, later epochs are worse."""
    fast = (("learning_rate = 0.01 ", "learning_rate = 0.5 "), ("epochs = 2", "epochs = 4"))
    chosen = load_generator_recipe(write_recipe(tmp_path, *fast))
    chosen = chosen.model_copy(update={"stages": chosen.stages[:1], "half_precision": False})
    run = run_generator(chosen, load_pair_set(pair_set, chosen), tmp_path / "run", device=CPU)
    assert run.stages["supervised"].best_epoch < 4
    best, _ = read_weights(tmp_path / "run/1-supervised/best.safetensors")
    kept, _ = read_weights(run.path)
    assert best.keys() == kept.keys()
    assert all(torch.equal(best[name], kept[name]) for name in best)


@pytest.mark.parametrize(("rate", "expected"), [("0.5", "supervised"), ("0.001", "litho")])
def test_the_best_stage_is_kept_not_the_last(pair_set, tmp_path, rate, expected):
    """Too fast, the second stage spoils what the first one learned."""
    chosen = load_generator_recipe(write_recipe(tmp_path, ("learning_rate = 0.001 ", f"learning_rate = {rate} ")))
    chosen = chosen.model_copy(update={"half_precision": False, "pvb_weight": 0.25})
    pairs, seen = load_pair_set(pair_set, chosen), []
    run = run_generator(chosen, pairs, tmp_path / "run", device=CPU, on_progress=seen.append)
    found = {name: min(row["validation_weighted_nm2"] for row in result.history) for name, result in run.stages.items()}
    assert min(found, key=found.get) == run.card.training.kept == expected
    assert {name: stage.validation["weighted_nm2"] for name, stage in run.card.training.stages.items()} == found
    best, _ = read_weights(next((tmp_path / "run").glob(f"*-{expected}")) / "best.safetensors")
    kept, _ = read_weights(run.path)
    assert all(torch.equal(best[name], kept[name]) for name in best)
    assert seen[-1] == ScoringProgress(-(-len(pairs.test) // 2), -(-len(pairs.test) // 2))


@pytest.fixture
def arguments(pair_set, tmp_path):
    return ("train", write_recipe(tmp_path), "--data", pair_set, "--device", "cpu", "--out", tmp_path / "out")
