"""How the process gets and keeps its memory."""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30
# Blocks from here on come straight from the kernel, and go back to it; glibc before 2.35 takes the second at most.
MAPPED_BYTES = (2**27, 2**25)
OWN_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_memory() -> None:
    """Keeps freed memory for the next tensor, in huge pages; to be called before the first tensor is made.

    Left alone, glibc hands large blocks back to the kernel, which zeroes each new one page by page: a million pages and
    a quarter of the time of an optimisation on a CPU. Does nothing where there is no glibc; what the user has set in
    the environment stays.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch's allocator then asks for huge pages
    if sys.platform != "linux" or any(name in os.environ for name in OWN_SETTINGS):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # A trim threshold alone would freeze the other one where it is, at 128 KiB.
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, size) for size in MAPPED_BYTES):
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def release_memory() -> None:
    """Hands all freed memory back to the kernel, also what lies between blocks in use; for processes that run long.

    Does nothing where there is no glibc.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
