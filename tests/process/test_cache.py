"""Built kernels on disk: the same process again, and nothing lost where the folder fails."""

import os
from unittest import mock

import pytest
import torch

from litho_dl.process.cache import VARIABLE, cache_folder, cached_process
from litho_dl.process.files import load_process
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe

FIELD = (256.0, 256.0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def recipe(**changes):
    return load_recipe("duv193-immersion-annular").model_copy(update=changes)


def test_the_second_time_nothing_is_built(folder):
    first = cached_process(recipe(), FIELD)
    with mock.patch("litho_dl.process.cache.build_process") as building:
        second = cached_process(recipe(description="another text"), FIELD)
    building.assert_not_called()
    for name, kernels in first.kernels.items():
        assert torch.equal(second.kernels[name].spectra, kernels.spectra)
        assert torch.equal(second.kernels[name].weights, kernels.weights)
    assert second.recipe == recipe(description="another text")
    assert len(list(folder.iterdir())) == 1


def test_optics_are_read_through_the_cache(folder):
    load_process("duv193-dry-annular", field_nm=512.0)
    with mock.patch("litho_dl.process.cache.build_process") as building:
        load_process("duv193-dry-annular", field_nm=512.0)
    building.assert_not_called()


@pytest.mark.parametrize("part", ["pupil", "resist", "mask", "kernels", "source"])
def test_what_changes_the_kernels_is_built_anew(folder, part):
    changes = {
        "pupil": {"na": 1.3},
        "resist": {"threshold": 0.3},
        "mask": {"type": "attenuated"},
        "kernels": {"count": 5},
        "source": {"sigma_outer": 0.8},
    }
    other = recipe(**{part: getattr(recipe(), part).model_copy(update=changes[part])})
    cached_process(recipe(), FIELD)
    cached_process(recipe(), (256.0, 272.0))
    cached_process(other, FIELD)
    assert len(list(folder.iterdir())) == 3


def test_a_source_map_counts_by_its_content(folder, tmp_path):
    import numpy as np

    from litho_dl.optics.source import Freeform

    path = tmp_path / "map.npy"
    found = []
    for seed in (1, 2):
        np.save(path, np.random.default_rng(seed).random((9, 9)))
        found.append(cached_process(recipe(source=Freeform(file=path)), FIELD))
    assert not torch.equal(*(process.kernels["focus"].weights for process in found))


def test_a_folder_that_is_read_only_still_serves(folder):
    cached_process(recipe(), FIELD)
    with (
        mock.patch("litho_dl.process.cache.os.utime", side_effect=PermissionError),
        mock.patch("litho_dl.process.cache.build_process") as building,
    ):
        cached_process(recipe(), FIELD)
    building.assert_not_called()


def test_a_damaged_file_is_made_anew(folder):
    first = cached_process(recipe(), FIELD)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert torch.equal(cached_process(recipe(), FIELD).kernels["focus"].weights, first.kernels["focus"].weights)
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    assert cached_process(recipe(), FIELD).kernels


def test_no_folder_no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    assert cache_folder() is None
    monkeypatch.setenv("HOME", str(tmp_path))
    cached_process(recipe(), FIELD)
    assert not list(tmp_path.iterdir())


def test_the_folder_is_the_users(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "litho_dl" / "kernels"


def test_what_was_not_used_for_longest_goes_first(folder, monkeypatch):
    fields = [(256.0, 256.0), (256.0, 272.0), (272.0, 272.0)]
    for age, field in enumerate(fields[:2]):
        cached_process(recipe(), field)
        for path in folder.iterdir():
            os.utime(path, (1000.0 + age, 1000.0 + age))
    cached_process(recipe(), fields[0])  # used again
    size = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setattr("litho_dl.process.cache.MOST_BYTES", round(1.2 * size))  # holds two
    cached_process(recipe(), fields[2])
    with mock.patch("litho_dl.process.cache.build_process", wraps=build_process) as building:
        cached_process(recipe(), fields[0])
        cached_process(recipe(), fields[2])
        building.assert_not_called()
        cached_process(recipe(), fields[1])
    building.assert_called_once()
