"""EPE sites and what tiles see: as on the whole layout's raster, however a window cuts it."""

import numpy as np
import pytest
import torch
from scenes.chip import FEW, HALO_NM, WIRES, array, chip, random_boxes, wires
from scenes.ilt import small_simulator
from scenes.shapes import box

from litho_dl.core.grid import Grid
from litho_dl.fullchip.chip import Chip
from litho_dl.ilt.probes import count_probes, epe_probes, probe_rule
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.drawn_sites import drawn_sites, field_edges
from litho_dl.metrics.epe import OPENILT, EpeRule, EpeSites, find_sites

FIELD = (1024.0, 1024.0)
INSIDE = (40.0, 40.0, 984.0, 984.0)
CORNERS = (box(100, 100, 300, 300), box(300, 300, 400, 420), box(400, 180, 480, 300))  # meet in points
TWO_HOLES = Polygon(box(40, 40, 700, 500).hull, (box(80, 80, 300, 400).hull[::-1], box(320, 80, 600, 96).hull[::-1]))
LAYOUTS = {
    "wires": WIRES,
    "corners": CORNERS,
    "holes": (TWO_HOLES,),
    "nothing": (),
    **{f"random {seed}": random_boxes(seed, INSIDE) for seed in range(6)},
}


def edge_sites(polygons: tuple[Polygon, ...], rule: EpeRule, shape: tuple[int, int], pixel_nm: float) -> EpeSites:
    return drawn_sites(field_edges(polygons), rule, pixel_nm, shape, on_pixels=True)


def as_set(sites: EpeSites, shift: tuple[int, int] = (0, 0)) -> set[tuple[int, ...]]:
    rows = np.concatenate((sites.pixels + np.array(shift), sites.normals), axis=1)
    assert len(rows) == len(set(map(tuple, rows.tolist()))), "no site twice"
    return set(map(tuple, rows.tolist()))


def merged(polygons: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
    return Layout("all", polygons).merged().polygons


@pytest.mark.parametrize("pixel_nm", [1.0, 4.0])
@pytest.mark.parametrize("name", LAYOUTS)
def test_sites_are_those_of_the_raster(name, pixel_nm):
    grid, rule = Grid.of_field(FIELD, pixel_nm), probe_rule(pixel_nm)
    target = rasterize(Layout(name, LAYOUTS[name]), grid) >= 0.5
    assert as_set(edge_sites(merged(LAYOUTS[name]), rule, grid.shape, pixel_nm)) == as_set(find_sites(target, rule))


@pytest.mark.parametrize("seed", range(3))
def test_a_window_does_not_move_the_sites_of_the_edges_that_it_cuts(seed):
    layer = chip(*random_boxes(seed, (-500, -700, 900, 800), 30, grid_nm=1))
    window, around = (-100, -200, 156, 312), (-512, -712, 912, 824)
    found = as_set(edge_sites(layer.whole(window), OPENILT, (512, 256), 1.0))
    everywhere = as_set(edge_sites(layer.whole(around), OPENILT, (1536, 1424), 1.0), (-512, -412))
    assert len(found) > 10
    assert found == {site for site in everywhere if 0 <= site[0] < 512 and 0 <= site[1] < 256}
    target = rasterize(layer.clipped(window), Grid.of_field((512, 256), 1.0)) >= 0.5
    assert found != as_set(find_sites(target, OPENILT)), "as the window's raster alone would"


@pytest.mark.parametrize("pixel_nm", [1.0, 4.0, 8.0, 16.0])
def test_probes_are_those_of_the_raster(pixel_nm):
    grid, rule = Grid.of_field(FIELD, pixel_nm), probe_rule(pixel_nm)
    layout = random_boxes(7, INSIDE, grid_nm=16)
    coverage = torch.from_numpy(rasterize(Layout("all", layout), grid))[None]
    counts = count_probes(edge_sites(merged(layout), rule, grid.shape, pixel_nm), rule, grid.shape)
    np.testing.assert_array_equal(counts, epe_probes(coverage, pixel_nm)[0].numpy())
    assert counts.sum() == 2 * len(find_sites(coverage[0].numpy() >= 0.5, rule)) > 50


def test_sites_beyond_the_window_are_left_out():
    bars = (box(-5, -5, 20, 10), box(60, 40, 80, 100), box(40, 60, 101, 80), box(200, 200, 220, 220))
    found = edge_sites(merged(bars), OPENILT, (90, 100), 1.0)
    assert as_set(found) == {
        *((9, 7, 1, 0), (2, 19, 0, 1)),  # of the first, upper and right edge
        *((40, 69, -1, 0), (49, 60, 0, -1), (49, 79, 0, 1)),  # of the cross below its bar
        *((60, 49, -1, 0), (79, 49, 1, 0), (69, 40, 0, -1)),  # of the bar; its right end lies beyond
        *((60, 90, -1, 0), (79, 90, 1, 0), (89, 60, 0, -1), (89, 79, 0, 1)),
    }


def test_probes_lie_15_nm_on_either_side():
    rule = probe_rule(1.0)
    square = edge_sites((box(100, 200, 160, 260),), rule, (400, 300), 1.0)
    counts = count_probes(square, rule, (400, 300))
    places = {tuple(place) for place in np.argwhere(counts).tolist()}
    middle = (229, 129)  # half-way between the first and the last pixel, rounded down
    assert places == {
        *((middle[0], x) for x in (100 - 15, 100 + 15, 159 - 15, 159 + 15)),
        *((y, middle[1]) for y in (200 - 15, 200 + 15, 259 - 15, 259 + 15)),
    }


def test_solve_looks_where_it_is_told():
    """Without edges the term has no probes, and a mask that starts from the target stays there."""
    target = torch.zeros(1, 64, 64)
    target[0, 20:44, 24:32] = 1
    method = FEW.model_copy(update={"objective": {"epe": 1.0}})
    idle = solve_targets(small_simulator(), target, 8.0, method, edges=[[]])
    assert torch.equal(idle.mask[0], target[0] > 0)
    assert idle.history["epe"].abs().max() == 0
    assert solve_targets(small_simulator(), target, 8.0, method).history["epe"].max() > 0


class TestChip:
    def test_what_a_window_shows(self):
        window = (-60, 250, 452, 762)
        layout = Layout("all", WIRES)
        expected = rasterize(layout.clipped(window).translated(60, -250), Grid.of_field((512, 512), 1.0))
        np.testing.assert_array_equal(rasterize(wires().clipped(window), Grid.of_field((512, 512), 1.0)), expected)
        whole = Layout("whole", wires().whole(window)).translated(-60, 250)
        assert whole.bbox_nm == (0, 300, 420, 900)

    def test_shapes_are_merged(self):
        layer = chip(box(0, 0, 100, 100), box(50, 0, 200, 100), box(200, 0, 300, 100))
        (wire,) = layer.whole((90, 0, 110, 100))
        assert Layout("wire", (wire,)).bbox_nm == (-90, 0, 210, 100)

    def test_written_and_read_again(self, tmp_path):
        for name in ("one.oas", "two.oas"):
            wires().write(tmp_path / name)
        assert (tmp_path / "one.oas").read_bytes() == (tmp_path / "two.oas").read_bytes()
        again, window = Chip.read(tmp_path / "one.oas"), (-100, -100, 1000, 1000)
        assert again.bbox_nm == wires().bbox_nm
        assert again.content_digest(window) == wires().content_digest(window)

    def test_only_what_lies_around_a_window_is_read(self, tmp_path):
        near, long = box(90_000, 0, 98_800, 100), box(0, 200, 500_000, 300)
        write_layout(tmp_path / "far.oas", Layout("far", (*WIRES, near, long, box(300_000, 0, 300_100, 100))))
        layer = Chip.read(tmp_path / "far.oas", window_nm=(0, 0, 500, 500))
        assert layer.bbox_nm == (*wires().bbox_nm[:2], 98_804, wires().bbox_nm[3])
        window = (-100, -100, 1000, 190)
        assert layer.content_digest(window) == Chip.read(tmp_path / "far.oas").content_digest(window)

    def test_windows_beyond_klayout_s_integers_are_empty(self):
        """The unit is as fine as the layer allows; 32 bits then hold some micrometres."""
        assert wires().clipped((1e6, 0, 1e6 + 512, 512)).polygons == ()
        assert wires().whole((-1e8, 0, 512 - 1e8, 512)) == ()
        side = 3 * 16384.0
        large = wires().clipped((-side + 10, -side + 10, 10, 10))
        assert large.bbox_nm == (side - 10, side - 10, side, side)


class TestContent:
    def content(self, *more: Polygon, window: tuple = (0, 0, 1024, 1024)) -> str:
        return chip(*WIRES, *more).content_digest(window)

    def test_repetitions_are_alike(self):
        layer = array(3, 4)
        windows = [
            (x - HALO_NM, y - HALO_NM, x + 768, y + 768) for x in (512, 1024) for y in (512,)
        ]  # those in the middle
        assert len({layer.content_digest(window) for window in windows}) == 1
        edge, off = (-256, 256, 768, 1280), (257, 256, 1281, 1280)
        assert len({layer.content_digest(window) for window in (windows[0], edge, off)}) == 3

    def test_order_and_overlap_do_not_count(self):
        window = (0, 0, 1024, 1024)
        assert chip(*WIRES[::-1], box(0, 0, 500, 120)).content_digest(window) == self.content()

    @pytest.mark.parametrize(
        "more",
        [
            box(1000, 0, 1024, 3),
            box(900, 300, 900.5, 800),
            box(560, 300, 700, 430),  # a corner of the hole
            box(700, 500, 710, 510),  # in the hole
        ],
    )
    def test_whatever_differs_inside_counts(self, more):
        assert self.content(more) != self.content()

    def test_what_lies_beyond_does_not_count(self):
        assert self.content(box(1030, 0, 1100, 50), box(-50, 0, -10, 700)) == self.content()

    def test_edges_that_go_on_count_if_their_sites_do(self):
        """The window sees the same of a bar that is longer outside, but its sites are counted from both ends."""
        window = (0, 0, 512, 512)
        bars = {end: chip(box(100, 100, 200, end)).content_digest(window) for end in (600, 610, 1000, 4010)}
        assert bars[600] != bars[610]
        assert bars[1000] == bars[4010], "half of it lies outside"
