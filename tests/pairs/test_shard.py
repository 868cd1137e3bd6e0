"""Shards: what goes in comes out, the same bytes every time; damage is named."""

import numpy as np
import pytest

from litho_dl.core.errors import DatasetError, OutputError
from litho_dl.pairs.shard import PairBlock, read_settings, read_shard, write_shard

SETTINGS = {"digest": "d", "recipe": {"pixel_nm": 8.0}}


def block(count: int = 5, seed: int = 0) -> PairBlock:
    random = np.random.default_rng(seed)
    images = {
        "target": random.integers(0, 256, (count, 6, 8), dtype=np.uint8),
        "mask": random.integers(0, 2, (count, 6, 8), dtype=np.uint8) * 255,
        "aerial": random.random((count, 6, 8)).astype(np.float16),
    }
    return PairBlock(
        images=images,
        name=[f"clip-{i}-ü" for i in range(count)],
        seed=random.integers(0, 2**63, count, dtype=np.uint64),
        pattern=[f"{i:064x}" for i in range(count)],
        split=np.arange(count, dtype=np.uint8) % 3,
        score={"l2_nm2": random.random(count), "shots": np.arange(count, dtype=float)},
    )


@pytest.mark.parametrize("count", [5, 1, 0])
def test_what_goes_in_comes_out(tmp_path, count):
    given = block(count)
    write_shard(tmp_path / "a.h5", given, SETTINGS)
    found = read_shard(tmp_path / "a.h5")
    assert (found.name, found.pattern) == (given.name, given.pattern)
    for mine, theirs in ((given.images, found.images), (given.score, found.score)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            assert mine[name].dtype == theirs[name].dtype
            assert np.array_equal(mine[name], theirs[name])
    assert np.array_equal(found.seed, given.seed)
    assert np.array_equal(found.split, given.split)
    assert read_settings(tmp_path / "a.h5") == SETTINGS


def test_the_same_bytes_every_time(tmp_path):
    first = write_shard(tmp_path / "a.h5", block(), SETTINGS)
    second = write_shard(tmp_path / "b.h5", block(), dict(reversed(SETTINGS.items())))
    assert first == second
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert write_shard(tmp_path / "c.h5", block(seed=1), SETTINGS) != first


def test_only_the_images_asked_for(tmp_path):
    write_shard(tmp_path / "a.h5", block(), SETTINGS)
    assert read_shard(tmp_path / "a.h5", images=("mask", "print")).images.keys() == {"mask"}


@pytest.mark.parametrize("kept", [0, 100, 3000])
def test_a_shard_cut_short_is_named(tmp_path, kept):
    path = tmp_path / "a.h5"
    write_shard(path, block(), SETTINGS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DatasetError, match=r"a.h5: .*(damaged|cut short)"):
        read_shard(path)


def test_other_files_are_refused(tmp_path):
    import h5py

    with pytest.raises(DatasetError, match="no such file"):
        read_shard(tmp_path / "a.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["format"] = "something"
    with pytest.raises(DatasetError, match=r"expected a file of format litho_dl.pairs/1, got 'something'"):
        read_shard(tmp_path / "other.h5")
    with pytest.raises(DatasetError, match=r"cannot be read \(Is a directory\)"):
        read_shard(tmp_path)


def test_bytes_do_not_depend_on_when_python_lets_go(tmp_path, monkeypatch):
    import h5py

    expected = write_shard(tmp_path / "a.h5", block(), SETTINGS)
    kept = []
    create = h5py.File.create_dataset
    monkeypatch.setattr(h5py.File, "create_dataset", lambda *given, **named: kept.append(create(*given, **named)))
    assert write_shard(tmp_path / "b.h5", block(), SETTINGS) == expected
    assert kept


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"):
        write_shard(tmp_path / "file" / "a.h5", block(), SETTINGS)
