"""What networks for masks promise beyond the contract: sizes, logits, periodic fields, and what their papers say."""

import pytest
import torch
from scenes.networks import MODELS, PUBLISHED, SIDES, inputs, made
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, binary_cross_entropy_with_logits, max_pool2d

from litho_dl.core.errors import GridMismatchError
from litho_dl.mnist.digits import rendered_digits
from litho_dl.models.cfno import PatchOperator
from litho_dl.models.doinn import DOINN
from litho_dl.models.registry import DISCRIMINATORS, GENERATORS, SURROGATES
from litho_dl.nn.periodic import periodic
from litho_dl.nn.residual import ResidualBlock

STEPS = {  # pixels whose multiples the sides must be
    **{"fcn_mask": 16, "unet": 16, "neural_ilt": 8, "gan_opc": 32, "damo": 32, "cfno": 64, "lithogan": 256, "doinn": 8},
    **{"fcn_mask_small": 16, "unet_small": 32, "neural_ilt_small": 16, "gan_opc_small": 32, "damo_small": 8},
    **{"cfno_small": 64, "lithogan_small": 32, "doinn_small": 4},
}
# LithoBench's tables and, for the U-Net, the paper's 3x3 and 2x2 kernels summed; DAMO's nine blocks there are single
# convolutions, and its kernels on the way back 3x3.
MILLIONS = {
    "neural_ilt": (7.8, 0.01),
    "gan_opc": (36.6, 0.01),
    "unet": (31.03, 0.02),
    "cfno": (1.9, 0.1),
    "damo": (97.6 + 9 * 9 * 1024**2 / 1e6 + 7 / 9 * 6.29, 0.01),
}
SMALL = [name for name in GENERATORS if name in MODELS]
JUDGES = [name for name in DISCRIMINATORS if name in MODELS]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def on_paper(name: str) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return (PUBLISHED | MODELS)[name]()


@pytest.mark.parametrize("name", STEPS)
def test_sizes(name):
    network, step = on_paper(name), STEPS[name]
    height, width = SIDES[name], SIDES[name] + step
    assert network(torch.empty(2, 1, height, width, device="meta")).shape[-2:] == (height, width)
    for given, wanted in (((height, width - 1), (height, width)), ((height + 1, width), (height + step, width))):
        message = rf"multiples of {step} pixels, .*got {given[0]} x {given[1]}; pad to {wanted[0]} x {wanted[1]}\."
        with pytest.raises(GridMismatchError, match=message):
            network(torch.empty(1, 1, *given, device="meta"))


@pytest.mark.parametrize("name", [name for name in STEPS if name in PUBLISHED])
def test_a_gradient_reaches_every_published_parameter(name):
    """Their values are tested at small widths."""
    network = on_paper(name).train()
    network(torch.empty(2, 1, SIDES[name], SIDES[name], device="meta")).sum().backward()
    assert not [key for key, parameter in network.named_parameters() if parameter.grad is None]


@pytest.mark.parametrize("name", STEPS)
def test_the_smallest_periodic_field(name):
    """The coarsest pixels of some are then the whole field."""
    network = periodic(on_paper(name)).eval()
    side = network.size.least if isinstance(network, DOINN) else STEPS[name]
    assert network(torch.empty(1, 1, side, side, device="meta")).shape[-2:] == (side, side)


@pytest.mark.parametrize(("name", "least"), [("doinn", 504), ("doinn_small", 196)])
def test_frequencies_need_pixels(name, least):
    network = on_paper(name)
    assert network(torch.empty(2, 1, least, least, device="meta")).shape == (2, 2, least, least)
    with pytest.raises(GridMismatchError, match=rf"{least} or more, got 64 x 64; pad to {least} x {least}\."):
        network(torch.empty(1, 1, 64, 64, device="meta"))


def test_every_network_on_images_has_its_sizes_tested():
    assert set(STEPS) == set(GENERATORS) | set(SURROGATES)


@pytest.mark.parametrize(
    ("name", "channels"), [("gan_opc_discriminator", (1, 1, 1)), ("damo_discriminator", (2, 16, 16))]
)
def test_published_discriminators(name, channels):
    assert on_paper(name)(*(torch.empty(3, 1, 64, 64, device="meta"),) * 2).shape == (3, *channels)


@pytest.mark.parametrize(("name", "millions", "within"), [(name, *values) for name, values in MILLIONS.items()])
def test_published_weights(name, millions, within):
    count = sum(parameter.numel() for parameter in on_paper(name).parameters())
    assert count / 1e6 == pytest.approx(millions, rel=within)


@pytest.mark.parametrize("name", SMALL)
def test_small_weights_fit_eight_megabytes_in_half_precision(name):
    assert sum(2 * value.numel() for value in on_paper(name).state_dict().values()) < 8e6


@pytest.mark.parametrize("name", SMALL)
def test_masks_are_logits(name):
    logits = made(name)(1e6 * torch.randn(2, 1, 64, 64))
    assert logits.min() < -10
    assert logits.max() > 10


@pytest.mark.parametrize("name", [name for name in STEPS if name in MODELS])
def test_a_periodic_network_shifts_with_its_field(name):
    network, step = made(name), STEPS[name]
    x, shift = torch.rand(1, 1, 2 * SIDES[name], SIDES[name] + step), (step, -step)
    assert not torch.allclose(network(x.roll(shift, (2, 3))), network(x).roll(shift, (2, 3)), atol=1e-3)
    periodic(network)
    torch.testing.assert_close(network(x.roll(shift, (2, 3))), network(x).roll(shift, (2, 3)), atol=1e-4, rtol=1e-4)


def test_the_residual_blocks_of_damo_add_to_what_they_get():
    """Without what their branches add, nothing of the blocks is left."""
    network, x = made("damo_small"), torch.rand(1, 1, 64, 64)
    blocks = [layer for layer in network if isinstance(layer, ResidualBlock)]
    before = network(x)
    for block in blocks:
        nn.init.zeros_(block.branch[-1].norm.weight)
        nn.init.zeros_(block.branch[-1].norm.bias)
    rest = nn.Sequential(*(layer for layer in network if layer not in blocks))
    torch.testing.assert_close(network(x), rest(x))
    assert len(blocks) == 5
    assert not torch.allclose(before, rest(x))
    nn.init.constant_(blocks[0].branch[-1].norm.bias, -100.0)
    maps = torch.rand(1, 112, 8, 8)
    torch.testing.assert_close(blocks[0](maps), maps - 100)


def test_a_patch_operator_transforms_patches_and_joins_neighbours():
    operator, x = PatchOperator(3, 4, 5).eval(), torch.randn(2, 3, 20, 15)
    other = x.clone()
    other[..., 2, 13] += 1  # in the upper right of 4 x 3 patches
    changed = (operator(x) != operator(other)).any(1).any(0)
    expected = torch.zeros(20, 15, dtype=torch.bool)
    expected[:10, 5:] = True  # all of that patch and of its neighbours
    assert torch.equal(changed, expected)
    operator.across = nn.Identity()
    torch.testing.assert_close(operator(x)[..., 5:10, 10:15], operator.within(x[..., 5:10, 10:15]))


def test_both_scales_of_damo_judge_the_pair():
    network, pair = made("damo_discriminator_small"), inputs("damo_discriminator_small", 2)
    fine, coarse = network(*pair).unbind(1)
    torch.testing.assert_close(fine, network.layers.fine(torch.cat(pair, 1))[:, 0])
    expected = network.layers.coarse(avg_pool2d(torch.cat(pair, 1), 2))[:, 0]
    torch.testing.assert_close(coarse, expected.repeat_interleave(2, 1).repeat_interleave(2, 2))


@pytest.mark.parametrize("name", JUDGES)
def test_discriminators_start_undecided(name):
    assert made(name)(*inputs(name, 4)).abs().max() < 1.5


def digits(count: int, seed: int) -> Tensor:
    images, _ = rendered_digits(count, seed)
    return images[:, None].float() / 255


@pytest.mark.parametrize("name", JUDGES)
def test_discriminators_say_real_and_fake_of_pairs_whose_parts_are_all_real(name):
    """Fake: the same images, each beside another's condition. Only the pair as a whole tells."""
    x, network = digits(400, seed=0), MODELS[name]()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(100):
        batch = x[torch.randint(len(x), (16,))]
        real, fake = network(1 - batch, batch), network(1 - batch, batch.roll(1, 0))
        loss = binary_cross_entropy_with_logits(real, torch.ones_like(real))
        loss = loss + binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x = digits(100, seed=1)
    real, fake = (network(1 - x, image).mean((1, 2, 3)) for image in (x, x.roll(1, 0)))
    assert (real > 0).float().mean() > 0.9
    assert (fake < 0).float().mean() > 0.9


def wires(count: int) -> Tensor:
    """Targets (count, 1, 64, 64) with one or two bars each."""
    images = torch.zeros(count, 1, 64, 64)
    for image in images[:, 0]:
        for _ in range(2):
            y, x = torch.randint(4, 32, (2,))
            tall, wide = torch.tensor([6, 26]) if torch.rand(()) < 0.5 else torch.tensor([26, 6])
            image[y : y + tall, x : x + wide] = 1
    return images


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "damo_small" else name
        for name in SMALL
        if name != "gan_opc_small"
    ],
)
def test_generators_learn_to_widen_wires(name):
    """By 2 pixels on each side, better than the target itself; GAN-OPC has no skips, and learns long to copy it."""
    network, x = MODELS[name]().train(), wires(64)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(60):
        batch = x[torch.randint(len(x), (4,))]
        loss = binary_cross_entropy_with_logits(network(batch), max_pool2d(batch, 5, 1, 2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x = wires(8)
    wanted, found = max_pool2d(x, 5, 1, 2) > 0, network.eval()(x) > 0
    assert (found != wanted).sum() < 0.8 * ((x > 0) != wanted).sum()
