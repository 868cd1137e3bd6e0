"""What every network of the registry keeps, and what single ones promise."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from scenes.networks import MODELS, PUBLISHED, inputs, made
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from litho_dl.mnist.digits import pixel_classes, rendered_digits
from litho_dl.models.registry import CLASSIFIERS, DISCRIMINATORS, GENERATORS, SEGMENTERS, SHARPENERS, SURROGATES

SHAPES = (
    dict.fromkeys(CLASSIFIERS, (10,))
    | dict.fromkeys(SEGMENTERS, (11, 28, 28))
    | dict.fromkeys(SHARPENERS, (1, 28, 28))
    | dict.fromkeys(GENERATORS, (1, 64, 64))
    | {
        "digit_discriminator": (1, 7, 7),
        "gan_opc_discriminator_small": (1, 1, 1),
        "damo_discriminator_small": (2, 16, 16),
        "lithogan_small": (2, 64, 64),
        "doinn_small": (2, 200, 200),
    }
)
HALF = {torch.bfloat16: 0.1, torch.float16: 0.02}  # of the largest output
PARAMETERS = {"perceptron": 7850, "mlp": 535818, "basic_cnn": 21840, "lenet": 61706}
TABLES = (CLASSIFIERS, SEGMENTERS, SHARPENERS, GENERATORS, DISCRIMINATORS, SURROGATES)

every_model = pytest.mark.parametrize("name", MODELS)


def test_no_name_stands_for_two_networks():
    assert len(MODELS | PUBLISHED) == sum(map(len, TABLES))


@every_model
@pytest.mark.parametrize("batch", [1, 5])
def test_output_shape(name, batch):
    assert made(name)(*inputs(name, batch)).shape == (batch, *SHAPES[name])


@every_model
def test_a_gradient_reaches_every_parameter(name):
    network = made(name).train()
    output = network(*inputs(name, 8))
    (output * torch.randn_like(output)).sum().backward()
    idle = [key for key, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not idle


@every_model
def test_each_output_depends_on_its_own_input_only(name):
    network, one = made(name), inputs(name, 4)
    other = tuple(torch.cat([image[:3], torch.rand_like(image[:1])]) for image in one)
    before, after = network(*one), network(*other)
    torch.testing.assert_close(before[:3], after[:3])
    assert not torch.allclose(before[3], after[3])


@every_model
def test_weights_survive_a_file(name, tmp_path):
    network, other = made(name, 0), made(name, 1)
    images = inputs(name, 3)
    assert not torch.equal(network(*images), other(*images))
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(network(*images), other(*images))


@every_model
def test_training_and_use_differ_in_dropout_and_norms_alone(name):
    network, images = made(name), inputs(name, 3)
    expected = network(*images)
    assert torch.equal(network(*images), expected)
    network.train()
    for part in network.modules():
        if isinstance(part, _DropoutNd | _NormBase):
            part.eval()
    torch.testing.assert_close(network(*images), expected)


@every_model
def test_the_seed_fixes_the_first_weights(name):
    networks = [made(name, seed) for seed in (0, 0, 1)]
    same, again, different = (torch.cat([p.flatten() for p in network.parameters()]) for network in networks)
    assert torch.equal(same, again)
    assert not torch.equal(same, different)


@every_model
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision(name, dtype):
    network, images = made(name), inputs(name, 3)
    expected = network(*images)
    with torch.autocast("cpu", dtype):
        mixed = network(*images)
    half = network.to(dtype)(*(image.to(dtype) for image in images))
    assert half.dtype == dtype
    for output in (mixed, half):
        assert (output.float() - expected).abs().max() < HALF[dtype] * expected.abs().max()


@every_model
def test_channels_last_is_only_a_layout(name):
    network, images = made(name), inputs(name, 3)
    expected = network(*images)
    turned = tuple(image.to(memory_format=torch.channels_last) for image in images)
    torch.testing.assert_close(network.to(memory_format=torch.channels_last)(*turned), expected)


@every_model
def test_export_with_any_batch(name):
    network, images = made(name), inputs(name, 2)
    batch = torch.export.Dim("batch", min=1, max=256)
    program = torch.export.export(network, images, dynamic_shapes=tuple({0: batch} for _ in images))
    for size in (1, 7):
        images = inputs(name, size)
        torch.testing.assert_close(program.module()(*images), network(*images))


@pytest.mark.parametrize(("name", "count"), PARAMETERS.items())
def test_the_classics_have_the_parameters_that_they_should(name, count):
    """Weights and biases of the layers, summed by hand; 61706 is LeNet's, with all channels mixed."""
    assert sum(parameter.numel() for parameter in MODELS[name]().parameters()) == count


@pytest.mark.parametrize(
    ("name", "expected"), [("mlp", [0.2, 0.2]), ("basic_cnn", [0.25]), ("lenet", []), ("quick_cnn", [])]
)
def test_dropout(name, expected):
    assert [part.p for part in MODELS[name]().modules() if isinstance(part, nn.Dropout)] == expected


def fit(network: nn.Module, images: Tensor, classes: Tensor, steps: int, learning_rate: float) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate)
    network.to(memory_format=torch.channels_last).train()
    for _ in range(steps):
        optimizer.zero_grad()
        batch = torch.randint(len(images), (16,))
        cross_entropy(network(images[batch]), classes[batch]).backward()
        optimizer.step()
    network.eval()


def pictures(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rendered digits as network inputs (n, 1, 28, 28), their uint8 images and their digits."""
    images, labels = rendered_digits(count, seed)
    return images[:, None].float() / 255, images, labels.long()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_learn_rendered_digits(name):
    """In a second or so; chance is 10 %."""
    torch.manual_seed(0)
    x, _, labels = pictures(800, seed=0)
    network = MODELS[name]()
    fit(network, x, labels, 100, 3e-3)
    x, _, labels = pictures(200, seed=1)
    assert (network(x).argmax(1) == labels).float().mean() > 0.6


def test_fcn_learns_which_pixels_are_which_digit():
    torch.manual_seed(0)
    x, images, labels = pictures(800, seed=0)
    network = MODELS["fcn_small"]()
    fit(network, x, pixel_classes(images, labels), 240, 1e-2)
    x, images, labels = pictures(100, seed=1)
    classes, found = pixel_classes(images, labels), network(x).argmax(1)
    ink = classes < 10
    assert (found[~ink] == 10).float().mean() > 0.98
    assert (found[ink] == classes[ink]).float().mean() > 0.8


def test_fcn_takes_any_size():
    assert made("fcn_small")(torch.rand(2, 1, 37, 50)).shape == (2, 11, 37, 50)


def test_generator_gives_coverage():
    image = made("digit_generator")(torch.randn(4, 1, 28, 28) * 100)
    assert 0 <= image.min() < 0.4
    assert 0.6 < image.max() <= 1
