"""Images of boxes, and values of sites by edge direction."""

import numpy as np

from litho_dl.metrics.epe import EpeSites


def drawn(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (400, 400)) -> np.ndarray:
    """Boxes x0, y0, x1, y1 in pixels."""
    image = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0:x1] = True
    return image


def by_normal(sites: EpeSites, values: np.ndarray) -> dict[tuple[int, int], list[float]]:
    """The values of the sites of each edge direction."""
    normals = [tuple(normal) for normal in sites.normals.tolist()]
    return {n: [v for m, v in zip(normals, values.tolist(), strict=True) if m == n] for n in set(normals)}
