"""Training pairs of a clear field."""

import numpy as np
import pytest
import torch
from scenes.coarse_optics import coarse_recipe
from scenes.pairs import FIELD, built, write_recipe

from litho_dl.pairs.dataset import PairDataset
from litho_dl.pairs.manifest import OPTICS
from litho_dl.pairs.pictures import draw_pairs
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import build_process
from litho_dl.simulation.simulator import Simulator


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A few pairs, whose prints are where the images are dark."""
    base = tmp_path_factory.mktemp("clear")
    recipe = coarse_recipe("duv193-dry-annular")
    clear = recipe.model_copy(update={"mask": recipe.mask.model_copy(update={"field": "clear"})})
    save_kernels(base / "small.safetensors", build_process(clear, field_nm=FIELD, count=6))
    path = write_recipe(base, ("count = 8", "count = 3"), ("count = 3\n", "count = 1\n"))
    built(path, base / "set")
    return base / "set"


def test_prints_are_dark_and_masks_are_shapes(folder):
    process = load_kernels(folder / OPTICS)
    assert process.mask.field == "clear"
    assert process.corners["outer"].dose < 1
    pairs = PairDataset(folder, pixel_nm=8.0, images=("target", "mask", "aerial", "print"), dtype=torch.float32)
    assert len(pairs) > 0
    simulator = Simulator(process)
    for index in range(len(pairs)):
        target, mask, aerial, printed = (image[0] for image in pairs[index][0:4])
        assert target.mean() < 0.6
        assert mask.mean() < 0.7
        np.testing.assert_array_equal(printed > 0.5, aerial < process.resist.threshold)
        shown = simulator((mask > 0.5).float(), 8.0).binary_print()
        assert (shown == (printed > 0.5)).float().mean() > 0.97


def test_they_are_drawn(folder, tmp_path):
    from litho_dl.pairs.manifest import read_manifest

    draw_pairs(tmp_path / "pairs.png", folder, read_manifest(folder), 2)
    assert (tmp_path / "pairs.png").stat().st_size > 1000
