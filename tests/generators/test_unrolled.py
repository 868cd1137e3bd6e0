"""Networks that look through the simulator: what they see, their turns, gradients, and how they are loaded."""

from dataclasses import replace

import pytest
import torch
from scenes.generators import recipe, write_seeing_model
from scenes.ilt import CLIPS, RECIPE, SIMPLE, small_simulator, targets
from torch import nn

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.export import export_generator
from litho_dl.generators.mask import smoothed
from litho_dl.generators.model import ANY_OPTICS, Card, field_step_nm, load_generator, make_generator, save_generator
from litho_dl.generators.predict import predict, refine
from litho_dl.generators.ranking import best_generator, ranked_networks, ranking_text
from litho_dl.generators.unrolled import (
    L2_GAIN,
    PVB_GAIN,
    SHARPNESS,
    STEEPNESS,
    SimulatedTurns,
    features,
    first_logits,
    warn_of_resolution,
)
from litho_dl.models.unrolled import FEATURES, Unrolled
from litho_dl.process.model import build_process
from litho_dl.simulation.simulator import Simulator

PIXEL_NM = 16.0
TARGETS = targets(PIXEL_NM)


def looked_at(mask: torch.Tensor, term: str, turn: int = 0) -> float:
    """The L2 error or PV band of masks (B, h, w) in pixels, under the soft resist."""
    exposure = small_simulator().expose(mask, PIXEL_NM)
    threshold = exposure.resist.threshold

    def printed(corner: str) -> torch.Tensor:
        return torch.sigmoid(STEEPNESS[turn] * (exposure.aerial(corner) / threshold - 1))

    pair = (printed("nominal"), TARGETS) if term == "l2" else (printed("outer"), printed("inner"))
    return float((pair[0] - pair[1]).square().sum().detach())


class TestFeatures:
    def test_images_are_those_of_the_mask_in_units_of_the_threshold(self):
        logits = torch.randn(2, 32, 32, dtype=torch.float64)
        found = features(small_simulator(), TARGETS, logits, PIXEL_NM, 0)
        assert found.shape == (2, FEATURES, 32, 32)
        mask = torch.sigmoid(SHARPNESS * smoothed(logits))
        exposure = small_simulator().expose(mask, PIXEL_NM)
        over = {name: exposure.aerial(name) / exposure.resist.threshold for name in ("nominal", "outer", "inner")}
        torch.testing.assert_close(found[:, 0], TARGETS)
        torch.testing.assert_close(found[:, 2], mask)
        torch.testing.assert_close(found[:, 3], torch.tanh(over["nominal"] - 1))
        torch.testing.assert_close(found[:, 4], 4 * (over["outer"] - over["nominal"]))
        torch.testing.assert_close(found[:, 5], 4 * (over["inner"] - over["nominal"]))

    @pytest.mark.parametrize("turn", range(len(STEEPNESS)))
    @pytest.mark.parametrize(("channel", "term", "gain"), [(6, "l2", L2_GAIN), (7, "pvb", PVB_GAIN)])
    def test_gradients_are_those_of_the_objective(self, channel, term, gain, turn):
        """By central differences, at a shape's edge, in its middle and far from all."""
        logits = first_logits(TARGETS)
        found = features(small_simulator(), TARGETS, logits, PIXEL_NM, turn)[:, channel].sinh() / gain
        mask = torch.sigmoid(SHARPNESS * smoothed(logits))
        for place in ((0, 10, 16), (0, 16, 16), (1, 1, 30), (1, 8, 12)):
            step = torch.zeros_like(mask)
            step[place] = 1e-5
            slope = (looked_at(mask + step, term, turn) - looked_at(mask - step, term, turn)) / 2e-5
            assert float(found[place]) == pytest.approx(slope, rel=1e-5, abs=1e-9), place

    def test_a_clear_field_reads_as_a_dark_one(self):
        """Positive where it prints, whichever side of the threshold that is."""
        clear = RECIPE.model_copy(update={"mask": RECIPE.mask.model_copy(update={"field": "clear"})})
        simulator = Simulator(build_process(clear, field_nm=(512.0, 512.0), count=6), dtype=torch.float64)
        found = features(simulator, TARGETS, first_logits(TARGETS), PIXEL_NM, 0)[:, 3]
        assert found[TARGETS == 1].mean() > 0.2 > -0.2 > found[TARGETS == 0].mean()


class Adding(nn.Module):
    """Adds a share of one channel; its turns are told apart by their shares."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(share, dtype=torch.float64))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return -self.share * features[:, 6:7]


class TestTurns:
    def test_each_turn_sees_the_last_one_s_mask(self):
        network, simulator = Unrolled([Adding(0.5), Adding(0.25)]), small_simulator()
        found = SimulatedTurns(network, simulator, PIXEL_NM)(TARGETS[:, None])[:, 0]
        first = first_logits(TARGETS) - 0.5 * features(simulator, TARGETS, first_logits(TARGETS), PIXEL_NM, 0)[:, 6]
        torch.testing.assert_close(found, first - 0.25 * features(simulator, TARGETS, first, PIXEL_NM, 1)[:, 6])
        torch.testing.assert_close(SimulatedTurns(network, simulator, PIXEL_NM, 1)(TARGETS[:, None])[:, 0], first)

    def test_descending_the_gradient_helps(self):
        network, mask = Unrolled([Adding(0.05)] * 6), SHARPNESS * smoothed(first_logits(TARGETS))
        found = SimulatedTurns(network, small_simulator(), PIXEL_NM)(TARGETS[:, None])[:, 0]
        assert looked_at(torch.sigmoid(SHARPNESS * smoothed(found)), "l2") < 0.8 * looked_at(mask.sigmoid(), "l2")

    def test_gradients_of_all_turns(self):
        """Against differences in which what turns see stays as it is, as it counts as given."""
        network, simulator = Unrolled([Adding(0.5), Adding(0.25), Adding(-0.1)]), small_simulator()
        turns = SimulatedTurns(network, simulator, PIXEL_NM)
        weights = torch.randn_like(TARGETS)
        (weights * turns(TARGETS[:, None])[:, 0]).sum().backward()
        logits = first_logits(TARGETS)
        for turn, part in enumerate(network.turns):
            seen = features(simulator, TARGETS, logits, PIXEL_NM, turn)[:, 6]
            assert float(part.share.grad) == pytest.approx(float(-(weights * seen).sum()))
            logits = logits - part.share.detach() * seen


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A packaged network for any optics, and no other."""
    monkeypatch.setattr("litho_dl.generators.weights.FOLDER", tmp_path)
    return write_seeing_model(tmp_path)


class TestLoading:
    def test_it_serves_any_optics_on_their_scale(self, model):
        own = load_generator("any_small", small_simulator())
        coarse = build_process(RECIPE.model_copy(update={"scale": 2.0}), field_nm=(1024.0, 1024.0), count=3)
        other = load_generator(model, coarse)
        assert (own.pixel_nm, own.mask_pixel_nm) == (16.0, 8.0)
        assert (other.pixel_nm, other.mask_pixel_nm) == (32.0, 16.0)
        assert other.network.simulator.process is coarse
        assert (field_step_nm("any_small", 1.0), field_step_nm("any_small", 2.0)) == (64.0, 128.0)
        wide = [replace(clip, field_nm=(1024.0, 1024.0)) for clip in CLIPS]
        assert predict(other, wide).mask.shape == (2, 64, 64)

    def test_predictions_are_refined_like_others(self, model):
        found = predict(load_generator("any_small", small_simulator()), CLIPS)
        assert refine(small_simulator(), found, CLIPS, SIMPLE, 3).mask.shape[0] == 2

    def test_the_simulator_given_stays_as_it_is(self, model):
        """Also in inference mode, and with float64, while the network looks through one of its own in float32."""
        simulator = Simulator(small_simulator().process, dtype=torch.float64)
        corners = simulator.with_corners({"more": (1.1, 0.0)})
        network = load_generator(model, simulator)
        with torch.inference_mode():
            inferred = predict(network, CLIPS)
        assert torch.equal(inferred.logits, predict(network, CLIPS).logits)
        assert simulator.with_corners({"more": (1.1, 0.0)}) is corners
        assert (simulator.dtype, network.network.simulator.dtype) == (torch.float64, torch.float32)

    def test_fewer_turns(self, model):
        simulator = small_simulator()
        one, both, default = (load_generator(model, simulator, turns=turns) for turns in (1, 2, None))
        logits = [predict(each, CLIPS).logits for each in (one, both, default)]
        assert torch.equal(logits[1], logits[2])
        assert not torch.allclose(logits[0], logits[1])
        with pytest.raises(CheckpointError, match="expected 1 to 2 turns, got 3"):
            load_generator(model, simulator, turns=3)

    def test_it_is_the_best_where_none_was_trained(self, model):
        found = best_generator(small_simulator().process)
        assert found.card.recipe.network == "any_small"
        assert "looks through the simulator of any optics" in ranking_text(ranked_networks(small_simulator()))

    def test_alternating_masks_are_refused(self, model):
        process = small_simulator().process
        other = replace(process, mask=process.mask.model_copy(update={"type": "alternating"}))
        with pytest.raises(CheckpointError, match="got an alternating one"):
            load_generator(model, other)

    def test_turns_of_other_networks_are_refused(self, tmp_path):
        digest = ANY_OPTICS.model_copy(update={"name": "small"})
        card = Card(recipe=recipe({"bce": 1.0}), optics=digest, data={}, scores={})
        save_generator(tmp_path / "plain.safetensors", make_generator("fcn_mask_small"), card)
        with pytest.raises(CheckpointError, match="expected a network of several turns"):
            load_generator(tmp_path / "plain.safetensors", small_simulator(), force=True, turns=2)


def test_optics_unlike_those_of_the_training_are_warned_of(capsys):
    warn_of_resolution(small_simulator())
    assert not capsys.readouterr().err
    for scale in (0.4, 3.0):
        process = build_process(RECIPE.model_copy(update={"scale": scale}), field_nm=(512.0, 512.0), count=2)
        warn_of_resolution(Simulator(process))
        assert "trained on 68 to 145 nm" in capsys.readouterr().err


class TestExport:
    def test_a_turn_is_exported_without_the_simulator(self, model, tmp_path):
        made = load_generator(model, small_simulator())
        difference = export_generator(made, (512.0, 512.0), tmp_path / "turn.pt2", turn=2)
        assert difference < 1e-4
        program = torch.export.load(tmp_path / "turn.pt2").module()
        x = torch.rand(1, FEATURES, 32, 32)
        torch.testing.assert_close(program(x), made.weights.turns[1](x), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("turn", [None, 0, 3])
    def test_the_whole_is_refused(self, model, tmp_path, turn):
        made = load_generator(model, small_simulator())
        with pytest.raises(CheckpointError, match=r"through the simulator .* cannot be exported; .*--turn 1 to 2"):
            export_generator(made, (512.0, 512.0), tmp_path / "all.pt2", turn=turn)
        assert not (tmp_path / "all.pt2").exists()
