"""Pairs as training sees them."""

import numpy as np
import pytest
import torch
from scenes.generators import recipe

from litho_dl.core.dihedral import turned
from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.generators.items import PairItems, load_pair_set
from litho_dl.pairs.dataset import PairDataset
from litho_dl.process.identity import process_digest
from litho_dl.training.batches import in_order


class TestItems:
    def test_both_images_of_a_pair_are_turned_alike(self):
        rng = np.random.default_rng(0)
        targets = rng.integers(256, size=(9, 4, 4), dtype=np.uint8)
        items = PairItems(targets, targets.repeat(2, 1).repeat(2, 2), ("identity", "rotate_90", "flip_x"))
        seen = set()
        for target, mask in items.batches(in_order(9, 4), seed=1):
            assert target.dtype == torch.uint8
            assert target.shape[1:] == (1, 4, 4)
            assert torch.equal(mask, target.repeat_interleave(2, 2).repeat_interleave(2, 3))
            for image in target[:, 0].numpy():
                seen |= {
                    (index, name)
                    for index, own in enumerate(targets)
                    for name in items.symmetries
                    if np.array_equal(turned(own, name), image)
                }
        assert {index for index, _ in seen} == set(range(9))
        assert {name for _, name in seen} == set(items.symmetries)
        again = torch.cat([batch[0] for batch in items.batches(in_order(9, 4), seed=1)])
        assert torch.equal(again, torch.cat([batch[0] for batch in items.batches(in_order(9, 4), seed=1)]))
        assert not torch.equal(again, torch.cat([batch[0] for batch in items.batches(in_order(9, 4), seed=2)]))

    def test_a_data_set_in_memory(self, pair_set):
        whole = load_pair_set(pair_set, recipe({"bce": 1.0}))
        assert whole.training.targets.shape == (len(whole.training), 64, 64)
        assert whole.training.masks.shape == (len(whole.training), 128, 128)
        assert len(whole.training) + len(whole.validation) + len(whole.test) == len(PairDataset(pair_set, None))
        assert set(np.unique(whole.training.masks)) <= {0, 255}
        assert set(whole.training.symmetries) >= {"identity", "transpose"}
        assert whole.validation.symmetries == whole.test.symmetries == ("identity",)
        assert whole.optics == "small.safetensors"
        some = load_pair_set(pair_set, recipe({"bce": 1.0}, training_pairs=2, validation_pairs=1))
        assert (len(some.training), len(some.validation), len(some.test)) == (2, 1, len(whole.test))
        half = len(whole.training) // 2
        assert np.array_equal(some.training.targets, whole.training.targets[[0, half]])
        assert np.array_equal(some.training.masks, whole.training.masks[[0, half]])

    def test_other_optics_bring_their_symmetries(self, pair_set, inputs):
        found = load_pair_set(pair_set, recipe({"bce": 1.0}), str(pair_set / "optics.safetensors"))
        assert found.training.symmetries == load_pair_set(pair_set, recipe({"bce": 1.0})).training.symmetries
        assert found.optics == "optics.safetensors"
        built = load_pair_set(pair_set, recipe({"bce": 1.0}), str(inputs / "small.toml"))
        assert built.process.field_nm == found.process.field_nm
        assert process_digest(built.process) == process_digest(found.process)

    def test_a_pixel_that_does_not_fit_is_told_with_what_would(self, pair_set):
        """The stored pixel is 8 nm: recipes whose masks are on 4 nm need another data set."""
        with pytest.raises(DatasetError) as raised:
            load_pair_set(pair_set, recipe({"bce": 1.0}, mask_pixel_nm=4.0))
        said = str(raised.value)
        assert "divides those of the recipe of fcn_mask_small, 16 and 4 nm, got pairs on 8 nm" in said
        assert "set pixel_nm = 4 in the data set's recipe and build it again" in said
        assert said.endswith("pairs on 8 nm can train doinn_small, lithogan, lithogan_small.")

    def test_optics_of_another_field_are_refused_before_kernels_are_built(self, pair_set, inputs, monkeypatch):
        monkeypatch.setattr("litho_dl.process.files.cached_process", lambda *a, **k: pytest.fail("built"))
        with pytest.raises(LithoError):
            load_pair_set(pair_set, recipe({"bce": 1.0}), str(inputs / "no.toml"))
