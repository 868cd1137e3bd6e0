"""Images of a clip, cropped."""

import numpy as np
import pytest
from scenes.pictures import make_clip

from litho_dl.core.errors import GridMismatchError
from litho_dl.viz.images import ClipImages


def test_cropping_keeps_places() -> None:
    clip = make_clip().crop((244, 404, -50, 100))
    assert clip.extent == (240, 408, 0, 104)
    assert clip.shape == (13, 21)
    assert clip.crop((300, 340, 50, 60)).extent == (296, 344, 48, 64)


def test_images_of_different_grids_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="one shape"):
        make_clip(nominal=np.zeros((64, 64)))


def test_assist_features_within_reach_belong_to_the_clip():
    """On pixels of 10 nm: a target from 400 to 500 nm, a bar of the mask at 560 nm, another at 700 nm."""
    target, mask = np.zeros((2, 100, 100))
    target[40:50, 40:50] = 1
    mask[40:50, 56:58] = mask[40:50, 70:72] = mask[20:22, 40:50] = 1
    for reach_nm, right, low in (
        (0.0, 500, 400),
        (50.0, 500, 400),
        (90.0, 580, 400),
        (190.0, 580, 210),
        (210.0, 710, 200),
    ):
        x0, x1, y0, y1 = ClipImages(10.0, mask, target=target, reach_nm=reach_nm).bounds()
        assert (x0, x1, y0, y1) == (400, right, low, 500), reach_nm


def test_reduced_images_are_means_over_the_same_places() -> None:
    """Against a sum over a 12 times finer grid, on which the edges of both pixels fall."""
    fine = np.random.default_rng(0).random((20, 28))
    reduced = ClipImages(5.0, mask=fine, nominal=fine > 0.5, origin_nm=(30.0, 40.0)).reduced(12)  # 28 / 12 = 7 / 3
    assert reduced.shape == (8, 12)  # 20 x 3 / 7 = 8.57
    assert reduced.pixel_nm == pytest.approx(35 / 3)
    assert reduced.origin_nm == (30.0, 40.0)
    for image, given in ((reduced.mask, fine), (reduced.nominal, fine > 0.5)):
        finest = np.kron(given, np.ones((3, 3)))[: 8 * 7].astype(float)
        np.testing.assert_allclose(image, finest.reshape(8, 7, 12, 7).mean((1, 3)), atol=1e-6)


def test_images_small_enough_stay_as_they_are() -> None:
    clip = make_clip()
    assert clip.reduced(max(clip.shape)) is clip


def test_a_line_thinner_than_a_pixel_stays_visible() -> None:
    line = np.zeros((300, 300), dtype=bool)
    line[:, 151] = True
    image = np.asarray(ClipImages(1.0, mask=line).reduced(100).mask)
    assert image[:, 50] == pytest.approx(1 / 3)
    assert image.sum() == pytest.approx(100 / 3)
