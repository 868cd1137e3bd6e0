"""One process at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litho_dl.core.errors import OutputError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the lock goes with the process, however it ends.

    Raises:
        OutputError: Another process holds it, it cannot be written, or its file system has no locks.
    """
    import fcntl

    try:
        lock = open(folder / ".lock", "w")  # noqa: SIM115 - closed below
    except OSError as error:
        raise OutputError(f"Cannot write to {folder}: {error.strerror}; choose a writable --out.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{folder}: another process is building here; wait for it or stop it.") from None
        except OSError as error:
            raise OutputError(
                f"Cannot lock {folder}: {error.strerror}; choose an --out on a file system that has locks."
            ) from error
        yield
