"""Pictures of a clip: right panels, right way up, lengths in nm."""

import numpy as np
import pytest
from matplotlib.legend import Legend
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from scenes.pictures import (
    PIXEL_NM,
    THRESHOLD,
    image_axes,
    lines_of,
    make_clip,
    opacity,
    scale_bars,
    shown_part,
    values_at,
    violation_rings,
)

from litho_dl.viz.clip import caption, clip_figure
from litho_dl.viz.images import ClipImages


def test_a_clip_has_four_panels_in_nm_with_origin_at_the_bottom() -> None:
    figure = clip_figure(make_clip(), threshold=THRESHOLD, margin_nm=80)
    panels = image_axes(figure)
    assert [axes.get_title() for axes in panels] == ["Target", "Mask (black: open)", "Aerial image", "Print"]
    for axes in panels:
        assert axes.images[0].origin == "lower"
        # Target and prints cover x 224-816, y 304-640 nm; the margin is 80 nm.
        assert axes.images[0].get_extent() == pytest.approx([160, 880, 240, 720], abs=24)
        assert scale_bars(axes) == ["100 nm"]


def test_panels_show_the_images_where_they_lie() -> None:
    """Rows are y from below, columns x: an image turned, flipped or moved in any panel would be another one."""
    mask = make_clip().target.copy()
    mask[56:60, 80:95] = 1  # an assist feature, so that mask and target are told apart
    images = make_clip(mask=mask)
    target, drawn, aerial, printed = image_axes(clip_figure(images, threshold=THRESHOLD, margin_nm=80))
    np.testing.assert_array_equal(opacity(target, 0), shown_part(target, 255 * images.target))
    np.testing.assert_array_equal(drawn.images[0].get_array(), shown_part(drawn, mask))
    np.testing.assert_allclose(aerial.images[0].get_array(), shown_part(aerial, images.aerial))
    wanted, nominal, band = range(3)
    np.testing.assert_array_equal(opacity(printed, wanted) > 0, shown_part(printed, images.target > 0))
    np.testing.assert_array_equal(opacity(printed, nominal) > 0, shown_part(printed, images.nominal))
    np.testing.assert_array_equal(opacity(printed, band), shown_part(printed, 255 * (images.outer != images.inner)))
    extents = [tuple(image.get_extent()) for axes in (target, drawn, aerial, printed) for image in axes.images]
    assert set(extents) == {extents[0]}
    for axes in (target, drawn, aerial, printed):
        (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
        assert (x0, x1, y0, y1) == extents[0], "not turned over afterwards"


def test_outlines_lie_on_the_edges_of_their_images() -> None:
    images = make_clip()
    _, mask, aerial, printed = image_axes(clip_figure(images, threshold=THRESHOLD, margin_nm=80))
    (around_target,) = lines_of(mask)
    target, at_threshold = lines_of(aerial)
    for line, image, level in (
        (around_target, images.target, 0.5),
        (target, images.target, 0.5),
        (at_threshold, images.aerial, THRESHOLD),
        *zip(lines_of(printed), (images.outer, images.inner), (0.5, 0.5), strict=True),
    ):
        np.testing.assert_allclose(values_at(image, line), level, atol=1e-6)
    np.testing.assert_allclose([target.min(0), target.max(0)], [(240, 320), (800, 640)])  # x, y of the target


def test_without_target_and_aerial_the_panels_are_left_out() -> None:
    figure = clip_figure(make_clip(target=None), threshold=THRESHOLD)
    assert [axes.get_title() for axes in image_axes(figure)] == ["Mask (black: open)", "Aerial image", "Print"]
    figure = clip_figure(make_clip(target=None, aerial=None, outer=None, inner=None))
    assert [axes.get_title() for axes in image_axes(figure)] == ["Mask (black: open)", "Print"]


def test_violations_are_ringed_only_where_there_are_some() -> None:
    assert violation_rings(clip_figure(make_clip())) == []
    assert violation_rings(clip_figure(make_clip(), epe_sites_nm=np.empty((0, 2)))) == []
    (rings,) = violation_rings(clip_figure(make_clip(), epe_sites_nm=[(240, 360), (800, 360)]))
    np.testing.assert_allclose(rings, [(240, 360), (800, 360)])


def test_the_band_lies_over_the_print_and_its_edges_are_lines() -> None:
    """Straight edges are drawn half-way between the pixel centres on their two sides; nothing lies on the band."""
    nominal, outer, inner = (np.zeros((64, 64)) for _ in range(3))
    nominal[20:40, 16:48], outer[19:41, 15:49], inner[21:39, 17:47] = 1, 1, 1
    images = ClipImages(PIXEL_NM, mask=nominal, nominal=nominal, target=nominal, outer=outer, inner=inner)
    figure = clip_figure(images, margin_nm=1000)
    axes = image_axes(figure)[-1]
    lines = [contour.get_paths()[0].vertices.T for contour in axes.collections]
    spans = [(x.min(), x.max(), y.min(), y.max()) for x, y in lines]
    assert spans == [pytest.approx((120, 392, 152, 328)), pytest.approx((136, 376, 168, 312))]
    _, printed, band = (image.get_array()[..., 3] for image in axes.images)
    np.testing.assert_array_equal(band, 255 * (outer != inner))
    np.testing.assert_array_equal(printed > 0, nominal > 0)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["target", "nominal print", "PV band"]


def test_openings_are_said_to_be_black() -> None:
    assert image_axes(clip_figure(make_clip()))[1].get_title() == "Mask (black: open)"
    shifted = make_clip(mask=make_clip().mask - 2.0 * (make_clip().nominal == 0))
    assert image_axes(clip_figure(shifted))[1].get_title() == "Mask (black: open, white: open, 180°)"


def test_scale_bars_leave_the_image_free() -> None:
    """They lie under the panel, and so do colour bar and legend, apart from them."""
    figure = clip_figure(make_clip(), threshold=THRESHOLD)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    panels = [axes for axes in image_axes(figure) if scale_bars(axes)]
    for axes in panels:
        (bar,) = (artist.get_window_extent(renderer) for artist in axes.artists if isinstance(artist, AnchoredSizeBar))
        assert bar.y1 <= axes.get_window_extent().y0
        for other in [*(child.get_tightbbox(renderer) for child in axes.child_axes), axes.get_legend()]:
            box = other.get_window_extent(renderer) if isinstance(other, Legend) else other
            assert box is None or not bar.overlaps(box)
    assert len(panels) == 4


def test_an_empty_clip_is_drawn_whole() -> None:
    empty = np.zeros((32, 32))
    figure = clip_figure(ClipImages(PIXEL_NM, mask=empty, nominal=empty, aerial=empty, outer=empty, inner=empty))
    assert image_axes(figure)[0].images[0].get_extent() == pytest.approx([0, 256, 0, 256])


def test_captions() -> None:
    assert caption({"L2": 38495.0, "EPE": 3, "s": 1.23456}, " | ") == "L2 38,495 | EPE 3 | s 1.235"
