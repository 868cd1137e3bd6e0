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
