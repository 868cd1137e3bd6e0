"""Moving rectangles: coverage is exact and differentiable, and prints get better."""

import numpy as np
import torch
from scenes.ilt import CLIPS, FIELD, small_simulator

from litho_dl.core.grid import Grid
from litho_dl.ilt.rectangles import PIXEL_NM, coverage, moved
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.image import l2_nm2, pvb_nm2

BOXES = torch.tensor([(100.3, 50.0, 180.9, 300.25), (201.5, 120.5, 330.75, 141.0)], dtype=torch.float64)


def polygon(box) -> Polygon:
    x0, y0, x1, y1 = map(float, box)
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))


def test_coverage_is_that_of_the_raster():
    grid = Grid.of_field(FIELD, 8.0)
    drawn = rasterize(Layout("boxes", tuple(map(polygon, BOXES))), grid)
    np.testing.assert_allclose(coverage(BOXES, grid.shape, 8.0).numpy(), drawn, atol=1e-5)


def test_gradients():
    boxes = BOXES.clone().requires_grad_()
    weight = torch.linspace(0, 1, 64 * 64, dtype=torch.float64).reshape(64, 64)
    assert torch.autograd.gradcheck(lambda edges: (weight * coverage(edges, (64, 64), 8.0)).sum(), boxes)


def test_moved_rectangles_print_better():
    simulator, clip = small_simulator(), CLIPS[1]
    target = clip.coverage(PIXEL_NM)
    hulls = [polygon.hull for polygon in clip.placed.polygons]
    drawn = torch.from_numpy(np.stack([np.concatenate([hull.min(0), hull.max(0)]) for hull in hulls]))
    start = drawn + torch.tensor([8.0, 12.0, -8.0, -12.0])  # too small
    after = moved(simulator, target, start)
    assert after.shape == start.shape
    assert cost(simulator, target, after) < 0.7 * cost(simulator, target, start)
    assert cost(simulator, target, after) < cost(simulator, target, drawn)
    low = torch.maximum(after[0, :2], after[1, :2])
    high = torch.minimum(after[0, 2:], after[1, 2:])
    assert float((high - low).clamp(min=0).prod()) < 1


def cost(simulator, target, boxes) -> float:
    mask = coverage(boxes, (int(target.shape[0]), int(target.shape[1])), PIXEL_NM).clamp(max=1)
    exposure = simulator.expose(mask, PIXEL_NM, out_pixel_nm=PIXEL_NM)
    prints = {name: exposure.binary_print(name).numpy() for name in ("nominal", "outer", "inner")}
    wanted = target.numpy() >= 0.5
    return l2_nm2(prints["nominal"], wanted, PIXEL_NM) + pvb_nm2(prints["outer"], prints["inner"], PIXEL_NM)
