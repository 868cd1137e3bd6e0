"""Shared fixtures."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Small tensors gain nothing from threads, and threads that spin lose much on shared cores. Said before torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Kernels that one test builds serve all others of a run, whose processes inherit the folder; none is the user's.
if "LITHO_DL_CACHE" not in os.environ:
    CACHE = tempfile.TemporaryDirectory(prefix="litho_dl-kernels-")
    os.environ["LITHO_DL_CACHE"] = CACHE.name


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The development data folder: $LITHO_DL_DATA, or shared/data beside the repository; skips where absent."""
    folder = Path(os.environ.get("LITHO_DL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no development data in {folder}; set LITHO_DL_DATA")
    return folder


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """A folder of good and bad input files, all for a field of 512 nm."""
    from scenes.command_line import write_inputs

    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.fixture
def here(inputs, monkeypatch) -> Path:
    """The inputs as the working folder."""
    monkeypatch.chdir(inputs)
    return inputs


@pytest.fixture(scope="session")
def pair_recipe(tmp_path_factory) -> Path:
    """A small data set recipe."""
    from scenes.pairs import write_recipe

    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="session")
def pair_set(pair_recipe, tmp_path_factory) -> Path:
    """Its finished data set, which no test changes."""
    from scenes.pairs import built

    folder = tmp_path_factory.mktemp("reference")
    built(pair_recipe, folder)
    return folder


@pytest.fixture
def copied_set(pair_set, tmp_path) -> Path:
    """A copy of it."""
    return shutil.copytree(pair_set, tmp_path / "copied")


# The same examples every time.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
