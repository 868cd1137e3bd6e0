"""Pictures of many clips."""

import numpy as np
import pytest
from scenes.pictures import PIXEL_NM, image_axes, make_clip, opacity, shown_part

from litho_dl.core.errors import LithoError
from litho_dl.viz.gallery import CLOSE_PIXELS, GalleryClip, gallery_figure
from litho_dl.viz.images import ClipImages


def test_gallery_has_four_columns_a_clip_of_which_three_are_at_one_scale() -> None:
    small = np.zeros((128, 128))
    small[60:64, 60:64] = 1
    clips = [
        GalleryClip("wide", make_clip(), {"L2": 10, "PVB": 20}),
        GalleryClip("small", make_clip(target=small, mask=small), epe_sites_nm=[(500, 500)]),
        GalleryClip("third", make_clip()),
    ]
    figure = gallery_figure(clips, across=2, margin_nm=60)
    panels = image_axes(figure)
    assert len(panels) == 12
    at_one_scale = (axes for index, axes in enumerate(panels) if index % 4 < 3)
    sides = {round(x1 - x0) for x0, x1, _, _ in (axes.images[0].get_extent() for axes in at_one_scale)}
    assert max(sides) - min(sides) <= 2 * PIXEL_NM
    names = [text.get_text() for text in figure.legends[0].texts]
    assert names == ["mask opening", "target", "nominal print", "PV band", "EPE violation"]
    with pytest.raises(LithoError, match="at least one clip"):
        gallery_figure([])


def test_each_clip_is_drawn_where_it_lies() -> None:
    """Targets, masks and prints, in windows about each clip's own place."""
    small = np.zeros((128, 128))
    small[60:64, 20:30] = 1
    clips = [
        GalleryClip("wide", make_clip()),
        GalleryClip("small", make_clip(target=small, mask=1 - small, nominal=small)),
    ]
    panels = image_axes(gallery_figure(clips, across=1, margin_nm=60))
    for (target, mask, printed), clip in zip((panels[:3], panels[4:7]), clips, strict=True):
        images = clip.images
        np.testing.assert_array_equal(opacity(target, 0), shown_part(target, 255 * images.target))
        np.testing.assert_array_equal(mask.images[0].get_array(), shown_part(mask, images.mask))
        wanted, nominal, band = range(3)
        np.testing.assert_array_equal(opacity(printed, wanted) > 0, shown_part(printed, images.target > 0))
        np.testing.assert_array_equal(opacity(printed, nominal) > 0, shown_part(printed, images.nominal > 0))
        np.testing.assert_array_equal(opacity(printed, band), shown_part(printed, 255 * (images.outer != images.inner)))
        assert opacity(target, 0).any()


def test_large_clips_are_reduced_in_place() -> None:
    """3 x 3 pixels are drawn as one of their mean opacity, three times as wide at the same place."""
    fine = np.kron(make_clip().target, np.ones((12, 12)))[:, 5:1505]  # 1536 x 1500 pixels of 1 nm
    images = ClipImages(1.0, mask=fine, nominal=fine, target=fine)
    target, *_ = image_axes(gallery_figure([GalleryClip("fine", images)], margin_nm=2000))
    x0, x1, y0, y1 = target.images[0].get_extent()
    assert (x0, y0, y1) == pytest.approx((0, 0, 1536))
    assert 1500 - 1536 / 600 < x1 <= 1500
    shown = opacity(target, 0)
    assert shown.shape == (600, 585)
    np.testing.assert_allclose(shown.mean() / 255, fine[:, : round(x1)].mean(), rtol=5e-3)


def test_the_part_with_most_edges_is_shown_pixel_by_pixel() -> None:
    """Of a field of 900 x 1200 pixels with two combs, of which the finer is not drawn; the frame says where it is."""
    mask = np.zeros((900, 1200))
    mask[50:450, 50:450] = 1
    mask[560:840, 820:1100:4] = 1
    target = mask.copy()
    mask[600:880, 30:310:2] = 1
    images = ClipImages(1.0, mask=mask, nominal=target, target=target)
    _, whole, _, close = image_axes(gallery_figure([GalleryClip("comb", images)]))
    x0, x1, y0, y1 = close.images[0].get_extent()
    assert (x1 - x0, y1 - y0) == (CLOSE_PIXELS, CLOSE_PIXELS)
    assert x0 <= 820 < 1097 <= x1
    assert y0 <= 560 < 840 <= y1
    shown = mask[round(y0) : round(y1), round(x0) : round(x1)]
    np.testing.assert_array_equal(close.images[0].get_array(), shown)
    (frame,) = whole.patches
    assert frame.get_bbox().bounds == (x0, y0, x1 - x0, y1 - y0)
