"""The halo: the width around a tile's core within which masks influence its image."""

import math
from dataclasses import replace

import torch

from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator

FEATURE_NM = 64.0  # squares of the random masks
PIXEL_NM = 8.0
TOLERANCE = 1e-4  # largest r.m.s. change of the image by masks beyond the halo, over a clear mask's intensity
SEED = 20131104
FIELDS = 4  # width of the simulated field, in reaches of the kernels, a tail's being twice that far


def influence(process: ProcessModel) -> torch.Tensor:
    """The change of the image inside a straight border by masks beyond it, as a function of distance from the border.

    Masks of random squares of 64 nm, half of them drawn, are equal on one half of a field; on the other one is
    independent, and one empty. The change is the r.m.s. difference of their images along the border over a clear mask's
    intensity, and the largest of both and of all focus settings.

    Flare, which is taken as the mean over a tile's own field, is left out.

    Args:
        process: The process; all lengths here are times its scale.

    Returns:
        (n,): the largest r.m.s. change at distances of (i + 1/2) * 8 nm or more, up to the kernels' reach, or twice
        that far with a tail.
    """
    kernels = list(process.kernels.values())
    farthest = max(one.reach_nm * (1 if one.tail is None else 2) for one in kernels)
    side = max(FIELDS * farthest, *process.field_nm)
    pixel_nm, feature_nm = PIXEL_NM * process.scale, FEATURE_NM * process.scale
    grid = Grid.of_field((side, side), pixel_nm)
    optical = replace(process.without_flare(), resist=process.resist.lumped)  # far masks act through the light
    simulator = Simulator(optical.on_field(grid.field_nm))
    blocks, repeat = math.ceil(side / feature_nm), round(feature_nm / pixel_nm)
    random = torch.rand(2, blocks, blocks, generator=torch.Generator().manual_seed(SEED)) < 0.5
    masks = random.repeat_interleave(repeat, 1).repeat_interleave(repeat, 2)[:, : grid.shape[0], : grid.shape[1]]
    width = grid.shape[1]
    masks = torch.cat((masks, torch.zeros_like(masks[:1])))
    masks[1:, :, : width // 2] = masks[0, :, : width // 2]
    with torch.no_grad():
        images = simulator.expose(masks.float(), pixel_nm).intensity
    clear = {name: kernels.open_frame for name, kernels in process.kernels.items()}
    changes = []
    for name, image in images.items():
        inside = ((image[1:] - image[0]) / clear[name])[..., : width // 2]
        # The field is periodic, so there is a border on each side.
        nearer = torch.cat((inside, inside.flip(-1)), 1)[..., : width // 4]
        changes.append(nearer.square().mean(1).sqrt().amax(0))
    return torch.stack(changes).amax(0).flip(0).cummax(0).values.flip(0)


def halo_nm(process: ProcessModel, tolerance: float) -> float:
    """The smallest distance from which on masks change the image by at most a tolerance; see `influence`.

    Args:
        process: The process.
        tolerance: Largest r.m.s. change over a clear mask's intensity, in (0, 1).

    Returns:
        The distance in nm.

    Raises:
        KernelError: The tolerance is not in (0, 1), or is not reached as far as the kernels reach.
    """
    if not 0 < tolerance < 1:
        raise KernelError(f"Expected a tolerance between 0 and 1 of a clear mask's intensity, got {tolerance:g}.")
    within = (influence(process) <= tolerance).nonzero()
    if not len(within):
        raise KernelError(
            f"Expected kernels that fall to {tolerance:g} of a clear mask's intensity within their reach on "
            f"{max(process.field_nm):g} nm, got longer ones; build them for a larger field or raise the tolerance."
        )
    return (float(within[0]) + 0.5) * PIXEL_NM * process.scale
