"""Areas of images drawn by hand."""

from scenes.pixel_images import drawn

from litho_dl.metrics.image import l2_nm2, pvb_nm2


def test_areas_count_differing_pixels_in_nm2():
    target, printed = drawn((10, 10, 20, 14)), drawn((9, 10, 18, 14))  # one column more, two less
    assert l2_nm2(printed, target, 1.0) == 12
    assert l2_nm2(printed, target, 2.5) == 75
    outer, inner = drawn((0, 0, 6, 5)), drawn((1, 1, 5, 4), (390, 390, 391, 392))
    assert pvb_nm2(outer, inner, 2.0) == 4 * (30 - 12 + 2)
    assert l2_nm2(target, target, 1.0) == pvb_nm2(outer, outer, 1.0) == 0
