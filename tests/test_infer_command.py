"""litho-dl infer, and what it is made of: masks of networks, written, scored and refined."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.command_line import files_below, litho, refused, succeeded
from scenes.generators import recipe, write_model
from scenes.ilt import CLIPS, SIMPLE, changed, small_simulator, with_levels
from torch import nn

from litho_dl.core.errors import CheckpointError, GridMismatchError
from litho_dl.core.io import read_image
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import Card, Generator, load_generator, make_generator
from litho_dl.generators.predict import TOGETHER, predict, refine
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.clips import load_clip
from litho_dl.process.files import load_process
from litho_dl.process.identity import process_digest

CPU = torch.device("cpu")


class Tracing(nn.Module):
    """Positive logits where the target is, whatever its size."""

    def forward(self, target: torch.Tensor) -> torch.Tensor:
        return 8 * target - 4


def generator(network: nn.Module, **changes) -> Generator:
    optics = {"name": "small", "digest": process_digest(small_simulator().process)}
    made = Card(recipe=recipe({"bce": 1.0}, **changes), optics=optics, data={}, scores={})
    return Generator(network, made, "tracing")


class TestPredict:
    def test_masks_come_as_from_one_batch(self):
        """More clips than go together, each as it would be alone."""
        network = make_generator("fcn_mask_small").eval()
        made, many = generator(network), [CLIPS[index % 2] for index in range(TOGETHER + 3)]
        found = predict(made, many, CPU)
        targets = torch.stack([clip.coverage(16.0) for clip in CLIPS])[:, None]
        with torch.no_grad():
            expected = mask_logits(network, targets, 2)
        assert (found.mask.shape, found.mask.dtype, found.pixel_nm) == ((len(many), 64, 64), torch.bool, 8.0)
        for index, (mask, logits) in enumerate(zip(found.mask, found.logits, strict=True)):
            torch.testing.assert_close(logits, expected[index % 2])
            assert torch.equal(mask, logits > 0)
        assert found.seconds > 0

    def test_a_field_that_does_not_fit_says_what_to_pad_to(self):
        made = generator(make_generator("fcn_mask_small").eval())
        odd = [replace(clip, field_nm=(528.0, 512.0)) for clip in CLIPS]
        with pytest.raises(GridMismatchError, match=r"got 33 x 32; pad to 48 x 32\. Its pixels are 16 nm; .*--field"):
            predict(made, odd, CPU)
        with pytest.raises(GridMismatchError, match="divides the field"):
            predict(made, [replace(clip, field_nm=(520.0, 512.0)) for clip in CLIPS], CPU)

    def test_surrogates_are_refused(self):
        made = generator(Tracing())
        surrogate = recipe({"print": 1.0}, network="doinn_small", pixel_nm=8.0)
        made = replace(made, card=made.card.model_copy(update={"recipe": surrogate}))
        with pytest.raises(CheckpointError, match="expected a network that draws masks, got doinn_small"):
            predict(made, CLIPS, CPU)


class TestRefine:
    def test_it_runs_the_second_half_of_the_first_level_and_the_rest_from_the_mask(self):
        found = predict(generator(Tracing()), CLIPS, CPU)
        simulator = small_simulator()
        solution = refine(found, CLIPS, simulator, SIMPLE, 5)
        targets = torch.stack([clip.coverage(8.0) for clip in CLIPS])
        method = SIMPLE.in_steps(5, 0.5)
        start = (0.5 + found.logits / method.levels[0].mask_sharpness[0]).clamp(0, 1)
        expected = solve_targets(simulator, targets, 8.0, method, init=start)
        assert torch.equal(solution.mask, expected.mask)
        assert solution.history["objective"].shape == (5, 2)

    def test_it_starts_from_the_network_s_grey_mask(self):
        found = predict(generator(Tracing()), CLIPS, CPU)
        simulator = small_simulator()
        level = changed(SIMPLE.levels[1], mask_sharpness=8, resist_steepness=50)
        solution = refine(found, CLIPS, simulator, with_levels(level), 1)
        targets = torch.stack([clip.coverage(8.0) for clip in CLIPS])
        own = simulator(found.logits.sigmoid(), 8.0).print("nominal")
        first = 64 * (own - targets).square().sum((1, 2))
        torch.testing.assert_close(solution.history["l2"][0], first.to(solution.history["l2"]), rtol=1e-3, atol=0)

    def test_masks_of_another_pixel_are_carried_over(self):
        """Written at 16 nm, refined at 8 nm: no step but the first check, so what is checked is the same mask."""
        found = predict(generator(Tracing(), mask_pixel_nm=16.0), CLIPS, CPU)
        assert found.mask.shape == (2, 32, 32)
        still = SIMPLE.levels[-1].model_copy(update={"learning_rate": (1e-12, 1e-12)})
        solution = refine(found, CLIPS, small_simulator(), SIMPLE.model_copy(update={"levels": (still,)}), 1)
        assert torch.equal(solution.mask, found.mask.repeat_interleave(2, 1).repeat_interleave(2, 2))


@pytest.fixture(scope="module")
def model(inputs, tmp_path_factory):
    """A network of random weights for the inputs' optics."""
    return write_model(tmp_path_factory.mktemp("model"), load_process(inputs / "small.safetensors"))


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

    def test_other_optics_need_force(self, here, model, tmp_path):
        (tmp_path / "other.toml").write_text((here / "small.toml").read_text().replace("na = 0.85", "na = 0.8"))
        options = ("--model", model, "--optics", tmp_path / "other.toml", "--no-figures", "--out", tmp_path / "out")
        assert "it was trained for, small, got others" in refused(litho("infer", "cross.glp", *options))
        assert not files_below(tmp_path / "out")
        assert litho("infer", "cross.glp", *options, "--force").code == 0

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"--model": "unet2"}, "No model or file named 'unet2'; shipped: "),
            ({"--model": "small.safetensors"}, "expected weights of format litho_dl.weights/1, got another file"),
            ({"--model": "none.safetensors"}, "no such file"),
            ({"--method": "fine.toml", "--refine": 3}, "multiple of 1 nm, got 0.5 nm"),
            ({"--method": "drawn.toml", "--refine": 3}, "multiple of 1 nm, got 0.5 nm"),
            ({"--optics": "small.toml", "--field": 520}, "pixel that divides the field of 520 x 520 nm, got 16 nm"),
            ({"--optics": "small.toml", "--field": 528}, "got 33 x 33; pad to 48 x 48. Its pixels are 16 nm"),
        ],
    )
    def test_bad_input(self, here, model, tmp_path, changes, message):
        options = {"--model": model, "--optics": "small.safetensors", "--out": tmp_path, **changes}
        result = litho("infer", "cross.glp", *(part for option in options.items() for part in option))
        assert message in refused(result)
