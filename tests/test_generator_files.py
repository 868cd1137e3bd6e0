"""Trained generators as files: which optics they are for, what they hold, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.generators import recipe
from scenes.ilt import RECIPE, small_simulator
from torch import nn

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.model import Card, load_generator, make_generator, save_generator
from litho_dl.models.registry import SURROGATES
from litho_dl.process.files import load_kernels, save_kernels
from litho_dl.process.identity import finest_period_nm, process_digest
from litho_dl.process.model import build_process
from litho_dl.training.checkpoint import save_weights


class TestOptics:
    @pytest.mark.parametrize("field_nm", [512.0, 700.0])
    def test_the_finest_period_is_that_of_the_optics(self, field_nm):
        """NA (1 + sigma) / lambda, to one step of frequency."""
        process = build_process(RECIPE, field_nm=(field_nm, 2 * field_nm), count=3)
        cutoff = RECIPE.pupil.na * (1 + RECIPE.source.sigma_outer) / RECIPE.pupil.wavelength_nm
        assert 1 / finest_period_nm(process) == pytest.approx(cutoff, abs=1 / field_nm)

    def test_the_field_and_other_numbers_do_not_count(self):
        digest = process_digest(build_process(RECIPE, field_nm=(512.0, 512.0), count=6))
        assert process_digest(build_process(RECIPE, field_nm=(400.0, 512.0), count=5)) == digest
        steeper = RECIPE.resist.model_copy(update={"steepness": 7.0})
        assert process_digest(build_process(RECIPE.model_copy(update={"resist": steeper}), count=3)) == digest

    @pytest.mark.parametrize("part", ["dose", "defocus", "threshold", "diffusion", "aperture", "source", "mask"])
    def test_physics_does(self, part):
        table = RECIPE.model_dump()
        match part:
            case "dose" | "defocus":
                name = {"dose": "dose", "defocus": "defocus_nm"}[part]
                table["corners"]["inner"][name] += 0.01
            case "threshold":
                table["resist"]["threshold"] *= 1.01
            case "diffusion":
                table["resist"]["diffusion_nm"] += 1
            case "mask":
                table["mask"]["type"] = "attenuated"
            case "aperture":
                table["pupil"]["na"] *= 0.99
            case "source":
                table["source"]["sigma_outer"] *= 0.99
        changed = build_process(type(RECIPE).model_validate(table), field_nm=(300.0, 300.0), count=3)
        assert process_digest(changed) != process_digest(build_process(RECIPE, field_nm=(300.0, 300.0), count=3))

    def test_a_freeform_source_is_told_by_what_its_file_held(self, tmp_path):
        """The same map from another file is the same source; another map in the same file is not."""
        dark, bright = np.pad(np.ones((3, 3)), 1), np.pad(np.ones((1, 3)), ((2, 2), (1, 1)))

        def digest(file: str, image: np.ndarray) -> str:
            np.save(tmp_path / file, image)
            table = RECIPE.model_dump() | {"source": {"shape": "freeform", "file": tmp_path / file}}
            process = build_process(type(RECIPE).model_validate(table), field_nm=(300.0, 300.0), count=3)
            (tmp_path / file).unlink()
            return process_digest(process)

        assert digest("a.npy", dark) == digest("b.npy", dark) != digest("a.npy", bright)

    def test_imported_kernels_are_told_by_their_numbers(self, tmp_path):
        imported = replace(small_simulator().process, recipe=None)
        digest = process_digest(imported)
        assert digest == process_digest(replace(imported)) != process_digest(small_simulator().process)
        save_kernels(tmp_path / "k.safetensors", imported)
        assert process_digest(load_kernels(tmp_path / "k.safetensors")) == digest
        name, kernels = next(iter(imported.kernels.items()))
        spectra = kernels.spectra.clone()
        spectra[-1, 0, 0] += 1e-3
        for other in (replace(kernels, spectra=spectra), kernels.scaled(1.01)):
            assert process_digest(replace(imported, kernels={**imported.kernels, name: other})) != digest
        for changes in ({"mask_pixel_nm": 1.0}, {"field_nm": (1024.0, 1024.0)}):
            others = {name: replace(kernels, **changes) for name, kernels in imported.kernels.items()}
            assert process_digest(replace(imported, kernels=others)) != digest


def card(**changes) -> Card:
    process = small_simulator().process
    optics = {"name": "small", "digest": process_digest(process)}
    loss = {"aerial": 1.0} if changes.get("network") in SURROGATES else {"bce": 1.0}
    return Card(recipe=recipe(loss, **changes), optics=optics, data={"pairs": 1}, scores={"l2_nm2": 2.0})


class TestFiles:
    @pytest.mark.parametrize("half", [True, False])
    def test_a_file_gives_the_network_back(self, tmp_path, half):
        torch.manual_seed(0)
        network, x = make_generator("fcn_mask_small"), torch.rand(2, 1, 32, 32)
        network(x)
        path = tmp_path / "m.safetensors"
        save_generator(path, network.eval(), card(half_precision=half))
        found = load_generator(path, small_simulator().process)
        expected = network.half().float()(x) if half else network(x)
        torch.testing.assert_close(found.network(x), expected, rtol=0, atol=0)
        assert found.card.model_dump(exclude={"version"}) == card(half_precision=half).model_dump(exclude={"version"})
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

    def test_other_optics_need_force(self, tmp_path):
        path = tmp_path / "m.safetensors"
        save_generator(path, make_generator("fcn_mask_small"), card())
        process = small_simulator().process
        other = replace(process, corners={**process.corners, "nominal": process.corners["outer"]})
        with pytest.raises(CheckpointError, match=r"trained for, small, got others.*\(litho-dl train fcn_mask_small\)"):
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
        with pytest.raises(CheckpointError, match="expected a network that draws masks, got doinn_small"):
            load_generator(path, small_simulator().process).require_masks()
