"""Images of a clip, cropped."""

import numpy as np
import pytest
from scenes.pictures import make_clip

from litho_dl.core.errors import GridMismatchError


def test_cropping_keeps_places() -> None:
    clip = make_clip().crop((244, 404, -50, 100))
    assert clip.extent == (240, 408, 0, 104)
    assert clip.shape == (13, 21)
    assert clip.crop((300, 340, 50, 60)).extent == (296, 344, 48, 64)


def test_images_of_different_grids_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="one shape"):
        make_clip(nominal=np.zeros((64, 64)))
