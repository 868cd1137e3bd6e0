"""Tiles: cores without gaps or overlaps, windows around them, and how large they are."""

import numpy as np
import pytest

from litho_dl.core.errors import LayoutError
from litho_dl.fullchip.tiling import Tile, Tiling, plan_tiling

AREA = (-300.0, 100.0, 1500.0, 1000.0)
TILING = Tiling(AREA, AREA, 512.0, 256.0)


def covered(boxes: list, bounds: tuple) -> np.ndarray:
    """How often each nm2 in the bounds is covered."""
    x0, y0, x1, y1 = map(int, bounds)
    counts = np.zeros((y1 - y0, x1 - x0), dtype=int)
    for left, bottom, right, top in np.array(boxes, dtype=int):
        counts[max(bottom - y0, 0) : max(top - y0, 0), max(left - x0, 0) : max(right - x0, 0)] += 1
    return counts


@pytest.mark.parametrize(
    "tiling",
    [
        TILING,
        Tiling(AREA, AREA, 900.0, 256.0),
        Tiling((0.0, 0.0, 512.0, 512.0), (-256.0, -256.0, 768.0, 768.0), 512.0, 256.0),
        plan_tiling((0, 0, 700.5, 3000.2), 100.0, core_nm=512.0),
        plan_tiling((0, 0, 4000, 4000), 100.0, core_nm=512.0, window_nm=(1000.3, 900, 1700, 2100)),
    ],
)
def test_every_nm_that_is_wanted_lies_in_one_core(tiling):
    assert len(tiling.tiles) == len(set(tiling.tiles)) == tiling.shape[0] * tiling.shape[1]
    assert (covered([tiling.core(tile) for tile in tiling.tiles], tiling.area_nm) == 1).all()
    assert (covered([tiling.inside(tile) for tile in tiling.tiles], tiling.wanted_nm) == 1).all()
    x0, y0, x1, y1 = tiling.wanted_nm
    areas = [(right - left) * (top - bottom) for left, bottom, right, top in map(tiling.inside, tiling.tiles)]
    assert sum(areas) == (x1 - x0) * (y1 - y0), "and nothing beyond"


def test_boxes_of_a_tile():
    tile = Tile(row=1, column=2)
    assert TILING.shape == (2, 4)
    assert TILING.core(tile) == (724, 612, 1236, 1124)
    assert TILING.window(tile) == (468, 356, 1492, 1380)
    assert TILING.inside(tile) == (724, 612, 1236, 1000)
    assert TILING.field_nm == (1024, 1024)
    assert Tiling((0, 0, 1024, 512), (0, 0, 1024, 512), 512.0, 256.0).shape == (1, 2)
    cut = Tiling((800.0, 100.0, 1000.0, 500.0), AREA, 512.0, 256.0)
    assert cut.inside(Tile(0, 2)) == (800, 100, 1000, 500)
    left, bottom, right, top = cut.inside(tile)
    assert (right - left, top - bottom) == (200, 0)


def test_points_lie_in_the_core_of_their_tile():
    for tile in TILING.tiles:
        x0, y0, x1, y1 = TILING.core(tile)
        assert TILING.tile_at(x0, y0) == TILING.tile_at((x0 + x1) / 2, y1 - 0.5) == tile
    assert TILING.tile_at(-1e6, 1e6) == (TILING.shape[0] - 1, 0)


def test_neighbours_touch():
    assert set(TILING.neighbours(Tile(0, 0))) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert set(TILING.neighbours(Tile(1, 2))) == {(r, c) for r in (0, 1) for c in (1, 2, 3)}
    wide = Tiling(AREA, AREA, 256.0, 256.0)
    for tile in wide.tiles:
        x0, y0, x1, y1 = wide.core(tile)
        boxes = {other: wide.core(other) for other in wide.tiles}
        touching = {o for o, (a, b, c, d) in boxes.items() if a <= x1 and c >= x0 and b <= y1 and d >= y0}
        assert set(wide.neighbours(tile)) == touching


class TestPlan:
    def test_halos_are_rounded_up(self):
        halos = [plan_tiling((0, 0, 99, 99), halo).halo_nm for halo in (1, 255.9, 256, 257, 512.1)]
        assert halos == [256, 256, 256, 512, 768]

    def test_a_layout_has_a_margin_of_whole_nm(self):
        tiling = plan_tiling((0.4, -0.4, 1000.2, 2000.0), 256.0)
        assert tiling.wanted_nm == tiling.area_nm == (-256, -257, 1257, 2256)

    def test_a_window_at_the_border_gets_no_more_than_the_whole_layout(self):
        whole = plan_tiling((0, 0, 3000, 3000), 1000.0)
        assert whole.wanted_nm == whole.area_nm == (-768, -768, 3768, 3768)
        corner = plan_tiling((0, 0, 3000, 3000), 1000.0, window_nm=(-2000, 2000, 99, 2999))
        assert (corner.wanted_nm, corner.area_nm) == ((-2000, 2000, 99, 2999), (-768, 976, 1123, 3768))
        beside = plan_tiling((0, 0, 3000, 3000), 1000.0, window_nm=(9000, 0, 9999, 999))
        assert beside.area_nm == (7976, -1024, 11023, 2023)

    def test_a_window_is_covered_with_what_prints_beside_it(self):
        tiling = plan_tiling((0, 0, 9000, 9000), 300.0, window_nm=(100.5, 200.0, 700.0, 900.5))
        assert tiling.wanted_nm == (100, 200, 700, 901)
        assert tiling.area_nm == (-412, -312, 1212, 1413)

    def test_the_core_has_the_least_to_compute(self):
        """One large tile costs more than its area, many small ones more halo."""

        def cost(core_nm: float, side_nm: float) -> float:
            count, field = -(-side_nm // core_nm), core_nm + 512
            return count**2 * (field / 2048) ** 2 * (1 + field / 2048 / 36)

        for side_nm in (1000.0, 3000.0, 7000.0, 30000.0):
            chosen = plan_tiling((0, 0, side_nm - 512, side_nm - 512), 256.0).core_nm
            cores = np.arange(1024.0, 5120.1, 512.0)
            assert chosen in cores
            assert cost(chosen, side_nm) == pytest.approx(min(cost(core, side_nm) for core in cores))

    def test_fields_are_not_smaller_than_the_kernels(self):
        tiny = (0.0, 0.0, 100.0, 100.0)
        assert plan_tiling(tiny, 200.0).field_nm[0] == 1536
        assert plan_tiling(tiny, 200.0, least_field_nm=4000.0).field_nm[0] == 4096
        assert plan_tiling(tiny, 200.0, least_field_nm=9000.0).field_nm[0] == 9216
        with pytest.raises(
            LayoutError, match=r"tile of 1536 nm or more, as wide as its halo of 256 nm .* of 2048 nm, got 512 nm"
        ):
            plan_tiling(tiny, 200.0, least_field_nm=2048.0, core_nm=512.0)

    @pytest.mark.parametrize("core_nm", [0.0, -512.0, 600.0, 1e9, float("nan"), float("inf")])
    def test_cores_are_multiples_of_512_nm(self, core_nm):
        with pytest.raises(LayoutError, match="multiple of 512 nm"):
            plan_tiling((0, 0, 99, 99), 256.0, core_nm=core_nm)

    def test_cores_are_as_wide_as_the_halo(self):
        with pytest.raises(LayoutError, match=r"tile of 1024 nm or more, as wide as its halo of 768 nm .* got 512 nm"):
            plan_tiling((0, 0, 99, 99), 700.0, core_nm=512.0)

    @pytest.mark.parametrize("window_nm", [(0, 0, 0, 9), (0, 9, 9, 0), (0, 0, float("nan"), 9)])
    def test_windows_without_area(self, window_nm):
        with pytest.raises(LayoutError, match="x0 < x1"):
            plan_tiling((0, 0, 99, 99), 256.0, window_nm=window_nm)
