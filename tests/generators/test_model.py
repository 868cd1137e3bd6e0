"""Files of trained generators."""

from dataclasses import replace

import pytest
import torch
from scenes.generators import recipe
from scenes.ilt import small_simulator
from scenes.networks import MODELS, SIDES
from torch import nn

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.model import Card, load_generator, make_generator, save_generator
from litho_dl.models.registry import GENERATORS, SURROGATES
from litho_dl.process.identity import process_digest
from litho_dl.training.checkpoint import save_weights

SMALL = [name for name in GENERATORS if name in MODELS]


def card(**changes) -> Card:
    process = small_simulator().process
    optics = {"name": "small", "digest": process_digest(process)}
    loss = {"aerial": 1.0} if changes.get("network") in SURROGATES else {"bce": 1.0}
    return Card(recipe=recipe(loss, **changes), optics=optics, data={"pairs": 1}, scores={"l2_nm2": 2.0})


class TestFiles:
    @pytest.mark.parametrize("name", SMALL)
    @pytest.mark.parametrize("half", [True, False])
    def test_a_file_gives_the_network_back(self, tmp_path, name, half):
        torch.manual_seed(0)
        network, x = make_generator(name), torch.rand(2, 1, SIDES[name], SIDES[name])
        network(x)
        path, made = tmp_path / "m.safetensors", card(network=name, half_precision=half)
        save_generator(path, network.eval(), made)
        found = load_generator(path, small_simulator().process)
        expected = network.half().float()(x) if half else network(x)
        torch.testing.assert_close(found.network(x), expected, rtol=0, atol=0)
        assert found.card.model_dump(exclude={"version"}) == made.model_dump(exclude={"version"})
        size = sum(value.numel() * (2 if half else 4) for value in network.state_dict().values())
        assert path.stat().st_size == pytest.approx(size, rel=0.05)

    def test_networks_of_files_see_a_periodic_field(self, tmp_path):
        save_generator(tmp_path / "m.safetensors", make_generator("fcn_mask_small"), card())
        network, x = (
            load_generator(tmp_path / "m.safetensors", small_simulator().process).network,
            torch.rand(1, 1, 32, 32),
        )
        with torch.no_grad():
            torch.testing.assert_close(network(x.roll((16, -16), (2, 3))), network(x).roll((16, -16), (2, 3)))

    @pytest.mark.parametrize("name", SMALL)
    def test_other_optics_need_force(self, tmp_path, name):
        path = tmp_path / "m.safetensors"
        save_generator(path, make_generator(name), card(network=name))
        process = small_simulator().process
        other = replace(process, corners={**process.corners, "nominal": process.corners["outer"]})
        with pytest.raises(CheckpointError, match=rf"trained for, small, got others.*\(litho-dl train {name}\)"):
            load_generator(path, other)
        assert load_generator(path, other, force=True).card.optics.name == "small"

    def test_strangers(self, tmp_path):
        process = small_simulator().process
        stage = tmp_path / "best.safetensors"
        save_weights(stage, nn.ModuleDict({"generator": nn.Linear(1, 1)}), {"figures": {}})
        with pytest.raises(CheckpointError, match=r"expected the model\.safetensors of litho-dl train"):
            load_generator(stage, process)
        wrong = tmp_path / "wrong.safetensors"
        save_generator(wrong, make_generator("gan_opc_small"), card())
        with pytest.raises(CheckpointError, match="weights of another network"):
            load_generator(wrong, process)
        torch.save({"generator": 1}, tmp_path / "pickled.safetensors")
        with pytest.raises(CheckpointError, match="damaged"):
            load_generator(tmp_path / "pickled.safetensors", process)

    def test_a_surrogate_draws_no_masks(self, tmp_path):
        made = card(network="doinn_small", pixel_nm=8.0)
        path = tmp_path / "m.safetensors"
        save_generator(path, make_generator("doinn_small"), made)
        with pytest.raises(CheckpointError, match="expected a network that generates masks, got doinn_small"):
            load_generator(path, small_simulator().process).require_masks()
