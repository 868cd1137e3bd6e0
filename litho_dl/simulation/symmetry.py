"""The mirrors and rotations of a mask under which its image turns with it."""

import torch

from litho_dl.core.dihedral import SYMMETRIES, turned
from litho_dl.core.grid import same_length
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator

TOLERANCE = 0.01  # of the image: truncating the kernels costs 0.2 %, rotating 0.02 waves of astigmatism 4 %
SIDE, MOST_SIDE = 64, 4096  # limits on the rows of the mask; its pixel must divide both sides of the field


def imaging_symmetries(process: ProcessModel) -> tuple[str, ...]:
    """The names in `core.dihedral.SYMMETRIES` under which the images of every corner turn with the mask.

    Found by simulation: the aerial image of a turned random mask is compared with the turned image.

    Args:
        process: The process; only on a square field are symmetries that swap x and y tried.
    """
    height, width = process.field_nm
    square = same_length(height, width)
    rows = next(n for n in range(SIDE, MOST_SIDE) if same_length(round(n * width / height) * height / n, width))
    pixel_nm, columns, block = height / rows, round(rows * width / height), rows // (SIDE // 4)
    blocks = torch.rand(-(-rows // block), -(-columns // block), generator=torch.Generator().manual_seed(0))
    mask = (blocks > 0.5).double().repeat_interleave(block, 0).repeat_interleave(block, 1)[:rows, :columns].numpy()
    simulator = Simulator(process, dtype=torch.float64)
    kept = []
    for name in SYMMETRIES:
        if not square and SYMMETRIES[name][0][0] == 0:  # swaps x and y
            continue
        pair = torch.stack([torch.from_numpy(mask), torch.from_numpy(turned(mask, name).copy())])
        with torch.no_grad():
            exposure = simulator(pair, pixel_nm, out_pixel_nm=pixel_nm)
            images = [exposure.aerial(corner).numpy() for corner in exposure.corners]
        if all(abs(turned(plain, name) - image).max() <= TOLERANCE * abs(plain).max() for plain, image in images):
            kept.append(name)
    return tuple(kept)
