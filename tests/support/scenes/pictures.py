"""A clip, kernels and a pupil to draw, and what figures hold."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from scipy.ndimage import gaussian_filter, map_coordinates

from litho_dl.viz.images import ClipImages

PIXEL_NM, THRESHOLD = 8.0, 0.3


def make_clip(**changes: object) -> ClipImages:
    """A 1024 nm field with a wide bar low and a short bar high: no symmetry in either axis."""
    target = np.zeros((128, 128))
    target[40:50, 30:100] = 1
    target[70:80, 30:50] = 1
    aerial = gaussian_filter(target, 4)
    images = {
        "pixel_nm": PIXEL_NM,
        "mask": target,
        "target": target,
        "aerial": aerial,
        "nominal": aerial > THRESHOLD,
        "outer": 1.1 * aerial > THRESHOLD,
        "inner": 0.9 * aerial > THRESHOLD,
    }
    return ClipImages(**(images | changes))  # type: ignore[arg-type]


def image_axes(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.images]


def shown_part(axes: Axes, image: np.ndarray, pixel_nm: float = PIXEL_NM) -> np.ndarray:
    """The part of an image (H, W) of the whole field that the first picture in axes must show, by its extent in nm."""
    x0, x1, y0, y1 = axes.images[0].get_extent()
    rows, columns = (slice(round(low / pixel_nm), round(high / pixel_nm)) for low, high in ((y0, y1), (x0, x1)))
    return np.asarray(image)[rows, columns]


def values_at(image: np.ndarray, points_nm: np.ndarray, pixel_nm: float = PIXEL_NM) -> np.ndarray:
    """An image of the whole field, linear between the centres of its pixels, at points (n, 2) as x, y in nm."""
    return map_coordinates(np.asarray(image, dtype=float), points_nm[:, ::-1].T / pixel_nm - 0.5, order=1)


def lines_of(axes: Axes) -> list[np.ndarray]:
    """The vertices (n, 2) of each contour drawn, in the order of drawing."""
    contours = [artist for artist in axes.collections if isinstance(artist, ContourSet)]
    return [np.concatenate([path.vertices for path in contour.get_paths()]) for contour in contours]


def opacity(axes: Axes, index: int) -> np.ndarray:
    """How opaque a picture's pixels are, 0 to 255."""
    return np.asarray(axes.images[index].get_array())[..., 3]


def scale_bars(axes: Axes) -> list[str]:
    return [artist.txt_label.get_text() for artist in axes.artists if isinstance(artist, AnchoredSizeBar)]


def violation_rings(figure: Figure) -> list[np.ndarray]:
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label() == "EPE violation"]
    return [np.asarray(line.get_xydata()) for line in lines]


def synthetic_kernels(count: int, half: tuple[int, int] = (8, 8)) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (count, 2 * half[0] + 1, 2 * half[1] + 1)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def disc_pupil(defocus_waves: float, n: int = 65) -> np.ndarray:
    """|P| = 1 with a phase of `defocus_waves` rho^2."""
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    return np.where(x**2 + y**2 <= 1, np.exp(2j * np.pi * defocus_waves * (x**2 + y**2)), 0)
