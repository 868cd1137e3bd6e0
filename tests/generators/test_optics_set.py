"""Random optics with targets, and training on them."""

import pytest
import torch
from scenes.command_line import litho
from scenes.generators import check_scores, seeing_recipe

from litho_dl.generators.mask import on_mask_pixel
from litho_dl.generators.model import load_generator
from litho_dl.generators.optics_set import draw_optics_set
from litho_dl.generators.pictures import mask_gallery, shown_optics
from litho_dl.generators.run import make_task, run_generator
from litho_dl.generators.unrolled import SimulatedTurns
from litho_dl.process.identity import process_digest
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.batches import in_order

CPU = torch.device("cpu")
RECIPE = seeing_recipe()


@pytest.fixture(scope="module")
def drawn():
    return draw_optics_set(RECIPE)


@pytest.fixture(scope="module")
def run(drawn, tmp_path_factory):
    return run_generator(RECIPE, drawn, tmp_path_factory.mktemp("run"), device=CPU)


def test_optics_and_clips_are_held_out(drawn):
    """2 optics to train on, then 2 to validate and 2 to test on, 2 clips each."""
    assert len({process_digest(process) for process in drawn.processes}) == 6
    assert drawn.validation.tensors[1].tolist() == [2, 3, 2, 3]
    assert drawn.test.tensors[1].tolist() == [4, 5, 4, 5]
    items = drawn.stage_items(RECIPE, RECIPE.stages[0])
    batches = [batch for seed in range(9) for batch in items.batches(in_order(4, 2), seed)]
    assert {number for _, numbers in batches for number in numbers.tolist()} == {0, 1}
    targets = [target for target, _ in batches] + [drawn.validation.tensors[0], drawn.test.tensors[0]]
    assert len({bytes(target.numpy().tobytes()) for part in targets for target in part}) == 9 * 4 + 4 + 4
    assert all(target.shape[1:] == (1, 48, 48) for target in targets)


def test_the_same_recipe_draws_the_same(drawn):
    again = draw_optics_set(RECIPE)
    assert torch.equal(again.validation.tensors[0], drawn.validation.tensors[0])
    assert [process_digest(each) for each in again.processes] == [process_digest(each) for each in drawn.processes]
    items = [each.stage_items(RECIPE, RECIPE.stages[0]) for each in (again, drawn)]
    for first, second in zip(*(each.batches(in_order(4, 2), 5) for each in items), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_training_resumes_to_the_same_bits(drawn, run, tmp_path):
    """Two epochs at once, and with a stop between them."""
    stage = RECIPE.stages[0]
    twice = stage.model_copy(update={"training": stage.training.model_copy(update={"epochs": 2})})
    made = RECIPE.model_copy(update={"stages": (twice,)})

    def stopped(progress) -> None:
        if getattr(progress, "row", None) is not None and progress.epoch == 1:
            raise KeyboardInterrupt

    whole = run_generator(made, drawn, tmp_path / "whole", device=CPU)
    with pytest.raises(KeyboardInterrupt):
        run_generator(made, drawn, tmp_path / "parts", device=CPU, on_progress=stopped)
    parts = run_generator(made, drawn, tmp_path / "parts", device=CPU)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, parts.network.state_dict()[name]), name


def test_scores_are_those_of_the_written_masks(drawn, run):
    """By hand, for each optics with its own scale, and in nm^2 at scale 1."""
    card, numbers = run.card, drawn.test.tensors[1].tolist()
    wrong = 0.0
    for target, number in zip(drawn.test.tensors[0], numbers, strict=True):
        simulator = Simulator(drawn.processes[number])
        found = load_generator(run.path, simulator)
        with torch.no_grad():
            logits = found.network(target[None] / 255)
            mask = on_mask_pixel(logits[:, 0], 2) > 0
        printed = simulator(mask.float(), found.mask_pixel_nm, out_pixel_nm=found.pixel_nm).binary_print()
        wrong += float((printed != (target >= 128)).sum()) * 256
    assert card.scores["l2_nm2"] == pytest.approx(wrong / 4, rel=1e-3)
    assert card.optics.name == "any"
    assert card.check == pytest.approx(check_scores(load_generator(run.path, Simulator(drawn.processes[0])), None))


def test_the_loss_is_the_mean_over_turns(drawn):
    """Of the prints of each turn's mask, by hand; at the stage's slopes, which are the same over each threshold."""
    stage = RECIPE.stages[0].model_copy(update={"mask_sharpness": (3.0, 3.0), "resist_steepness": (40.0, 40.0)})
    task = make_task(RECIPE, stage, drawn, [Simulator(process) for process in drawn.processes])
    task.networks.eval()
    network = task.networks["generator"]
    batch = next(iter(drawn.stage_items(RECIPE, stage).batches(in_order(4, 4), 0)))
    loss, terms = task.loss("generator", batch)
    errors = []
    for target, number in zip(batch[0], batch[1].tolist(), strict=True):
        simulator = Simulator(drawn.processes[number])
        for turns in (1, 2):
            looking = SimulatedTurns(network, simulator, 16.0 * simulator.scale, turns)
            mask = torch.sigmoid(3 * on_mask_pixel(looking(target[None] / 255)[:, 0], 2))
            exposure = simulator.expose(mask, 8 * simulator.scale, out_pixel_nm=16 * simulator.scale)
            above = exposure.rule.excess(exposure.aerial()) / exposure.resist.threshold
            errors.append((torch.sigmoid(10 * above) - target / 255).square().mean().item())
    assert terms["litho_l2"].item() == pytest.approx(sum(errors) / 8, rel=1e-4)
    assert loss.item() == pytest.approx(float(terms["litho_l2"]) + 0.5 * float(terms["litho_pvb"]))
    loss.backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_the_batch_does_not_mix_optics_up(drawn):
    """Clips of a batch score as each does alone."""
    task = make_task(RECIPE, RECIPE.stages[0], drawn, [Simulator(process) for process in drawn.processes])
    task.networks.eval()
    targets, numbers = drawn.test.tensors
    with torch.no_grad():
        together = task.validate((targets, numbers))
        alone = [task.validate((targets[row, None], numbers[row, None])) for row in range(len(targets))]
    for name, value in together.items():
        assert float(value) == pytest.approx(sum(float(each[name]) for each in alone)), name


def test_pictures_show_each_optics(drawn, run):
    shown = mask_gallery(run, drawn)
    assert [clip.name.split(":")[0] for clip in shown] == ["optics 4", "optics 5"]
    task = make_task(RECIPE, RECIPE.stages[0], drawn, [Simulator(process) for process in drawn.processes])
    task.networks["generator"].load_state_dict(run.network.state_dict())
    task.networks.eval()
    targets, numbers = (tensor[shown_optics(drawn)] for tensor in drawn.test.tensors)
    with torch.no_grad():
        found = task.validate((targets, numbers))
    areas = [clip.score["L2"] / drawn.processes[int(n)].scale ** 2 for clip, n in zip(shown, numbers, strict=True)]
    assert sum(areas) == pytest.approx(float(found["l2_nm2"]))


def test_the_command_needs_no_data(tmp_path):
    path = tmp_path / "seeing.toml"
    path.write_text(
        """
network = "any_small"
pixel_nm = 16.0
mask_pixel_nm = 8.0
optics = { count = 1, held_out = 1, clips = 1, side = 48 }
[[stages]]
name = "only"
loss = { litho_l2 = 1.0 }
clips = [{ family = "metal", rules = "m1-45", count = 2, extent_nm = 512.0 }]
training = { epochs = 1, batch_size = 2, optimizer = { kind = "adam", learning_rate = 0.01 } }
"""
    )
    found = litho("train", path, "--out", tmp_path / "out")
    assert found.code == 0, found.err
    assert (tmp_path / "out" / "masks.png").exists()
    both = litho("train", path, "--out", tmp_path / "o", "--optics", "iccad13-like")
    assert both.code == 2
    assert "leave out --data, --optics" in both.err
    neither = litho("train", "unet_small", "--out", tmp_path / "o")
    assert neither.code == 2
    assert "Missing option '--data'" in neither.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"network": "unet_small"}, "optics go with the networks any"), ({"optics": None}, "and these with optics")],
)
def test_optics_and_networks_go_together(changes, message):
    with pytest.raises(ValueError, match=message):
        type(RECIPE).model_validate({**RECIPE.model_dump(), **changes})
