"""A lock that admits one process at a time to a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litho_dl.core.errors import OutputError

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks a folder for this process; the operating system frees the lock when the process ends, even if killed.

    Raises:
        OutputError: Another process holds the lock, it cannot be written, or the file system has no locks.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, blocking=False, fallback_to_soft=False)  # a soft lock outlives a killed process
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(f"{folder}: another process is building here; wait for it or stop it.") from None
    except (OSError, NotImplementedError) as error:
        raise OutputError(
            f"Cannot lock {folder}: {getattr(error, 'strerror', None) or error}; choose a writable folder on a file "
            f"system that has locks."
        ) from error
    try:
        yield
    finally:
        lock.release()
