"""litho-dl infer."""

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from scenes.command_line import files_below, litho, refused, succeeded
from scenes.generators import write_model, write_seeing_model

from litho_dl.core.io import read_image
from litho_dl.generators.model import load_generator
from litho_dl.generators.predict import predict
from litho_dl.layout.clips import load_clip
from litho_dl.process.files import load_process

CPU = torch.device("cpu")
L2_PVB = "l2_pvb_nm2"


@pytest.fixture(scope="module")
def model(inputs, tmp_path_factory):
    """A network of random weights for the inputs' optics."""
    return write_model(tmp_path_factory.mktemp("model"), load_process(inputs / "small.safetensors"))


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """An empty folder in place of the packaged weights."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr("litho_dl.generators.weights.FOLDER", folder)
    return folder


class TestCommand:
    def test_masks_are_written_and_scored_as_by_optimize(self, here, model, tmp_path):
        options = ("--model", model, "--optics", "small.safetensors", "--device", "cpu", "--out", tmp_path)
        results = succeeded("infer", "cross.glp", "square.oas", *options)
        assert [result["clip"] for result in results] == ["cross", "square"]
        expected = {
            f"{name}{end}" for name in ("cross", "square") for end in (".png", ".mask.png", ".mask.oas", ".layers.oas")
        }
        assert files_below(tmp_path) == expected | {"scores.json"}
        run = json.loads((tmp_path / "scores.json").read_text())
        assert run["clips"] == results
        assert (run["model"], run["network"], run["trained_for"]) == (str(model), "fcn_mask_small", "small")
        assert (run["layouts"][0], run["window_nm"]) == ("cross.glp", None)
        assert run["network_seconds"] == pytest.approx(2 * results[0]["network_seconds_per_clip"])
        process = load_process("small.safetensors")
        found = predict(load_generator(model, process), [load_clip("cross.glp", process)], CPU)
        written = found.mask[0].repeat_interleave(8, 0).repeat_interleave(8, 1)
        assert np.array_equal(read_image(tmp_path / "cross.mask.png") == 255, written.numpy())
        for mask in ("cross.mask.png", "cross.mask.oas"):
            arguments = ("--mask", tmp_path / mask, "--optics", "small.safetensors", "--protocol", "default")
            assert succeeded("evaluate", "--target", "cross.glp", *arguments)["l2_nm2"] == results[0]["l2_nm2"]

    def test_other_optics_have_a_network_that_looks_through_them(self, here, shelf, tmp_path):
        """Chosen by itself; its turns are counted, and those of other networks are refused."""
        write_seeing_model(shelf)
        options = ("--optics", "small.safetensors", "--no-figures", "--out")
        result = litho("infer", "cross.glp", *options, tmp_path / "all")
        assert result.code == 0, result.err
        assert "Network: any_small, which looks through the simulator of any optics, as no packaged" in result.err
        assert litho("infer", "cross.glp", *options, tmp_path / "one", "--turns", 1).code == 0
        masks = [(tmp_path / name / "cross.mask.png").read_bytes() for name in ("all", "one")]
        assert masks[0] != masks[1]
        assert "expected 1 to 2 turns, got 3" in refused(
            litho("infer", "cross.glp", *options, tmp_path / "three", "--turns", 3)
        )
        plain = write_model(shelf, load_process("small.safetensors"))
        message = refused(litho("infer", "cross.glp", "--model", plain, *options, tmp_path / "p", "--turns", 1))
        assert "expected a network of several turns for 1 of them, got one" in message

    def test_refined(self, here, model, tmp_path):
        options = ("--model", model, "--optics", "small.safetensors", "--device", "cpu", "--no-figures")
        raw = succeeded("infer", "cross.glp", *options, "--out", tmp_path / "raw")[0]
        more = ("--refine", 7, "--method", "few.toml", "--out", tmp_path / "refined")
        refined = succeeded("infer", "cross.glp", *options, *more)[0]
        assert refined["l2_nm2"] + refined["pvb_nm2"] < raw["l2_nm2"] + raw["pvb_nm2"]
        run = json.loads((tmp_path / "refined" / "scores.json").read_text())
        assert (run["method"], run["status"], run["model"]) == ("few.toml", "finished", str(model))
        assert files_below(tmp_path / "refined") == {"scores.json", "cross.mask.png", "cross.mask.oas"}
        assert litho("infer", "cross.glp", *options[:-1], *more).code == 0
        assert "convergence.png" in files_below(tmp_path / "refined")

    def test_refined_beside_other_starts(self, here, model, tmp_path):
        options = ("--model", model, "--optics", "small.safetensors", "--device", "cpu", "--no-figures")
        more = ("--refine", 4, "--method", "few.toml", "--out")
        alone, beside = (
            succeeded("infer", "cross.glp", *options, *more, tmp_path / f"{len(starts)}", *starts)[0]
            for starts in ((), ("--starts", 3))
        )
        assert beside["l2_nm2"] + beside["pvb_nm2"] < alone["l2_nm2"] + alone["pvb_nm2"]

    def test_other_optics_need_force(self, here, model, tmp_path):
        (tmp_path / "other.toml").write_text((here / "small.toml").read_text().replace("na = 0.85", "na = 0.8"))
        options = ("--model", model, "--optics", tmp_path / "other.toml", "--no-figures", "--out", tmp_path / "out")
        assert "it was trained for, small, got others" in refused(litho("infer", "cross.glp", *options))
        assert not files_below(tmp_path / "out")
        assert litho("infer", "cross.glp", *options, "--force").code == 0

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ("fcn_mask", "a recipe of that name can be trained (litho-dl train fcn_mask --data SET)"),
            ("unet", "expected the optics that it was trained for, "),
        ],
    )
    def test_what_does_not_ship_or_fit_is_told_before_kernels_are_built(self, here, tmp_path, model, message):
        with mock.patch("litho_dl.process.files.cached_process") as building:
            options = ("--model", model, "--optics", "small.toml", "--out", tmp_path / "out")
            assert message in refused(litho("infer", "cross.glp", *options))
        building.assert_not_called()

    def test_without_a_model_the_best_for_the_optics_is_taken_and_told(self, here, tmp_path, shelf):
        process = load_process("small.safetensors")
        write_model(shelf, process, "good-for-small", {L2_PVB: 91203.6})
        write_model(shelf, process, "bad-for-small", {L2_PVB: 99310.0})
        options = ("--optics", "small.safetensors", "--device", "cpu", "--no-figures", "--json", "--out")
        result = litho("infer", "cross.glp", *options, tmp_path / "best")
        why = "the best of 2 for small (L2 + PVB 91,204 nm² on its test pairs; next bad, 99,310)"
        assert result.code == 0
        assert f"Network: good, {why}." in result.err.splitlines()
        named = litho("infer", "cross.glp", "--model", "good", *options, tmp_path / "named")
        assert "Network" not in named.err
        assert json.loads(result.out)[0]["l2_nm2"] == json.loads(named.out)[0]["l2_nm2"]
        run, other = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("best", "named"))
        assert (run["model"], run["model_choice"], run["trained_for"]) == ("good", why, "small")
        assert other["model"] == "good"
        assert "model_choice" not in other

    def test_without_a_model_that_fits_it_is_told_before_kernels_are_built(self, here, tmp_path, shelf):
        write_model(shelf, load_process("small.safetensors"), "net-for-small")
        (tmp_path / "other.toml").write_text((here / "small.toml").read_text().replace("na = 0.85", "na = 0.8"))
        with mock.patch("litho_dl.process.files.cached_process") as building:
            options = ("--optics", tmp_path / "other.toml", "--out", tmp_path / "out")
            message = refused(litho("infer", "cross.glp", *options))
        building.assert_not_called()
        assert not files_below(tmp_path / "out")
        assert "Expected optics that a packaged network was trained for, small, got others" in message
        assert all(way in message for way in ("litho-dl train", "--model NAME --force", "litho-dl optimize"))

    def test_the_best_networks_field_is_checked_before_kernels_are_built(self, here, tmp_path, shelf):
        write_model(shelf, load_process("small.toml"), "net-for-small")
        with mock.patch("litho_dl.process.files.cached_process") as building:
            options = ("--optics", "small.toml", "--field", 520, "--out", tmp_path / "out")
            message = refused(litho("infer", "cross.glp", *options))
        building.assert_not_called()
        assert "for network net, got 520 x 520 nm; choose a field of 512 or 768 nm" in message

    def test_force_needs_a_model(self, here, tmp_path):
        result = litho("infer", "cross.glp", "--optics", "small.toml", "--force", "--out", tmp_path / "out")
        assert (result.code, files_below(tmp_path / "out")) == (2, set())
        assert "--force goes with --model." in result.err

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"--model": "unet2"}, "No model or file named 'unet2'; did you mean unet? known: "),
            ({"--model": "small.safetensors"}, "expected weights of format litho_dl.weights/1, got another file"),
            ({"--model": "none.safetensors"}, "no such file"),
            ({"--method": "fine.toml", "--refine": 3}, "multiple of 1 nm, got 0.5 nm"),
            ({"--method": "drawn.toml", "--refine": 3}, "multiple of 1 nm, got 0.5 nm"),
            ({"--optics": "small.toml", "--field": 520}, "got 520 x 520 nm; choose a field of 512 or 768 nm"),
            ({"--optics": "small.toml", "--field": 528}, "got 528 x 528 nm; choose a field of 512 or 768 nm"),
        ],
    )
    def test_bad_input(self, here, model, tmp_path, changes, message):
        options = {"--model": model, "--optics": "small.safetensors", "--out": tmp_path, **changes}
        result = litho("infer", "cross.glp", *(part for option in options.items() for part in option))
        assert message in refused(result)
