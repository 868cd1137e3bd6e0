"""Masks drawn by a network, and refined."""

from dataclasses import replace

import pytest
import torch
from scenes.generators import recipe
from scenes.ilt import CLIPS, SIMPLE, changed, small_simulator, with_levels
from torch import nn

from litho_dl.core.errors import CheckpointError, GridMismatchError, LithoError, MaskError
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import Card, Generator, make_generator
from litho_dl.generators.predict import BATCH_CLIPS, HASTE, predict, refine
from litho_dl.ilt.solve import solve_targets
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
        made, many = generator(network), [CLIPS[index % 2] for index in range(BATCH_CLIPS + 3)]
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
        with pytest.raises(CheckpointError, match="expected a network that generates masks, got doinn_small"):
            predict(made, CLIPS, CPU)


LATER = changed(SIMPLE.levels[1], steps=2, learning_rate=(0.02, 0.01))
HASTY = changed(SIMPLE.levels[1], learning_rate=(0.05 * HASTE, 0.02 * HASTE))
EDGES = changed(LATER, learning_rate=(0.5, 0.2)).model_copy(update={"parameterization": "levelset"})
NAMED = SIMPLE.levels[1].model_copy(update={"parameterization": "pixel"})


class TestRefine:
    @pytest.mark.parametrize(
        ("method", "steps", "levels"),
        [
            (SIMPLE, 3, [HASTY]),
            (with_levels(SIMPLE.levels[0], NAMED), 3, [HASTY]),
            (with_levels(*SIMPLE.levels, LATER), 5, [HASTY, LATER]),
            (with_levels(*SIMPLE.levels, LATER), 1, [changed(LATER, steps=1)]),
            (with_levels(SIMPLE.levels[1]), 5, with_levels(SIMPLE.levels[1]).in_steps(5, 0.5).levels),
            (with_levels(SIMPLE.levels[0], EDGES), 4, with_levels(SIMPLE.levels[0], EDGES).in_steps(4, 0.5).levels),
        ],
        ids=["the second", "the second, by name", "later ones", "the last alone", "half of one", "of another kind"],
    )
    def test_it_runs_later_levels_from_the_soft_mask_of_training(self, method, steps, levels):
        found = predict(generator(Tracing()), CLIPS, CPU)
        simulator = small_simulator()
        solution = refine(simulator, found, CLIPS, method, steps)
        targets = torch.stack([clip.coverage(8.0) for clip in CLIPS])
        steeper = found.sharpness / levels[0].mask_sharpness[0]
        start = (0.5 + steeper * found.logits).clamp(0, 1)
        expected = solve_targets(simulator, targets, 8.0, with_levels(*levels), init=start)
        assert torch.equal(solution.mask, expected.mask)
        assert torch.equal(solution.history["objective"], expected.history["objective"])

    def test_it_starts_from_the_network_s_grey_mask(self):
        found = predict(generator(Tracing()), CLIPS, CPU)
        assert found.sharpness == generator(Tracing()).card.recipe.stages[-1].mask_sharpness[1]
        simulator, gentle = small_simulator(), replace(found, sharpness=0.5)  # nothing is cut off at 0 or 1
        level = changed(SIMPLE.levels[1], mask_sharpness=8, resist_steepness=50)
        solution = refine(simulator, gentle, CLIPS, with_levels(level), 1)
        targets = torch.stack([clip.coverage(8.0) for clip in CLIPS])
        own = simulator((0.5 * found.logits).sigmoid(), 8.0).print("nominal")
        first = 64 * (own - targets).square().sum((1, 2))
        torch.testing.assert_close(solution.history["l2"][0], first.to(solution.history["l2"]), rtol=1e-3, atol=0)

    def test_masks_of_another_pixel_are_carried_over(self):
        """Written at 16 nm, refined at 8 nm: no step but the first check, so what is checked is the same mask."""
        found = predict(generator(Tracing(), mask_pixel_nm=16.0), CLIPS, CPU)
        assert found.mask.shape == (2, 32, 32)
        still = SIMPLE.levels[-1].model_copy(update={"learning_rate": (1e-12, 1e-12)})
        solution = refine(small_simulator(), found, CLIPS, SIMPLE.model_copy(update={"levels": (still,)}), 1)
        assert torch.equal(solution.mask, found.mask.repeat_interleave(2, 1).repeat_interleave(2, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda made, found: predict(made, []), MaskError, "at least one clip"),
        (lambda made, found: predict(made, "a.glp"), MaskError, "got str; load one by load_clip"),
        (lambda made, found: predict("unet", CLIPS), CheckpointError, "got str; load one by load_generator"),
        (lambda made, found: refine(found, small_simulator(), CLIPS, SIMPLE, 1), MaskError, "got Simulator"),
        (lambda made, found: refine("small", found, CLIPS, SIMPLE, 1), LithoError, "Expected a simulator, got str"),
        (lambda made, found: refine(small_simulator(), found, CLIPS[:1], SIMPLE, 1), MaskError, "2 for 1"),
    ],
)
def test_other_types_are_refused(call, error, message):
    made = generator(Tracing())
    with pytest.raises(error, match=message):
        call(made, predict(made, CLIPS, CPU))


def test_a_generator_of_clips_is_read_once():
    found = predict(generator(Tracing()), (clip for clip in CLIPS), CPU)
    assert refine(small_simulator(), found, (clip for clip in CLIPS), SIMPLE, 1).clips == tuple(CLIPS)
