"""The torch data set over shards: splits, pixels, crops, symmetries, workers."""

import shutil

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from litho_dl.core.dihedral import SYMMETRIES, turned
from litho_dl.core.errors import DatasetError
from litho_dl.pairs.dataset import MAX_OPEN_FILES, PairDataset
from litho_dl.pairs.shard import PairBlock, read_shard, write_shard

KEPT = ("identity", "flip_x", "rotate_180", "flip_y")
SETTINGS = {"digest": "d", "recipe": {"pixel_nm": 4.0}, "field_nm": [64.0, 64.0], "symmetries": KEPT}
SIDE, PER_SHARD, SHARDS = 16, 3, 4


def write(folder, index: int, **changes: object) -> None:
    random = np.random.default_rng(index)
    target = random.integers(0, 256, (PER_SHARD, SIDE, SIDE), dtype=np.uint8)
    given = PairBlock(
        images={"target": target, "mask": 255 - target, "aerial": (target / 255).astype(np.float16)},
        name=[f"{index}-{i}" for i in range(PER_SHARD)],
        seed=np.zeros(PER_SHARD),
        pattern=["0" * 64] * PER_SHARD,
        split=np.arange(PER_SHARD),
    )
    write_shard(folder / f"shard-{index:05d}.h5", given, {**SETTINGS, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for index in range(SHARDS):
        write(folder, index)
    return folder


def stored(folder, name: str = "target") -> np.ndarray:
    shards = (read_shard(folder / f"shard-{index:05d}.h5") for index in range(SHARDS))
    return np.concatenate([shard.images[name] for shard in shards])


def test_items_are_the_stored_pairs(folder):
    pairs = PairDataset(folder, None)
    assert len(pairs) == PER_SHARD * SHARDS
    for index in (7, 0, 11):
        target, mask = pairs[index]
        assert target.shape == mask.shape == (1, SIDE, SIDE)
        assert target.dtype == torch.float32
        np.testing.assert_allclose(target[0], stored(folder)[index] / 255, atol=1e-7)
        torch.testing.assert_close(mask, 1 - target)


@pytest.mark.parametrize(("split", "first"), [("train", 0), ("validation", 1), ("test", 2)])
def test_splits(folder, split, first):
    pairs = PairDataset(folder, split)
    assert len(pairs) == SHARDS
    np.testing.assert_allclose(pairs[2][0][0], stored(folder)[first + 2 * PER_SHARD] / 255, atol=1e-7)


def test_a_coarser_pixel_is_the_mean(folder):
    pairs = PairDataset(folder, None, pixel_nm=16, images=("target", "aerial"))
    for image, name, scale in zip(pairs[4], ("target", "aerial"), (255, 1), strict=True):
        means = stored(folder, name)[4].astype(float).reshape(4, 4, 4, 4).mean((1, 3)) / scale
        np.testing.assert_allclose(image[0], means, atol=1e-3 if name == "aerial" else 1e-7)


def test_very_coarse_pixels_are_float32_too(tmp_path):
    fine = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    block = PairBlock({"target": fine}, ["a"], np.zeros(1), ["0" * 64], np.zeros(1))
    write_shard(tmp_path / "shard-00000.h5", block, {**SETTINGS, "recipe": {"pixel_nm": 2.0}})
    (target,) = PairDataset(tmp_path, None, pixel_nm=64, images=("target",))[0]
    assert (target.dtype, target.shape) == (torch.float32, (1, 1, 1))
    assert target.item() == pytest.approx(fine.mean() / 255, rel=1e-6)


@pytest.mark.parametrize("pixel_nm", [4, 8, 16, 64])
def test_bytes(folder, pixel_nm):
    whole, small = (PairDataset(folder, None, pixel_nm=pixel_nm, dtype=dtype) for dtype in (torch.float32, torch.uint8))
    for exact, rounded in zip(whole[4], small[4], strict=True):
        assert rounded.dtype == torch.uint8
        assert (exact * 255 - rounded).abs().max() <= 0.5 + 1e-4


@pytest.mark.parametrize(("dtype", "images"), [(torch.float16, ("target",)), (torch.uint8, ("target", "aerial"))])
def test_other_types_are_refused(folder, dtype, images):
    with pytest.raises(DatasetError, match="Expected float32, or uint8 of target, mask and print"):
        PairDataset(folder, dtype=dtype, images=images)


def test_shards_of_other_making(tmp_path):
    write(tmp_path, 0)
    block = read_shard(next(tmp_path.glob("*.h5")))
    write_shard(tmp_path / "shard-00000.h5", block, {"recipe": {}})
    with pytest.raises(DatasetError, match="expected shards of litho-dl dataset build, got some without digest"):
        PairDataset(tmp_path, None)


def test_a_centred_crop(folder):
    pairs = PairDataset(folder, None, pixel_nm=8, crop_nm=32)
    whole = PairDataset(folder, None, pixel_nm=8)
    torch.testing.assert_close(pairs[5][0], whole[5][0][:, 2:6, 2:6])


def test_targets_and_masks_turn_together(folder):
    plain, drawn = PairDataset(folder, None), PairDataset(folder, None, augment=True)
    assert drawn.symmetries == KEPT
    torch.manual_seed(0)
    seen = set()
    for _ in range(60):
        target, mask = drawn[3]
        torch.testing.assert_close(mask, 1 - target)
        seen |= {n for n in SYMMETRIES if np.array_equal(turned(plain[3][0].numpy(), n), target.numpy())}
    assert seen == set(KEPT)
    torch.manual_seed(4)
    first = [drawn[i][0] for i in range(5)]
    torch.manual_seed(4)
    assert all(torch.equal(drawn[i][0], first[i]) for i in range(5))


def test_named_symmetries_only(folder):
    plain = PairDataset(folder, None)[3][1]
    for names in (["flip_x"], "flip_x", ["identity", "flip_x"]):
        flipped = PairDataset(folder, None, augment=names)
        assert flipped.symmetries == ("identity", "flip_x")
        torch.manual_seed(0)
        found = [flipped[3][1] for _ in range(20)]
        assert any(torch.equal(image, plain) for image in found)
        assert all(torch.equal(image, plain) or torch.equal(image, plain.flip(-1)) for image in found)
        assert any(torch.equal(image, plain.flip(-1)) for image in found)
    with pytest.raises(DatasetError, match=r"symmetries of the optics \(identity, flip_x.*\), got rotate_90"):
        PairDataset(folder, augment=["flip_x", "rotate_90"])


def test_only_the_folder_itself_is_read(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "shards")
    shutil.copytree(folder, tmp_path / "backup")
    shutil.copytree(folder, tmp_path / "shards" / "older")
    assert len(PairDataset(tmp_path, None)) == len(PairDataset(folder, None))


def test_an_unknown_split(folder):
    with pytest.raises(DatasetError, match=r"Expected a split \(train, validation, test\) or None, got 'val'"):
        PairDataset(folder, "val")


@pytest.mark.parametrize("length", [float("nan"), float("inf"), -8.0, 0.0])
def test_impossible_lengths(folder, length):
    with pytest.raises(DatasetError, match="Expected a pixel that is a multiple"):
        PairDataset(folder, pixel_nm=length)
    with pytest.raises(DatasetError, match="Expected a crop of whole pixels"):
        PairDataset(folder, crop_nm=length)


def test_worker_processes_read_the_same(folder):
    pairs = PairDataset(folder, None)
    pairs[0]  # a file is open in this process when the workers start
    loaded = torch.cat([targets for targets, _ in DataLoader(pairs, batch_size=5, num_workers=2)])
    np.testing.assert_allclose(loaded[:, 0], stored(folder) / 255, atol=1e-7)


def test_few_files_are_open_at_once(tmp_path):
    for index in range(MAX_OPEN_FILES + 2):
        write(tmp_path, index)
    pairs = PairDataset(tmp_path, "train")
    expected = [pairs[i][0] for i in range(len(pairs))]
    assert len(pairs._files) == MAX_OPEN_FILES
    assert torch.equal(pairs[0][0], expected[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pixel_nm": 6}, "a pixel that is a multiple of 4 nm, got 6 nm"),
        ({"crop_nm": 30}, "a crop of whole pixels of 4 nm, got 30 nm"),
        ({"crop_nm": 36}, "a crop that is centred"),
        ({"crop_nm": 72}, "a crop that is centred"),
        ({"images": ("target", "print")}, "got no print"),
    ],
)
def test_what_does_not_fit_is_refused(folder, settings, message):
    with pytest.raises(DatasetError, match=message):
        PairDataset(folder, None, **settings)


def test_folders_that_are_no_data_set(tmp_path):
    with pytest.raises(DatasetError, match="got none"):
        PairDataset(tmp_path)
    write(tmp_path, 0)
    write(tmp_path, 1, digest="other")
    with pytest.raises(DatasetError, match=r"shard-00001.h5: expected shards of one recipe"):
        PairDataset(tmp_path)


def test_a_damaged_pair_is_named(tmp_path):
    write(tmp_path, 0)
    path = tmp_path / "shard-00000.h5"
    import h5py

    with h5py.File(path) as file:
        chunk = file["mask"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 4 : chunk.byte_offset + chunk.size] = bytes(chunk.size - 4)
    path.write_bytes(content)
    pairs = PairDataset(tmp_path, None)
    pairs[0]
    with pytest.raises(DatasetError, match=r"shard-00000.h5: pair 1 is damaged"):
        pairs[1]
