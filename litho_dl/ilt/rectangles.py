"""Rectangles of a mask, moved edge by edge to where it prints best."""

from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.ilt.problem import geometric
from litho_dl.simulation.simulator import Simulator

STEPS = 160
RATE_NM = (1.5, 0.1)  # of Adam, at the first and the last step
STEEPNESS = (60.0, 200.0)  # of the resist, likewise
PIXEL_NM = 4.0  # of masks and images in the loop
NARROWEST_NM = 10.0  # a side that was wider stays at least so wide
OVERLAP = 1.0  # cost of an overlap's area, in units of a print's


def moved(simulator: Simulator, target: Tensor, rectangles_nm: Tensor) -> Tensor:
    """Moves the edges of rectangles to where L2 + PVB of soft prints are least; their number stays.

    The area coverage of all rectangles is one matrix product of their coverages of columns and rows, whose gradient is
    the exact response of the print to every edge. Overlaps cost their area.

    Args:
        simulator: The process; all lengths are multiplied by its scale.
        target: Area coverage (H, W) of the target on pixels of `PIXEL_NM`.
        rectangles_nm: (n, 4) x0, y0, x1, y1.

    Returns:
        (n, 4) in nm, on the CPU.
    """
    pixel_nm = PIXEL_NM * simulator.scale
    edges = rectangles_nm.to(simulator.device, simulator.dtype).clone().requires_grad_()
    least = (edges.detach()[:, 2:] - edges.detach()[:, :2]).clamp(max=NARROWEST_NM * simulator.scale)
    target = target.to(edges)
    optimizer = torch.optim.Adam([edges], betas=(0.7, 0.99))
    for step in range(STEPS):
        progress = step / (STEPS - 1)
        for group in optimizer.param_groups:
            group["lr"] = geometric(RATE_NM, progress) * simulator.scale
        optimizer.zero_grad()
        covered = coverage(edges, (target.shape[-2], target.shape[-1]), pixel_nm)
        exposure = simulator.expose(covered.clamp(max=1), pixel_nm, out_pixel_nm=pixel_nm)
        steep = exposure.resist.model_copy(update={"steepness": geometric(STEEPNESS, progress)})
        prints = replace(exposure, resist=steep)
        wrong = (prints.print("nominal") - target).abs() + (prints.print("outer") - prints.print("inner")).abs()
        (wrong.sum() + OVERLAP * (covered - 1).clamp(min=0).sum()).backward()
        optimizer.step()
        with torch.no_grad():
            short = (least - (edges[:, 2:] - edges[:, :2])).clamp(min=0) / 2
            edges[:, :2] -= short
            edges[:, 2:] += short
    return edges.detach().cpu()


def coverage(rectangles_nm: Tensor, shape: tuple[int, int], pixel_nm: float) -> Tensor:
    """Area coverage of rectangles, summed where they overlap; differentiable.

    Args:
        rectangles_nm: (n, 4) x0, y0, x1, y1.
        shape: (H, W).
        pixel_nm: The pixel.

    Returns:
        (H, W), at least 0.
    """
    spans = []
    for axis, count in ((1, shape[0]), (0, shape[1])):
        begin = torch.arange(count, device=rectangles_nm.device, dtype=rectangles_nm.dtype) * pixel_nm
        low, high = rectangles_nm[:, axis, None], rectangles_nm[:, axis + 2, None]
        spans.append((torch.minimum(high, begin + pixel_nm) - torch.maximum(low, begin)).clamp(min=0) / pixel_nm)
    return spans[0].T @ spans[1]
