"""Rectangles of a mask, moved edge by edge to where it prints best."""

from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.ilt.optimizer import Adam, Group
from litho_dl.ilt.problem import geometric
from litho_dl.simulation.simulator import Simulator

STEPS = 160
RATE_NM = (1.5, 0.1)  # of Adam, at the first and the last step
MOMENTUM = 0.7
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
    edges = rectangles_nm.to(simulator.device, simulator.dtype).clone()
    least = (edges[:, 2:] - edges[:, :2]).clamp(max=NARROWEST_NM * simulator.scale)
    edges.requires_grad_()
    problem, optimizer = _Prints(simulator, target.to(edges.detach())), Adam([Group((edges,))], MOMENTUM)
    for step in range(STEPS):
        problem.progress = step / (STEPS - 1)
        optimizer.step(edges, problem, geometric(RATE_NM, problem.progress) * simulator.scale)
        with torch.no_grad():
            short = (least - (edges[:, 2:] - edges[:, :2])).clamp(min=0) / 2
            edges[:, :2] -= short
            edges[:, 2:] += short
    return edges.detach().cpu()


class _Prints:
    """L2 + PVB of soft prints of rectangles, and the area of their overlaps, in pixels."""

    def __init__(self, simulator: Simulator, target: Tensor) -> None:
        self._simulator, self._target, self._pixel_nm = simulator, target, PIXEL_NM * simulator.scale
        self.progress = 0.0

    def backward(self, edges: Tensor) -> Tensor:
        """The cost; its gradient becomes that of the edges."""
        covered = coverage(edges, (self._target.shape[-2], self._target.shape[-1]), self._pixel_nm)
        exposure = self._simulator.expose(covered.clamp(max=1), self._pixel_nm)
        steep = exposure.resist.model_copy(update={"steepness": geometric(STEEPNESS, self.progress)})
        prints = replace(exposure, resist=steep)
        wrong = (prints.print("nominal") - self._target).abs() + (prints.print("outer") - prints.print("inner")).abs()
        cost = wrong.sum() + OVERLAP * (covered - 1).clamp(min=0).sum()
        cost.backward()
        return cost.detach()


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
