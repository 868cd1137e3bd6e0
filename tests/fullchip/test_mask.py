"""Files of masks: pixels and outlines are one mask, and what is stitched is whole."""

import h5py
import numpy as np
import pytest
import torch
from scenes.chip import job, wires

from litho_dl.core.errors import DatasetError
from litho_dl.core.hdf5 import COMPRESSION
from litho_dl.core.io import require_writable_folder
from litho_dl.fullchip.job import start_or_resume
from litho_dl.fullchip.mask import mask_file, read_mask, read_outlines, stitched, write_mask
from litho_dl.fullchip.plan import Plan
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout

PIXEL_NM = 8.0
AREA = (-512.0, 0.0, 512.0, 1024.0)
WANTED = (-500.0, 100.0, 400.0, 1000.0)


@pytest.fixture
def plan(tmp_path) -> Plan:
    """Of 2 x 2 tiles."""
    require_writable_folder(tmp_path / "tiles")
    return start_or_resume(job(wires()), Tiling(WANTED, AREA, 512.0, 256.0), tmp_path, "cpu")


@pytest.fixture
def mask(plan, tmp_path) -> np.ndarray:
    """Shapes across seams, holes, and pixels that meet in a corner, also at a seam; written tile by tile."""
    random = np.random.default_rng(3)
    whole = np.kron(random.random((32, 32)) < 0.7, np.ones((4, 4))) > 0
    whole[60:70, 60:63], whole[63:65, 63:66] = True, False
    for tile in plan.tiling.tiles:
        core = whole[64 * tile.row :, 64 * tile.column :][:64, :64]
        write_mask(tmp_path, tile, 1, torch.from_numpy(np.ascontiguousarray(core)), PIXEL_NM, plan.digest)
    return whole


def test_outlines_are_those_of_the_pixels(plan, mask, tmp_path):
    for tile in plan.tiling.tiles:
        stored = read_mask(tmp_path, tile, 1, plan)
        assert stored is not None
        expected = Layout("core", pixel_polygons(*stored)).translated(*plan.tiling.core(tile)[:2])
        found = read_outlines(tmp_path, tile, 1, plan)
        assert max(len(polygon.holes) for polygon in found) > 1
        assert len(found) == len(expected.polygons)
        for one, other in zip(found, expected.polygons, strict=True):
            for loop, same in zip(one.loops, other.loops, strict=True):
                np.testing.assert_array_equal(loop, same)


def test_a_tile_without_a_file_has_no_outlines(plan, tmp_path):
    assert read_outlines(tmp_path, Tile(0, 0), 1, plan) == ()


def test_what_is_stitched_is_the_mask_in_one_piece(plan, mask, tmp_path):
    """No polygon touches another, and none of them crosses the window."""
    found = stitched(tmp_path, plan, 1, "chip")
    piece = Layout("chip", pixel_polygons(mask, PIXEL_NM)).translated(*AREA[:2]).clipped(WANTED)
    assert sorted(map(_as_text, found.polygons)) == sorted(map(_as_text, piece.polygons))


def _as_text(polygon) -> str:
    return str(sorted(np.concatenate(polygon.loops).tolist()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lengths", [2, 4]),
        ("lengths", [400]),
        ("holes", [-1, 1]),
        ("holes", [7]),
        ("corners", [[0, 0], [0, 99], [1, 1]]),
    ],
)
def test_damaged_outlines(plan, mask, tmp_path, name, value):
    path = mask_file(tmp_path, Tile(0, 0), 1)
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, data=np.array(value, dtype=np.int32), **COMPRESSION)
    with pytest.raises(DatasetError, match=r"mask_0000_0000.h5: expected outlines of a mask, got others; remove it"):
        read_outlines(tmp_path, Tile(0, 0), 1, plan)


def test_a_mask_without_shapes(plan, tmp_path):
    write_mask(tmp_path, Tile(0, 0), 1, torch.zeros(64, 64, dtype=torch.bool), PIXEL_NM, plan.digest)
    assert read_outlines(tmp_path, Tile(0, 0), 1, plan) == ()
    assert stitched(tmp_path, plan, 1, "chip").polygons == ()
