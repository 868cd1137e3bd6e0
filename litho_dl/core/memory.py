"""How the process allocates and keeps memory."""

import atexit
import ctypes
import gc
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30
# Larger blocks are mapped from the kernel and returned to it; glibc before 2.35 accepts at most the second value.
MAPPED_BYTES = (2**27, 2**25)
COLLECTED_OBJECTS = 5000  # new ones after which Python looks for cycles among them; 700 by default, 2000 since 3.13
OWN_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_memory() -> None:
    """Keeps freed memory for the next tensor, in huge pages; must be called before the first tensor is made.

    By default glibc returns large blocks to the kernel, which zeroes every new one page by page: a million pages and a
    quarter of the time of an optimisation on a CPU. Does nothing where there is no glibc, or where the user has set
    malloc's environment variables.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch's allocator then asks for huge pages
    if sys.platform != "linux" or any(name in os.environ for name in OWN_SETTINGS):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # Setting the trim threshold alone would fix the mmap threshold at its present value, 128 KiB.
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, size) for size in MAPPED_BYTES):
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def collect_seldom() -> None:
    """Makes Python look for cycles of objects to free less often, and not at all when the process ends.

    A process that loads torch has 200,000 objects that stay: looking through them again and again takes a third of its
    start, and as long again at its end, where all memory is freed anyway.
    """
    gc.set_threshold(COLLECTED_OBJECTS)
    atexit.register(gc.freeze)


def release_memory() -> None:
    """Returns all freed memory to the kernel, even between blocks in use; for processes that run long.

    Does nothing where there is no glibc.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
