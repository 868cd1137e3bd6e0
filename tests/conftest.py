"""Shared fixtures."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Small tensors gain nothing from threads, and threads that spin lose much on shared cores. Said before torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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
    from command_line import write_inputs

    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.fixture
def here(inputs, monkeypatch) -> Path:
    """The inputs as the working folder."""
    monkeypatch.chdir(inputs)
    return inputs


# The same examples every time: klayout's merge can take for ever on a random damaged array (known limit).
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
