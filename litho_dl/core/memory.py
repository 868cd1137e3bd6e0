"""How the process gets and keeps its memory."""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30
SHARED_BYTES = 2**27  # blocks from here on come straight from the kernel, and go back to it


def keep_memory() -> None:
    """Keeps freed memory for the next tensor, in huge pages; to be called before the first tensor is made.

    Left alone, glibc hands large blocks back to the kernel, which zeroes each new one page by page: a million pages and
    a quarter of the time of an optimisation on a CPU. Does nothing where there is no glibc; what the user has set in
    the environment stays.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch's allocator then asks for huge pages
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, SHARED_BYTES)
            mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
