"""Folders that one run at a time owns."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from litho_dl.core.errors import OutputError
from litho_dl.core.io import remove_leftovers, require_writable_folder

LOCK = ".lock"
_OWNED: ContextVar[frozenset[Path]] = ContextVar("owned", default=frozenset())  # by the calls that are running


@contextmanager
def owned(
    folder: str | Path,
    *subfolders: str,
    shared: bool = False,
    clear: Callable[[Path], None] = remove_leftovers,
) -> Iterator[Path]:
    """Makes a folder, locks it for this run, and clears it of what killed runs left in it.

    The operating system frees the lock when the process ends, even if killed. Within the block, the same run may own
    the folder again. If nothing was written, folders that were made here are removed.

    Args:
        folder: The folder of the run.
        *subfolders: Names of folders in it, which are made and cleared too.
        shared: Runs that share the folder may use it at the same time (except on Windows, where nothing is locked
            then); only the first of them clears it.
        clear: Clears a folder to which no other run writes.

    Yields:
        The folder.

    Raises:
        OutputError: Another run owns the folder, it cannot be written, or the file system has no locks.
    """
    folder = Path(folder)
    places = [folder, *(folder / name for name in subfolders)]
    made = [path for path in (*reversed(folder.parents), *places) if not path.exists()]
    for path in places:
        require_writable_folder(path)

    def clear_all() -> None:
        for path in places:
            clear(path)

    try:
        with _locked(folder.resolve(), shared, clear_all):
            yield folder
    finally:
        if folder in made and not any(path.is_file() for path in folder.rglob("*")):
            for path in reversed(made):
                with suppress(OSError):  # folders of others in it
                    path.rmdir()


@contextmanager
def _locked(folder: Path, shared: bool, clear: Callable[[], None]) -> Iterator[None]:
    """Locks a folder unless this run has; clears it if no other run uses it."""
    if folder in _OWNED.get():
        if not shared:
            clear()
        yield
        return
    descriptor = _lock(folder, shared)
    token = _OWNED.set(_OWNED.get() | {folder})
    try:
        if _take(descriptor, shared=False):
            clear()
        if shared and not _take(descriptor, shared):  # an upgrade that failed has given up the shared lock
            raise OutputError(f"{folder}: another process is writing here; wait for it, or choose another folder.")
        yield
    finally:
        _OWNED.reset(token)
        _release(folder, descriptor, shared)


def _lock(folder: Path, shared: bool) -> int:
    """The descriptor of the folder's lock file, locked."""
    path = folder / LOCK
    try:
        while True:
            descriptor = _opened(path)
            try:
                if not _take(descriptor, shared):
                    raise OutputError(
                        f"{folder}: another process is writing here; wait for it, stop it, or choose another folder."
                    )
                if _is_file(path, descriptor):  # not one that its owner removed meanwhile
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
    except OSError as error:
        raise OutputError(
            f"Cannot lock {folder}: {error.strerror or error}; choose a writable folder on a file system that has "
            f"locks, without a link or device named {LOCK}."
        ) from error


def _opened(path: Path) -> int:
    """Opens a lock file, neither following a link nor changing what is there."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OSError(None, f"{path} is not a file")
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _is_file(path: Path, descriptor: int) -> bool:
    """True if a path is still that of an open file."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor)) and stat.S_ISREG(os.fstat(descriptor).st_mode)
    except FileNotFoundError:
        return False


def _take(descriptor: int, shared: bool) -> bool:
    """Takes a lock, or turns a shared one into an exclusive one and back; False if another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            if not shared:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # Windows denies permission
        return False
    return True


def _release(folder: Path, descriptor: int, shared: bool) -> None:
    """Removes a lock file unless other runs share it, and unlocks it."""
    last = not shared or _take(descriptor, shared=False)
    with suppress(OSError):  # Windows does not remove open files
        if last:
            os.unlink(folder / LOCK)
    os.close(descriptor)
    with suppress(OSError):
        if last and sys.platform == "win32":
            os.unlink(folder / LOCK)
