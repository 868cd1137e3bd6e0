"""How far a tile has to look beyond its core."""

import math

import torch

from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator

FEATURE_NM = 64.0  # of the random masks by which influence is measured
PIXEL_NM = 8.0
TOLERANCE = 1e-4  # r.m.s. change of the image that what lies beyond a halo may make, a clear mask being 1
SEED = 20131104
FIELDS = 2  # the kernels' fields in the width on which it is measured


def influence(process: ProcessModel) -> torch.Tensor:
    """How much a mask beyond a straight border changes the image inside it, by the distance from the border.

    Two masks of random squares of 64 nm, half of them open, agree on one half of a field and not on the other; the
    change is that of the image, root mean square along the border, in units of a clear mask's intensity, and the
    largest of all foci.

    Args:
        process: With kernels for its own field; the field here is twice as large.

    Returns:
        (n,): the r.m.s. at distances of (i + 1/2) * 8 nm or more, up to half the kernels' field.
    """
    side = FIELDS * max(process.field_nm)
    grid = Grid.of_field((side, side), PIXEL_NM)
    simulator = Simulator(process.on_field(grid.field_nm))
    blocks, repeat = math.ceil(side / FEATURE_NM), round(FEATURE_NM / PIXEL_NM)
    random = torch.rand(2, blocks, blocks, generator=torch.Generator().manual_seed(SEED)) < 0.5
    masks = random.repeat_interleave(repeat, 1).repeat_interleave(repeat, 2)[:, : grid.shape[0], : grid.shape[1]]
    width = grid.shape[1]
    masks[1, :, : width // 2] = masks[0, :, : width // 2]
    with torch.no_grad():
        images = simulator.expose(masks.float(), PIXEL_NM).intensity
    clear = {name: kernels.open_frame for name, kernels in process.kernels.items()}
    changes = []
    for name, image in images.items():
        inside = ((image[1] - image[0]) / clear[name])[:, : width // 2]
        nearer = torch.cat((inside, inside.flip(1)))[:, : width // 4]  # the field is periodic: a border on either side
        changes.append(nearer.square().mean(0).sqrt())
    return torch.stack(changes).amax(0).flip(0).cummax(0).values.flip(0)


def halo_nm(process: ProcessModel, tolerance: float) -> float:
    """The least distance from which on a mask changes the image by at most `tolerance`; see `influence`.

    Raises:
        KernelError: The tolerance is not positive, or the kernels' field is too small to tell.
    """
    if not 0 < tolerance < 1:
        raise KernelError(f"Expected a tolerance between 0 and 1 of a clear mask's intensity, got {tolerance:g}.")
    enough = (influence(process) <= tolerance).nonzero()
    if not len(enough):
        raise KernelError(
            f"Expected kernels that fade to {tolerance:g} of a clear mask's intensity within half their field of "
            f"{max(process.field_nm):g} nm, got longer ones; build them for a larger field or allow more."
        )
    return (float(enough[0]) + 0.5) * PIXEL_NM
