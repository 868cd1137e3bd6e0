"""Targets drawn for every epoch."""

import numpy as np
import pytest
import torch
from scenes.generators import TRAINING, check_scores, recipe

from litho_dl.core.errors import GridMismatchError
from litho_dl.core.grid import Grid
from litho_dl.generators.drawn import DrawnTargets
from litho_dl.generators.items import load_pair_set
from litho_dl.generators.model import load_generator
from litho_dl.generators.recipe import Stage
from litho_dl.generators.run import run_generator
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.generate.families import generate
from litho_dl.layout.raster import rasterize
from litho_dl.pairs.recipe import GeneratedClips
from litho_dl.training.batches import derived_seed, in_order

GRID = Grid.of_field((1024.0, 1024.0), 16.0)
METAL = {"family": "metal", "rules": "m1-45", "count": 3, "extent_nm": 640.0}
VIA = {"family": "via", "rules": "via-45", "count": 2, "extent_nm": 512.0}
SOURCES = tuple(GeneratedClips(**source) for source in (METAL, VIA))


def drawn(seed: int) -> torch.Tensor:
    batches = DrawnTargets(SOURCES, GRID).batches(in_order(5, 2), seed)
    return torch.cat([target for (target,) in batches])


def test_a_target_is_a_clip_of_its_family_somewhere_on_the_field():
    targets = drawn(7)
    assert (targets.dtype, targets.shape) == (torch.uint8, (5, 1, 64, 64))
    for index, target in enumerate(targets[:, 0].numpy()):
        source = SOURCES[index // 3]
        clip = generate(source.family, load_rules(source.rules), derived_seed(7, index), source.extent_nm)
        whole = np.rint(255 * rasterize(clip.centred(GRID.field_nm), GRID)).astype(np.uint8)
        moved = [np.roll(whole, (dy, dx), (0, 1)) for dy in range(64) for dx in range(64)]
        assert any(np.array_equal(target, each) for each in moved)


def test_every_epoch_has_its_own():
    assert torch.equal(drawn(7), drawn(7))
    assert not any(torch.equal(one, other) for one, other in zip(drawn(7), drawn(8), strict=True))
    assert repr(DrawnTargets(SOURCES, GRID)).startswith("DrawnTargets(3 metal, 2 via an epoch")


def test_clips_larger_than_the_field_are_refused():
    with pytest.raises(GridMismatchError, match="holds clips of 640 nm, got 512 x 512 nm; lower extent_nm"):
        DrawnTargets(SOURCES, Grid.of_field((512.0, 512.0), 16.0))


def test_terms_that_need_masks_are_refused():
    with pytest.raises(ValueError, match="no masks for the terms adversarial, bce; leave out clips"):
        Stage(name="a", loss={"bce": 1.0, "litho_l2": 1.0, "adversarial": 1.0}, clips=[METAL], training=TRAINING)


def test_a_stage_trains_on_them(pair_set, tmp_path):
    chosen = recipe({"litho_l2": 1.0, "litho_pvb": 1.0}, clips=[{**METAL, "extent_nm": 512.0}])
    pairs = load_pair_set(pair_set, chosen)
    items = pairs.stage_items(chosen, chosen.stages[0])
    assert isinstance(items, DrawnTargets)
    assert len(items) == 3
    run = run_generator(chosen, pairs, tmp_path, device=torch.device("cpu"))
    assert run.stages["only"].status == "finished"
    assert run.card.check == pytest.approx(check_scores(load_generator(run.path, pairs.process), pairs.process))
