"""Networks that stand for the simulator."""

import pytest
import torch
from scenes.generators import Given, pairs, recipe
from scenes.ilt import small_simulator
from torch import nn

from litho_dl.generators.model import make_generator
from litho_dl.generators.surrogate import SurrogateTask


class TestSurrogate:
    def test_losses_and_scores_by_hand(self):
        """The true aerial image and print, and ones that are off by 0.1 and printed on the left half alone."""
        process, (targets, masks) = small_simulator().process, pairs()
        exposure = small_simulator()(masks[:, 0] / 255, 8.0)
        aerial, printed = exposure.aerial(), exposure.binary_print()
        made = recipe({"aerial": 2.0, "print": 3.0}, network="lithogan_small", pixel_nm=8.0)
        assert made.is_surrogate

        def judged(*outputs):
            network = nn.ModuleDict({"generator": Given(torch.stack(outputs, 1).float())})
            task = SurrogateTask(network, made, made.stages[0], [small_simulator()], {})
            loss, found = task.loss("generator", (targets, masks))
            sums = {name: value.item() for name, value in task.validate((targets, masks)).items()}
            return loss.item(), {name: value.item() for name, value in found.items()}, sums

        loss, _, sums = judged(aerial, torch.where(printed, 100.0, -100.0))
        assert loss == pytest.approx(0, abs=1e-6)
        assert sums == pytest.approx({"count": 2, "aerial_mse": 0, "print_iou": 2}, abs=1e-9)
        half = torch.full_like(aerial, -100.0)
        half[..., :32] = 100.0
        loss, found, sums = judged(aerial + 0.1, half)
        guess, truth = half.numpy() > 0, printed.numpy()
        assert found["aerial"] == pytest.approx(0.01, rel=1e-4)
        assert found["print"] == pytest.approx(100 * (guess != truth).mean(), rel=1e-4)
        assert loss == pytest.approx(2 * found["aerial"] + 3 * found["print"])
        each = [
            ((g & t).sum() / (g | t).sum() + (~g & ~t).sum() / (~g | ~t).sum()) / 2
            for g, t in zip(guess, truth, strict=True)
        ]
        assert sums == pytest.approx({"count": 2, "aerial_mse": 0.02, "print_iou": sum(each)}, rel=1e-4)
        assert process.corners["nominal"].dose == 1.0

    @pytest.mark.parametrize("value", [0, 255])
    def test_a_print_of_one_kind_alone_is_right_or_half_right(self, value):
        """All dark or all printed: both kinds agree; with one pixel wrong the absent kind does not at all."""
        batch = tuple(torch.full_like(images, value) for images in pairs())
        made = recipe({"print": 1.0}, network="lithogan_small", pixel_nm=8.0)
        logits = torch.full((2, 2, 64, 64), 1.0 if value else -1.0)
        network = nn.ModuleDict({"generator": Given(logits)})
        task = SurrogateTask(network, made, made.stages[0], [small_simulator()], {})
        assert task.validate(batch)["print_iou"].item() == 2
        with torch.no_grad():
            logits[0, 1, 0, 0] *= -1
            assert task.validate(batch)["print_iou"].item() == pytest.approx(1 + (1 - 1 / 4096) / 2)

    def test_doinn_learns(self):
        made = recipe({"aerial": 1.0, "print": 1.0}, network="doinn_small", pixel_nm=2.0, mask_pixel_nm=2.0)
        network = make_generator("doinn_small")
        task = SurrogateTask(nn.ModuleDict({"generator": network}), made, made.stages[0], [small_simulator()], {})
        batch = tuple(
            image.repeat_interleave(n, 2).repeat_interleave(n, 3) for image, n in zip(pairs(), (8, 4), strict=True)
        )
        task.loss("generator", batch)[0].backward()
        assert all(parameter.grad.any() for parameter in network.parameters())
