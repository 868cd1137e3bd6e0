"""Networks that work in turns."""

import torch

from litho_dl.models.registry import UNROLLED
from litho_dl.models.unrolled import FEATURES
from litho_dl.nn.periodic import periodic


def test_each_turn_has_weights_of_its_own():
    for make in UNROLLED.values():
        network, x = make().eval(), torch.rand(2, FEATURES, 64, 96)
        outputs = [network(x, turn) for turn in range(len(network.turns))]
        assert all(output.shape == (2, 1, 64, 96) for output in outputs)
        outputs[0].sum().backward()
        trained = [any(weight.grad is not None for weight in turn.parameters()) for turn in network.turns]
        assert trained == [True] + [False] * (len(outputs) - 1)


def test_the_shipped_size():
    """Half precision in 4 MB, with room for the card."""
    assert sum(weight.numel() for weight in UNROLLED["any"]().parameters()) < 1.95e6


def test_periodic_turns_shift_with_the_field():
    network, x = periodic(UNROLLED["any_small"]()).eval(), torch.rand(1, FEATURES, 32, 48)
    for turn in range(2):
        moved = network(x.roll((4, -8), (2, 3)), turn)
        torch.testing.assert_close(moved, network(x, turn).roll((4, -8), (2, 3)), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(network(x, turn), network(x.flip(2), turn))
