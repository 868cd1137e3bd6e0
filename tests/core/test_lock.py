"""Folders that one process at a time may use."""

import filelock
import pytest

from litho_dl.core.errors import OutputError
from litho_dl.core.lock import locked


def test_a_locked_folder_is_refused(tmp_path):
    with locked(tmp_path), pytest.raises(OutputError, match="another process"), locked(tmp_path):
        pass


def test_a_failed_run_frees_its_folder_without_the_garbage_collector(tmp_path, monkeypatch):
    made = []

    class KeptLock(filelock.FileLock):
        def __init__(self, *args, **settings):
            super().__init__(*args, **settings)
            made.append(self)

    monkeypatch.setattr(filelock, "FileLock", KeptLock)
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        assert len(made) == 2
