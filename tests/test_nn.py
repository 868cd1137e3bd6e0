"""Blocks of networks: shapes, what they compute, how they start, and what they refuse."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from litho_dl.core.errors import GridMismatchError, RecipeError
from litho_dl.nn.classifier import GATHERS, ClassifierHead
from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.inception import Inception
from litho_dl.nn.initialise import initialise
from litho_dl.nn.periodic import Bilinear
from litho_dl.nn.registry import ACTIVATIONS, NORMS, activation_of
from litho_dl.nn.residual import ResidualBlock
from litho_dl.nn.segmentation import FCNHead
from litho_dl.nn.size import SizeMultiple
from litho_dl.nn.upsample import UPSAMPLINGS, upsample

RAW = {"norm": "none", "activation": "none"}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("size", [(9, 12), (8, 15)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(1, 1, 1), (3, 1, 2), (5, 2, 1), (3, 3, 1), (7, 1, 1)])
def test_conv_keeps_the_size_but_for_the_stride(size, kernel, stride, dilation):
    y = ConvBNAct(2, 5, kernel, stride=stride, dilation=dilation)(torch.randn(2, 2, *size))
    assert y.shape == (2, 5, *(math.ceil(side / stride) for side in size))


@pytest.mark.parametrize("kernel", [2, 4])
def test_even_kernels_halve_even_sizes(kernel):
    assert ConvBNAct(1, 1, kernel, stride=2)(torch.randn(2, 1, 8, 14)).shape == (2, 1, 4, 7)


def test_conv_takes_its_padding_as_told():
    assert ConvBNAct(1, 3, 5, padding=0)(torch.randn(2, 1, 28, 28)).shape == (2, 3, 24, 24)


def test_conv_in_groups_does_not_mix_them():
    conv, x = ConvBNAct(4, 4, groups=2, **RAW), torch.randn(1, 4, 6, 6)
    other = x.clone()
    other[:, :2] += 1
    changed = (conv(x) != conv(other)).any((0, 2, 3))
    assert changed.tolist() == [True, True, False, False]


def test_a_stack_changes_the_channels_once():
    stack = conv_stack(3, 6, 4)
    assert [tuple(block.conv.weight.shape) for block in stack] == [(6, 3, 3, 3)] + [(6, 6, 3, 3)] * 3
    assert stack(torch.randn(2, 3, 7, 7)).shape == (2, 6, 7, 7)


@pytest.mark.parametrize(("norm", "over"), [("batch", (0, 2, 3)), ("instance", (2, 3)), ("group", (1, 2, 3))])
def test_norms_bring_their_own_set_of_values_to_mean_0_and_variance_1(norm, over):
    """Of 12 channels, `group` makes 4 groups of 3: the most groups of equal size, up to 8."""
    conv = ConvBNAct(2, 12, norm=norm, activation="none")
    y = conv(5 + 3 * torch.randn(3, 2, 16, 16))
    groups = y.reshape(3, 4, 3, 16, 16).flatten(0, 1) if norm == "group" else y
    assert [tuple(parameter.shape) for parameter in conv.norm.parameters()] == [(12,), (12,)]
    torch.testing.assert_close(groups.mean(over), torch.zeros(()).expand(groups.mean(over).shape), atol=1e-5, rtol=0)
    torch.testing.assert_close(groups.var(over, correction=0), torch.ones_like(groups.mean(over)), atol=1e-3, rtol=0)
    assert (y.mean((2, 3)).abs() > 0.01).any() == (norm != "instance")


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", [None, *UPSAMPLINGS])
def test_a_bias_only_where_no_norm_takes_it_away(norm, kind):
    block = ConvBNAct(2, 4, norm=norm) if kind is None else upsample(kind, 2, 4, norm=norm)
    biases = [part.bias is not None for part in block.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    assert biases == [norm == "none"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("none", lambda x: x),
    ],
)
def test_activations(name, expected):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_allclose(activation_of(name)(torch.from_numpy(x)), expected(x), rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_leaves_the_channels_asked_for(name):
    assert ConvBNAct(2, 6, activation=name)(torch.randn(2, 2, 5, 5)).shape == (2, 6, 5, 5)
    assert upsample("pixel_shuffle", 2, 6, activation=name)(torch.randn(2, 2, 5, 5)).shape == (2, 6, 10, 10)
    assert upsample("transposed", 2, 6, activation=name)(torch.randn(2, 2, 5, 5)).shape == (2, 6, 10, 10)
    assert ClassifierHead(8, [6], 3, activation=name)(torch.randn(2, 8, 1, 1)).shape == (2, 3)


def set_weights(module: nn.Module, value: float) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(part.weight, value)
            nn.init.zeros_(part.bias)


@pytest.mark.parametrize("kind", UPSAMPLINGS)
def test_upsampling_doubles_the_size(kind):
    assert upsample(kind, 2, 5)(torch.randn(2, 2, 5, 8)).shape == (2, 5, 10, 16)


def test_a_transposed_convolution_makes_no_chequerboard():
    """Every pixel inside gets 2 x 2 of the 4 x 4 taps."""
    layer = upsample("transposed", 1, 1, **RAW)
    set_weights(layer, 1)
    inside = layer(torch.ones(1, 1, 6, 6))[..., 4:-4, 4:-4]
    torch.testing.assert_close(inside, torch.full_like(inside, 4))


def test_bilinear_pixels():
    row = [0.0, 1.0, 3.0, 4.0]
    assert Bilinear(2)(torch.tensor([[[[0.0, 4.0]]]]))[0, 0].tolist() == [row, row]


def test_pixel_shuffle_lays_neighbouring_channels_side_by_side():
    layer = upsample("pixel_shuffle", 1, 1, **RAW)
    set_weights(layer, 1)
    nn.init.zeros_(layer.conv.weight)
    layer.conv.bias.data = torch.arange(4.0)
    assert layer(torch.zeros(1, 1, 1, 2))[0, 0].tolist() == [[0, 1, 0, 1], [2, 3, 2, 3]]


def test_residual_is_the_identity_where_its_branch_is_zero():
    block, x = ResidualBlock(3, 3, norm="none", last="none"), torch.randn(2, 3, 7, 6)
    set_weights(block.branch, 0)
    assert torch.equal(block(x), x)


def test_residual_adds_the_branch_before_its_last_activation():
    block, x = ResidualBlock(2, 2).eval(), torch.randn(1, 2, 5, 5)
    torch.testing.assert_close(block(x), (x + block.branch(x)).relu())
    assert block.branch[1](torch.randn(1, 2, 5, 5)).min() < 0


@pytest.mark.parametrize(("out_channels", "stride"), [(3, 2), (5, 1), (5, 2)])
def test_residual_projects_where_the_shape_changes(out_channels, stride):
    block = ResidualBlock(3, out_channels, stride=stride)
    assert block(torch.randn(2, 3, 7, 8)).shape == (2, out_channels, math.ceil(7 / stride), 8 // stride)
    assert block.shortcut.conv.kernel_size == (1, 1)


def test_inception_lays_its_branches_side_by_side():
    block, x = Inception(3, one=2, three=(4, 5), five=(1, 3), pool=6).eval(), torch.randn(2, 3, 9, 8)
    one, three, five, pool = (block.branches[i] for i in range(4))
    assert block.out_channels == 16
    assert [branch.conv.kernel_size for branch in (one, three[1], five[1], pool[1])] == [(1, 1), (3, 3), (5, 5), (1, 1)]
    assert (three[0].conv.out_channels, five[0].conv.out_channels) == (4, 1)
    largest = nn.functional.max_pool2d(nn.functional.pad(x, [1] * 4, value=-math.inf), 3, 1)
    torch.testing.assert_close(block(x), torch.cat([one(x), three(x), five(x), pool[1](largest)], 1))


@pytest.mark.parametrize("gather", GATHERS)
def test_classifier_gathers_an_image_into_a_vector(gather):
    x = torch.randn(2, 3, 4, 5)
    vector = {"flatten": x.reshape(2, 60), "average": x.mean((2, 3)), "max": x.amax((2, 3))}[gather]
    head = ClassifierHead(vector.shape[1], [], 7, gather=gather)
    torch.testing.assert_close(head(x), vector @ head[-1].weight.T + head[-1].bias)
    assert not any(isinstance(part, nn.AdaptiveMaxPool2d) for part in head)  # not deterministic on a GPU


def test_classifier_drops_hidden_values_or_else_features():
    kinds = [type(layer).__name__ for layer in ClassifierHead(8, [5, 4], 3, dropout=0.25)]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    plain = ClassifierHead(8, [], 3, dropout=0.25)
    assert [type(layer).__name__ for layer in plain] == ["Flatten", "Dropout", "Linear"]
    assert plain[1].p == 0.25


def test_fcn_head_adds_scores_from_coarse_to_fine():
    """Constant maps stay constant under bilinear growth, so the sum of the scores is their sum at every pixel."""
    head = FCNHead([2, 3, 4], 5)
    maps = [torch.randn(2, c, 1, 1).expand(2, c, n, m) for c, n, m in ((2, 9, 8), (3, 5, 4), (4, 2, 2))]
    logits = head(maps)
    scores = [conv(map_)[..., :1, :1] for conv, map_ in zip(head.scores, maps, strict=True)]
    torch.testing.assert_close(logits, sum(scores).expand(2, 5, 9, 8))


def test_fcn_head_grows_maps_bilinearly():
    head = FCNHead([1, 1], 1)
    set_weights(head, 1)
    logits = head([torch.full((1, 1, 1, 4), 10.0), torch.tensor([[[[0.0, 4.0]]]])])
    assert logits[0, 0].tolist() == [[10.0, 11.0, 13.0, 14.0]]


@pytest.mark.parametrize(("size", "wanted"), [((16, 20), "16 x 24"), ((17, 16), "24 x 16"), ((8, 24), "16 x 24")])
def test_sizes_that_cannot_be_halved_are_told_what_to_pad_to(size, wanted):
    with pytest.raises(
        GridMismatchError, match=rf"multiples of 8 pixels, 16 or more, got {size[0]} x {size[1]}; pad to {wanted}\.$"
    ):
        SizeMultiple(8, least=16)(torch.zeros(1, 1, *size))
    x = torch.randn(1, 2, 24, 8)
    assert SizeMultiple(8)(x) is x


LAYERS = {
    "linear": (lambda: nn.Linear(600, 400), 600),
    "conv": (lambda: nn.Conv2d(60, 80, 3), 60 * 9),
    "transposed": (lambda: nn.ConvTranspose2d(60, 80, 3), 60 * 9),
}


@pytest.mark.parametrize(("make", "fan_in"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("name", ["kaiming", "normal"])
def test_initial_variances(make, fan_in, name):
    layer = make()
    assert initialise(layer, name) is layer
    variance = {"kaiming": 2 / fan_in, "normal": 0.02**2}[name]
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.03)
    assert layer.weight.mean().abs() < 0.03 * variance**0.5
    assert not layer.bias.any()


def test_initial_weights_are_normal():
    """Fourth moment over squared variance: 3 of a normal distribution."""
    weight = initialise(nn.Linear(600, 400), "kaiming").weight
    assert ((weight**4).mean() / weight.var() ** 2).item() == pytest.approx(3, rel=0.03)


def test_initialisation_follows_the_seed_and_leaves_norms_alone():
    block = ConvBNAct(2, 4)
    nn.init.constant_(block.norm.weight, 3)
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(initialise(block, "kaiming").conv.weight.clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert (block.norm.weight == 3).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvBNAct(1, 2, norm="layer"), r"a norm \(batch, instance, group, none\), got 'layer'; choose one"),
        (lambda: ConvBNAct(1, 2, activation="gelu"), r"an activation \(relu, leaky_relu, .*none\), got 'gelu'"),
        (lambda: upsample("max", 1, 2), r"an up-sampling \(transposed, pixel_shuffle\), got 'max'"),
        (lambda: ClassifierHead(1, [], 2, gather="sum"), r"a way to gather features \(flatten, average, max\), got"),
        (lambda: initialise(nn.Linear(1, 1), "zeros"), r"an initialisation \(kaiming, normal\)"),
    ],
)
def test_unknown_names_are_answered_with_the_known(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
