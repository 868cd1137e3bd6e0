"""Mask generators: losses and scores by hand, what learns from them, items and recipes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.generators import Given, Openness, pairs, recipe, task, write_recipe
from scenes.ilt import small_simulator
from torch import nn

from litho_dl.core.dihedral import turned
from litho_dl.core.errors import DatasetError, MaskError, RecipeError
from litho_dl.core.settings import shipped_names
from litho_dl.generators.items import PairItems, load_pair_set
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import make_generator
from litho_dl.generators.recipe import MASK_TERMS, load_generator_recipe, with_training
from litho_dl.generators.surrogate import SurrogateTask
from litho_dl.models.registry import DISCRIMINATORS, GENERATORS, SURROGATES
from litho_dl.nn.size import SizeMultiple
from litho_dl.pairs.dataset import PairDataset
from litho_dl.process.identity import process_digest
from litho_dl.training.batches import in_order

NETWORKS = GENERATORS | SURROGATES
PRINTED = ("litho_l2", "litho_pvb", "litho_l2_area", "litho_pvb_area")


def spread(value: float) -> torch.Tensor:
    """Logits (2, 1, 32, 32) that are +-value where the targets are and are not."""
    return torch.where(pairs()[0] >= 128, value, -value)


class TestMask:
    def test_edges_lie_between_the_networks_pixels(self):
        """From -3 to 1 the logits cross 0 at three quarters of the way: the sixth of eight finer pixels is the first
        whose centre lies beyond."""
        logits = torch.full((1, 1, 4, 6), -3.0)
        logits[..., 2:4] = 1.0
        fine = mask_logits(Given(logits), logits, 8)
        assert fine.shape == (1, 32, 48)
        row = fine[0, 5]
        assert torch.equal(fine, row.expand_as(fine))
        centres = (torch.arange(48) + 0.5) / 8 - 0.5  # in the network's pixels
        expected = np.interp(centres.numpy(), range(-1, 7), [-3, -3, -3, 1, 1, -3, -3, -3])
        np.testing.assert_allclose(row.detach().numpy(), expected, atol=1e-6)
        assert (row > 0).nonzero().min() == 12 + 6

    def test_the_field_is_periodic(self):
        logits = torch.randn(2, 1, 4, 6)
        moved = mask_logits(Given(logits.roll((1, -2), (2, 3))), logits, 2)
        torch.testing.assert_close(moved, mask_logits(Given(logits), logits, 2).roll((2, -4), (1, 2)))

    def test_half_precision_ends_with_the_network(self):
        logits = torch.randn(1, 1, 4, 4)
        assert mask_logits(Given(logits.bfloat16()), logits, 2).dtype == torch.float32
        assert mask_logits(Given(logits.double()), logits, 2).dtype == torch.float64


class TestPixelTerms:
    @pytest.mark.parametrize(("name", "worst"), [("bce", 100.0), ("l1", 1.0), ("l2", 1.0)])
    def test_a_perfect_mask_costs_nothing_and_its_opposite_everything(self, name, worst):
        """A term that compared the mask with itself, or with the target, would not."""
        mask = pairs()[1]
        logits = torch.where(mask == 255, 100.0, -100.0)
        for sign, expected in ((1, 0.0), (-1, worst)):
            made = task(Given(sign * logits), {name: 3.0}, pixel_nm=8.0)
            loss, found = made.loss("generator", (pairs()[0], mask))
            assert found[name].item() == pytest.approx(expected, abs=1e-6)
            assert loss.item() == pytest.approx(3 * expected, abs=1e-5)
            sums = made.validate((torch.zeros_like(mask), mask))
            assert sums["pixel"].item() == 2 * expected / worst

    def test_grey_logits_by_hand(self):
        """A third of 1 bit: sigmoid 2/3 everywhere against masks that cover a share c."""
        _, mask = pairs()
        share = float((mask == 255).float().mean())
        logits = torch.full((2, 1, 32, 32), math.log(2))
        _, found = task(Given(logits), {"bce": 1.0, "l1": 1.0, "l2": 1.0}).loss("generator", pairs())
        assert found["bce"].item() == pytest.approx(-share * math.log(2 / 3) - (1 - share) * math.log(1 / 3))
        assert found["l1"].item() == pytest.approx(share / 3 + (1 - share) * 2 / 3)
        assert found["l2"].item() == pytest.approx(share / 9 + (1 - share) * 4 / 9)


def prints_by_hand(mask: torch.Tensor, steepness: float) -> dict[str, np.ndarray]:
    """Sigmoid prints (2, 32, 32) at 16 nm of masks (2, 64, 64) at 8 nm."""
    exposure = small_simulator()(mask, 8.0, out_pixel_nm=16.0)
    threshold = exposure.resist.threshold
    return {
        corner: 1 / (1 + np.exp(-steepness * (exposure.aerial(corner).detach().numpy() - threshold)))
        for corner in ("nominal", "outer", "inner")
    }


class TestLithoTerms:
    @pytest.mark.parametrize(("sharpness", "steepness"), [(1.0, None), (3.0, 120.0)])
    def test_terms_are_those_of_the_simulator(self, sharpness, steepness):
        logits, targets = torch.randn(2, 1, 32, 32), pairs()[0].numpy()[:, 0] / 255
        stage = {"mask_sharpness": sharpness} | ({} if steepness is None else {"resist_steepness": steepness})
        weights = {name: 1.0 + index for index, name in enumerate(PRINTED)}
        loss, found = task(Given(logits), weights, **stage).loss("generator", pairs())
        mask = torch.sigmoid(sharpness * mask_logits(Given(logits), logits, 2))
        prints = prints_by_hand(mask, steepness or small_simulator().process.resist.steepness)
        wrong, band = prints["nominal"] - targets, prints["outer"] - prints["inner"]
        expected = dict(zip(PRINTED, ((wrong**2), (band**2), abs(wrong), abs(band)), strict=True))
        for name, values in expected.items():
            assert found[name].item() == pytest.approx(values.mean(), rel=1e-4), name
        assert loss.item() == pytest.approx(
            sum(weights[name] * values.mean() for name, values in expected.items()), rel=1e-4
        )

    def test_validation_is_of_what_would_be_written(self):
        """Faint logits print as the binary mask does, and areas are in nm^2; against the targets, not the masks."""
        logits, (targets, masks) = 1e-3 * torch.randn(2, 1, 32, 32), pairs()
        masks[..., :8, :] = 100  # less than half open
        made = task(Given(logits), {"bce": 1.0})
        sums = made.validate((targets, masks))
        binary = (mask_logits(Given(logits), logits, 2) > 0).float()
        exposure = small_simulator()(binary, 8.0, out_pixel_nm=16.0)
        nominal, outer, inner = (exposure.aerial(c) >= exposure.resist.threshold for c in ("nominal", "outer", "inner"))
        l2 = 256 * int((nominal != (targets[:, 0] > 127)).sum())
        pvb = 256 * int((outer != inner).sum())
        wrong = ((binary > 0) != (masks[:, 0] > 127)).float().mean((1, 2)).sum().item()
        assert {name: value.item() for name, value in sums.items()} == pytest.approx(
            {"count": 2, "l2_nm2": l2, "pvb_nm2": pvb, "l2_pvb_nm2": l2 + pvb, "pixel": wrong}
        )
        assert l2 > 0
        assert made.selected_by == "l2_pvb_nm2"
        assert not made.larger_is_better

    def test_pictures_are_of_what_would_be_written(self):
        logits = torch.randn(2, 1, 32, 32)
        found = task(Given(logits), {"bce": 1.0}).pictures(pairs())
        mask = (mask_logits(Given(logits), logits, 2) > 0).float()
        exposure = small_simulator()(mask, 8.0, out_pixel_nm=16.0)
        assert torch.equal(found["mask"], mask)
        assert torch.equal(found["target"], pairs()[0][:, 0] / 255)
        assert torch.equal(found["print"], exposure.binary_print("nominal").float())
        band = exposure.binary_print("outer").float() - exposure.binary_print("inner").float()
        assert torch.equal(found["band"], band)
        assert 0 < band.mean() < 1

    def test_reduced_precision_stops_before_the_simulator(self):
        network, batch = make_generator("fcn_mask_small").eval(), pairs()
        made = task(network, {"litho_l2": 1.0})
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = made.loss("generator", batch)
            made.validate(batch)
        assert loss.item() == pytest.approx(made.loss("generator", batch)[0].item(), rel=0.05)

    def test_masks_of_three_values_are_refused(self):
        process = small_simulator().process
        odd = replace(process, mask=process.mask.model_copy(update={"type": "alternating"}))
        made = task(Given(spread(1.0)), {"bce": 1.0})
        simulator = type(small_simulator())(odd)
        with pytest.raises(MaskError, match="three values"):
            type(made)(made.networks, recipe({"bce": 1.0}), recipe({"bce": 1.0}).stages[0], simulator, {})


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
            task = SurrogateTask(network, made, made.stages[0], small_simulator(), {})
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
        task = SurrogateTask(network, made, made.stages[0], small_simulator(), {})
        assert task.validate(batch)["print_iou"].item() == 2
        with torch.no_grad():
            logits[0, 1, 0, 0] *= -1
            assert task.validate(batch)["print_iou"].item() == pytest.approx(1 + (1 - 1 / 4096) / 2)

    def test_doinn_learns(self):
        made = recipe({"aerial": 1.0, "print": 1.0}, network="doinn_small", pixel_nm=2.0, mask_pixel_nm=2.0)
        network = make_generator("doinn_small")
        task = SurrogateTask(nn.ModuleDict({"generator": network}), made, made.stages[0], small_simulator(), {})
        batch = tuple(
            image.repeat_interleave(n, 2).repeat_interleave(n, 3) for image, n in zip(pairs(), (8, 4), strict=True)
        )
        task.loss("generator", batch)[0].backward()
        assert all(parameter.grad.any() for parameter in network.parameters())


class TestAdversary:
    def test_the_discriminator_sees_true_masks_then_made_ones(self):
        """Logits 4 m - 2 of masks that cover a share m: sparse true masks look fake, and open ones, made, look real."""
        batch, judge = pairs(), Openness(4.0)
        batch[1][..., ::2, :] = 0  # of every pixel of the target a half, at most
        made = task(Given(torch.full((2, 1, 32, 32), 50.0)), {"adversarial": 1.0}, judge)
        assert made.turns == ("discriminator", "generator")
        loss, found = made.loss("discriminator", batch)
        real = [4 * float((mask == 255).float().mean()) - 2 for mask in batch[1]]
        expected = (sum(math.log(1 + math.exp(-score)) for score in real) / 2 + math.log(1 + math.exp(2))) / 2
        assert loss.item() == pytest.approx(expected)
        assert (found["accuracy_real"].item(), found["accuracy_fake"].item()) == (0.0, 0.0)
        loss, found = made.loss("generator", batch)
        assert loss.item() == found["adversarial"].item() == pytest.approx(math.log(1 + math.exp(-2)))
        sums = made.validate(batch)
        assert (sums["accuracy_real"].item(), sums["accuracy_fake"].item()) == (0.0, 0.0)

    def test_it_learns_to_say_fake(self):
        torch.manual_seed(0)
        judge = DISCRIMINATORS["damo_discriminator_small"]()
        made = task(Given(spread(1.0)), {"adversarial": 1.0}, judge)
        optimizer = torch.optim.Adam(judge.parameters(), 2e-3)
        for _ in range(20):
            loss, found = made.loss("discriminator", pairs())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert found["accuracy_fake"].item() > 0.9
        assert found["accuracy_real"].item() > 0.9


@pytest.mark.parametrize("name", MASK_TERMS)
def test_every_term_teaches_the_generator(name):
    """A step down any term's gradient lowers it, and leaves the discriminator without a gradient."""
    torch.manual_seed(0)
    judge = Openness()
    judge.scale.requires_grad = False
    given = Given(0.3 * torch.randn(2, 1, 32, 32))
    made = task(given, {name: 1.0}, judge if name == "adversarial" else None)
    before, _ = made.loss("generator", pairs())
    before.backward()
    gradient = given.logits.grad
    assert torch.isfinite(gradient).all()
    assert gradient.norm() > 0
    with torch.no_grad():
        given.logits -= 1e-2 * gradient / gradient.norm()
    assert made.loss("generator", pairs())[0] < before
    assert judge.scale.grad is None


class TestItems:
    def test_both_images_of_a_pair_are_turned_alike(self):
        rng = np.random.default_rng(0)
        targets = rng.integers(256, size=(9, 4, 4), dtype=np.uint8)
        items = PairItems(targets, targets.repeat(2, 1).repeat(2, 2), ("identity", "rotate_90", "flip_x"))
        seen = set()
        for target, mask in items.batches(in_order(9, 4), seed=1):
            assert target.dtype == torch.uint8
            assert target.shape[1:] == (1, 4, 4)
            assert torch.equal(mask, target.repeat_interleave(2, 2).repeat_interleave(2, 3))
            for image in target[:, 0].numpy():
                seen |= {
                    (index, name)
                    for index, own in enumerate(targets)
                    for name in items.symmetries
                    if np.array_equal(turned(own, name), image)
                }
        assert {index for index, _ in seen} == set(range(9))
        assert {name for _, name in seen} == set(items.symmetries)
        again = torch.cat([batch[0] for batch in items.batches(in_order(9, 4), seed=1)])
        assert torch.equal(again, torch.cat([batch[0] for batch in items.batches(in_order(9, 4), seed=1)]))
        assert not torch.equal(again, torch.cat([batch[0] for batch in items.batches(in_order(9, 4), seed=2)]))

    def test_a_data_set_in_memory(self, pair_set):
        whole = load_pair_set(pair_set, recipe({"bce": 1.0}))
        assert whole.training.targets.shape == (len(whole.training), 64, 64)
        assert whole.training.masks.shape == (len(whole.training), 128, 128)
        assert len(whole.training) + len(whole.validation) + len(whole.test) == len(PairDataset(pair_set, None))
        assert set(np.unique(whole.training.masks)) <= {0, 255}
        assert set(whole.training.symmetries) >= {"identity", "transpose"}
        assert whole.validation.symmetries == whole.test.symmetries == ("identity",)
        assert whole.optics == "small.safetensors"
        some = load_pair_set(pair_set, recipe({"bce": 1.0}, training_pairs=2, validation_pairs=1))
        assert (len(some.training), len(some.validation), len(some.test)) == (2, 1, len(whole.test))
        half = len(whole.training) // 2
        assert np.array_equal(some.training.targets, whole.training.targets[[0, half]])
        assert np.array_equal(some.training.masks, whole.training.masks[[0, half]])

    def test_other_optics_bring_their_symmetries(self, pair_set, inputs):
        found = load_pair_set(pair_set, recipe({"bce": 1.0}), str(pair_set / "optics.safetensors"))
        assert found.training.symmetries == load_pair_set(pair_set, recipe({"bce": 1.0})).training.symmetries
        assert found.optics == "optics.safetensors"
        built = load_pair_set(pair_set, recipe({"bce": 1.0}), str(inputs / "small.toml"))
        assert built.process.field_nm == found.process.field_nm
        assert process_digest(built.process) == process_digest(found.process)
        with pytest.raises(DatasetError, match="multiple of 8 nm, got 4 nm"):
            load_pair_set(pair_set, recipe({"bce": 1.0}, mask_pixel_nm=4.0))


class TestRecipes:
    def test_every_network_has_one(self):
        assert {name.replace("_long", "_small") for name in shipped_names("generators")} == set(NETWORKS)

    @pytest.mark.parametrize("name", shipped_names("generators"))
    def test_shipped(self, name):
        found = load_generator_recipe(name)
        assert found.network == name.replace("_long", "_small")
        assert found.discriminator in (
            None,
            f"{name.removesuffix('_small')}_discriminator{'_small' * name.endswith('_small')}",
        )
        with torch.device("meta"):
            network = NETWORKS[found.network]()
        steps = [part.multiple for part in network.modules() if isinstance(part, SizeMultiple)]
        assert all(2048 / found.pixel_nm % step == 0 for step in steps)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (('"fcn_mask_small"', '"fcn_small"'), "must be among .*got 'fcn_small'"),
            (("mask_pixel_nm = 8.0", "mask_pixel_nm = 7.0"), "multiple of mask_pixel_nm, got 16 and 7"),
            (("bce", "cbe"), "unknown terms cbe; known for fcn_mask_small: bce,"),
            (("bce", "adversarial"), "a discriminator and the term adversarial go together"),
            (
                ('"fcn_mask_small"', '"doinn_small"'),
                "unknown terms bce, litho_l2, litho_pvb; known for doinn_small: aerial",
            ),
            (('"litho"', '"supervised"'), "stages must have different names"),
            (('"litho"', '"../up"'), r"stages.1.name: .*got '../up'"),
        ],
    )
    def test_refused(self, tmp_path, change, message):
        with pytest.raises(RecipeError, match=message):
            load_generator_recipe(write_recipe(tmp_path, change))

    def test_surrogates_have_one_pixel(self):
        with pytest.raises(ValueError, match="a surrogate's mask_pixel_nm is its pixel_nm, got 8"):
            recipe({"aerial": 1.0}, network="doinn_small")

    def test_training_of_all_stages(self, tmp_path):
        found = with_training(load_generator_recipe(write_recipe(tmp_path)), epochs=7, seed=None)
        assert [(stage.training.epochs, stage.training.seed) for stage in found.stages] == [(7, 0), (7, 0)]
