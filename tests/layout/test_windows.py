"""Windows cut from a layout: where they lie, what they hold, what is skipped."""

import csv
from collections import Counter

import klayout.db as kdb
import numpy as np
import pytest
from scenes.command_line import succeeded
from scenes.shapes import box

from litho_dl.core.errors import LayoutError
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.windows import cut_windows

# A wire, and an L above it, around (1000, 2100).
WIRE = box(1000, 2100, 1400, 2170)
L = Polygon(np.array([(1000, 2400), (1300, 2400), (1300, 2470), (1070, 2470), (1070, 2750), (1000, 2750)], float))


@pytest.fixture(params=[".glp", ".gds", ".oas"])
def layout_file(request, tmp_path):
    path = tmp_path / f"block{request.param}"
    write_layout(path, Layout("block", (WIRE, L)))
    return path


def cut(path, **options):
    counts = Counter()
    windows = list(cut_windows(path, **{"window_nm": 400, "stride_nm": 400, "counts": counts, **options}))
    return windows, counts


def test_windows_know_their_place_and_hold_what_is_there(layout_file):
    windows, counts = cut(layout_file)
    assert [(window.x0_nm, window.y0_nm) for window in windows] == [(1000, 2100), (1000, 2500)]
    assert counts == {"windows": 2}
    whole = read_layout(layout_file)
    for window in windows:
        x, y = window.x0_nm, window.y0_nm
        expected = whole.clipped((x, y, x + 400, y + 400)).translated(-x, -y)
        assert pattern_hash(expected) == window.pattern_hash == pattern_hash(window.layout)
        assert expected.bbox_nm == window.layout.bbox_nm


def test_the_windows_cover_the_layout_once(tmp_path):
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 3000, (40, 2)) + 0.1
    sizes = rng.integers(20, 600, (40, 2))
    layout = Layout("many", tuple(box(*low, *(low + size)) for low, size in zip(corners, sizes, strict=True)))
    path = tmp_path / "many.oas"
    write_layout(path, layout)
    windows, counts = cut(path, window_nm=500, stride_nm=500)
    assert counts["duplicate"] == counts["sparse"] == 0
    assert len(windows) + counts["empty"] == counts["windows"] == 49
    assert sum(window.layout.area_nm2 for window in windows) == pytest.approx(layout.area_nm2, rel=1e-12)
    placed = [window.layout.translated(window.x0_nm, window.y0_nm).polygons for window in windows]
    assert pattern_hash(Layout("again", tuple(p for polygons in placed for p in polygons))) == pattern_hash(layout)
    assert all(min(window.layout.bbox_nm) >= 0 and max(window.layout.bbox_nm) <= 500 for window in windows)


def test_a_stride_below_the_window_overlaps(layout_file):
    windows, counts = cut(layout_file, stride_nm=200)
    assert counts["windows"] == 1 * 3
    assert [window.y0_nm for window in windows] == [2100, 2300, 2500]


def test_empty_sparse_and_repeated_windows_are_skipped_and_counted(tmp_path):
    path = tmp_path / "block.gds"
    row = [box(0, 0, 400, 400), box(800, 0, 1200, 400), box(1600, 0, 1610, 10), box(2000, 100, 2350, 170)]
    turned = [box(2630, 50, 2700, 400), box(2800, 0, 2801, 1)]
    write_layout(path, Layout("block", (*row, *turned)))
    windows, counts = cut(path)
    assert [window.x0_nm for window in windows] == [0, 1600, 2000, 2800]
    assert counts == {"windows": 8, "empty": 2, "duplicate": 2}
    windows, counts = cut(path, least_coverage=0.01)
    assert [window.x0_nm for window in windows] == [0, 2000]
    assert counts == {"windows": 8, "empty": 2, "sparse": 2, "duplicate": 2}


def test_slivers_of_the_cut_go_and_drawn_narrow_parts_stay(tmp_path):
    path = tmp_path / "block.oas"
    side, stub, narrow = box(0, 0, 10, 400), box(100, 360, 170, 390), box(200, 100, 220, 300)
    wide, rest = box(300, 0, 370, 400), box(-100, 0, 0, 400)
    write_layout(path, Layout("block", (side, rest, stub, box(100, 390, 170, 600), narrow, wide)))
    windows, _ = cut(path, window_nm=400, stride_nm=100, min_width_nm=70)
    window = next(window for window in windows if (window.x0_nm, window.y0_nm) == (0, 0))
    expected = Layout("kept", (narrow, wide))
    assert pattern_hash(window.layout) == pattern_hash(expected)
    windows, _ = cut(path, window_nm=400, stride_nm=100)
    window = next(window for window in windows if (window.x0_nm, window.y0_nm) == (0, 0))
    assert window.layout.area_nm2 == expected.area_nm2 + 10 * 400 + 40 * 70


@pytest.mark.parametrize(
    "options",
    [{"window_nm": 0}, {"stride_nm": -1}, {"least_coverage": 1.0}, {"min_width_nm": 400}, {"window_nm": float("nan")}],
)
def test_lengths_out_of_range_are_told(options, layout_file):
    with pytest.raises(LayoutError, match="Expected a positive window and stride"):
        cut(layout_file, **options)


def test_a_missing_file_is_told_before_the_first_window(tmp_path):
    with pytest.raises(LayoutError, match=r"none\.gds"):
        cut_windows(tmp_path / "none.gds", window_nm=400, stride_nm=400)


@pytest.mark.data
def test_a_placed_and_routed_block(data_dir):
    windows, counts = cut(data_dir / "gcd_45nm.gds", layer="11/0", window_nm=2000, stride_nm=2000)
    assert len(windows) + counts["duplicate"] == counts["windows"] == 16 * 15
    assert len({window.pattern_hash for window in windows}) == len(windows)


@pytest.mark.parametrize("corner", [(-25_000, -25_000), (-230_000, 17), (-2_000_000_000, 2_100_000_000)])
def test_layouts_far_from_zero(tmp_path, corner):
    path = tmp_path / "far.gds"
    source = kdb.Layout()
    source.dbu = 0.001
    shapes = source.create_cell("TOP").shapes(source.layer(11, 0))
    for index in range(3):
        shapes.insert(kdb.Box(200 * index, 0, 200 * index + 100, 1000).moved(*corner))
    source.write(str(path))
    windows, counts = cut(path, window_nm=20_000, stride_nm=20_000)
    assert counts == {"windows": 1}
    assert (windows[0].x0_nm, windows[0].y0_nm) == corner
    assert windows[0].layout.bbox_nm == (0, 0, 500, 1000)
    assert windows[0].layout.area_nm2 == 300_000


@pytest.mark.parametrize("suffix", ["gds", "oas"])
def test_cuts_of_slanted_layouts_are_written_as_exactly_as_they_were_drawn(tmp_path, suffix):
    cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
    turn = np.array([(cos, sin), (-sin, cos)])
    bars = [box(0, 180 * row, 1100, 180 * row + 90).mapped(lambda xy: np.round(xy @ turn, 3)) for row in range(3)]
    write_layout(tmp_path / "bars.oas", Layout("bars", tuple(bars)), dbu_nm=0.001)
    whole = read_layout(tmp_path / "bars.oas")
    succeeded(
        *("clips", "cut", tmp_path / "bars.oas", "--window-size", 500, "--stride", 500),
        *("--format", suffix, "--out", tmp_path / "out"),
    )
    with open(tmp_path / "out" / "clips.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    parts = [read_layout(tmp_path / "out" / f"{row['name']}.{suffix}") for row in rows]
    assert sum(part.area_nm2 for part in parts) == pytest.approx(whole.area_nm2, rel=1e-6)
    assert [pattern_hash(part) for part in parts] == [row["hash"] for row in rows]
    for part, row in zip(parts, rows, strict=True):
        x, y = float(row["x0_nm"]), float(row["y0_nm"])
        inside = whole.clipped((x, y, x + 500, y + 500)).translated(-x, -y)
        assert part.area_nm2 == pytest.approx(inside.area_nm2, abs=0.1)
        assert float(row["density"]) == pytest.approx(inside.area_nm2 / 500**2, abs=1e-5)
    assert sum(float(row["min_width_nm"]) == pytest.approx(90, abs=0.01) for row in rows) >= 5
