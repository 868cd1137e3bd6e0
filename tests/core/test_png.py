"""PNG images of every mode hold the same shape, or are refused by one line."""

import numpy as np
import pytest
from PIL import Image

from litho_dl.core.errors import LithoError
from litho_dl.core.io import read_image

OPEN = np.zeros((6, 8), bool)
OPEN[1:5, 2:5] = True
GREY = OPEN * np.uint8(255)
FULL = np.full_like(GREY, 255)


def palette(colours: list[tuple[int, int, int]], **options: object) -> tuple[Image.Image, dict]:
    image = Image.fromarray(OPEN.astype(np.uint8), "P")
    image.putpalette([value for colour in colours for value in colour])
    return image, dict(options)


def layers(*bands: np.ndarray, mode: str) -> tuple[Image.Image, dict]:
    return Image.merge(mode, [Image.fromarray(band) for band in bands]), {}


SAME = {
    "bits": (Image.fromarray(OPEN), {}),
    "grey": (Image.fromarray(GREY), {}),
    "opaque alpha": layers(GREY, FULL, mode="LA"),
    "alpha of black": layers(0 * GREY, GREY, mode="LA"),
    "alpha of white": layers(FULL, GREY, mode="LA"),
    "white on hidden black": layers(GREY, GREY, mode="LA"),
    "rgb": layers(GREY, GREY, GREY, mode="RGB"),
    "rgba": layers(GREY, GREY, GREY, FULL, mode="RGBA"),
    "rgba alpha": layers(0 * GREY, 0 * GREY, 0 * GREY, GREY, mode="RGBA"),
    "hidden colours": layers(FULL, GREY, FULL, GREY, mode="RGBA"),
    "dark ground see-through": layers(GREY, np.maximum(GREY, 9), mode="LA"),
    "palette": palette([(0, 0, 0), (255, 255, 255)]),
    "turned palette": (Image.fromarray(GREY).convert("P"), {}),
    "palette with a clear entry": palette([(0, 0, 0), (0, 0, 0)], transparency=0),
    "grey with a clear value": (Image.fromarray(GREY), {"transparency": 0}),
}
REFUSED = {
    "colour": (layers(GREY, 0 * GREY, 0 * GREY, mode="RGB"), "got colours"),
    "coloured palette": (palette([(0, 0, 0), (200, 0, 30)]), "got colours"),
    "palette of one colour": (palette([(0, 0, 0), (0, 0, 0)]), "one grey for all"),
    "grey behind glass": (layers(GREY, FULL - GREY // 2, mode="LA"), "got both"),
    "invisible": (layers(GREY, 0 * GREY, mode="LA"), "transparent everywhere"),
    "black ink on white glass": (layers(FULL - GREY, FULL // 2 + GREY // 4, mode="LA"), "got both"),
}


@pytest.mark.parametrize("name", SAME)
def test_one_shape_in_every_mode(tmp_path, name):
    image, options = SAME[name]
    image.save(tmp_path / "a.png", **options)
    read = read_image(tmp_path / "a.png")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, GREY)


def test_sixteen_bits_stay_sixteen_bits(tmp_path):
    deep = np.array([[0, 1, 255], [256, 40_000, 65_535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, deep)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_clear_is_refused(tmp_path, name):
    (image, options), message = REFUSED[name]
    image.save(tmp_path / "a.png", **options)
    with pytest.raises(LithoError, match=message) as caught:
        read_image(tmp_path / "a.png")
    assert "\n" not in str(caught.value)
