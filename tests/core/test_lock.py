"""Folders that one run at a time owns."""

import os
import subprocess
import sys

import pytest

from litho_dl.core.errors import OutputError
from litho_dl.core.lock import LOCK, owned

LEFT = ".a.0123456789abcdef.part.png"
HOLD = """
import sys
from litho_dl.core.lock import owned
with owned(sys.argv[1], shared=sys.argv[2] == "shared"):
    print("owned", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def elsewhere():
    """Starts another process that owns a folder until the test ends."""
    started = []

    def start(folder, kind="alone"):
        run = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(run)
        assert run.stdout.readline() == "owned\n"
        return run

    yield start
    for run in started:
        run.kill()
        run.wait()
        run.stdin.close()
        run.stdout.close()


def refused(folder, **settings) -> str:
    with pytest.raises(OutputError) as caught, owned(folder, **settings):
        pass
    return str(caught.value)


def test_a_second_run_is_refused_until_the_first_ends_even_if_it_is_killed(tmp_path, elsewhere):
    first = elsewhere(tmp_path)
    assert refused(tmp_path) == (
        f"{tmp_path}: another process is writing here; wait for it, stop it, or choose another folder."
    )
    (tmp_path / LEFT).touch()
    assert "another process" in refused(tmp_path)
    assert (tmp_path / LEFT).exists()  # of the run that owns the folder
    first.kill()
    first.wait()
    assert (tmp_path / LOCK).exists()
    with owned(tmp_path) as folder:
        assert folder == tmp_path
        assert set(os.listdir(tmp_path)) == {LOCK}
    assert os.listdir(tmp_path) == []


def test_runs_that_share_a_folder_exclude_others_and_only_the_first_clears_it(tmp_path, elsewhere):
    elsewhere(tmp_path, "shared")
    (tmp_path / LEFT).touch()
    assert "another process" in refused(tmp_path)
    with owned(tmp_path, shared=True):
        assert (tmp_path / LEFT).exists()
    assert (tmp_path / LOCK).exists()  # the other run still has it


def test_a_second_run_that_shares_a_folder_keeps_it_when_the_first_ends(tmp_path, elsewhere):
    """Asking in vain for a lock of its own would give up the shared one."""
    first, _second = elsewhere(tmp_path, "shared"), elsewhere(tmp_path, "shared")
    (tmp_path / LEFT).touch()
    first.stdin.close()
    first.wait()
    assert "another process" in refused(tmp_path)
    assert (tmp_path / LEFT).exists()


def test_the_last_of_the_runs_that_share_a_folder_removes_the_lock(tmp_path):
    (tmp_path / LEFT).touch()
    with owned(tmp_path, shared=True):
        assert os.listdir(tmp_path) == [LOCK]
    assert os.listdir(tmp_path) == []


def test_a_run_may_own_its_folder_again(tmp_path):
    with owned(tmp_path):
        with owned(tmp_path / ".", "stage") as folder:
            (folder / "stage" / "a").touch()
        assert (tmp_path / LOCK).exists()
    assert {path.name for path in tmp_path.rglob("*")} == {"stage", "a"}


def test_folders_that_stay_empty_are_not_left(tmp_path):
    with owned(tmp_path / "deep" / "out", "stage"):
        assert {path.name for path in tmp_path.rglob("*")} == {"deep", "out", "stage", LOCK}
    assert os.listdir(tmp_path) == []


def test_a_failed_run_frees_its_folder(tmp_path):
    with pytest.raises(KeyError), owned(tmp_path):
        raise KeyError
    with owned(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
@pytest.mark.parametrize("kind", ["file", "nothing", "folder", "pipe"])
def test_a_lock_that_is_no_file_is_neither_followed_nor_changed(tmp_path, kind):
    place, lock = tmp_path / "elsewhere", tmp_path / "out" / LOCK
    lock.parent.mkdir()
    if kind == "file":
        place.write_text("mine")
    if kind in ("file", "nothing"):
        lock.symlink_to(place)
    elif kind == "folder":
        lock.mkdir()
    else:
        os.mkfifo(lock)
    before = os.lstat(lock)
    assert "Cannot lock" in refused(lock.parent)
    assert os.lstat(lock).st_ino == before.st_ino
    assert place.exists() == (kind == "file")
    assert kind != "file" or place.read_text() == "mine"


def test_a_lock_file_is_not_truncated(tmp_path):
    (tmp_path / LOCK).write_text("mine")
    with owned(tmp_path):
        assert (tmp_path / LOCK).read_text() == "mine"
