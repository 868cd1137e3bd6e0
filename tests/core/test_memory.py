"""Memory that the process keeps."""

import os
import platform
import subprocess
import sys

import pytest

from litho_dl.core.memory import OWN_SETTINGS

MEGABYTES, TIMES = 64, 20
COUNT_FAULTS = f"""
import resource, sys
from litho_dl.core.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
import torch
def faults():
    torch.empty({MEGABYTES} * 2**20, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
first = faults()
print([faults() for _ in range({TIMES})][-1] - first)
"""


def printed(*command: str) -> int:
    """The number that a Python process prints whose memory is as nobody set it; Dask leaves its own settings behind."""
    left_out = ("THP_MEM_ALLOC_ENABLE", *OWN_SETTINGS)
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    run = subprocess.run([sys.executable, "-c", *command], capture_output=True, text=True, check=True, env=environment)
    return int(run.stdout)


def page_faults(mode: str) -> int:
    """Pages that a process was handed which made a large tensor, for making it so many times again."""
    return printed(COUNT_FAULTS, mode)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone hands memory back so soon")
def test_keep_memory_takes_a_large_tensors_pages_about_once():
    """A second place for it may be found on the way, and huge pages may be short; not twenty times, though."""
    assert page_faults("keep") < page_faults("leave") / 4


HOLES = """
from pathlib import Path
from litho_dl.core.memory import keep_memory, release_memory
def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20
keep_memory()
import numpy as np
blocks = [np.ones(size, dtype=np.uint8) for _ in range(100) for size in (2**20, 2**10)]
small = blocks[1::2]
del blocks
kept = resident_mb()
release_memory()
print(kept - resident_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked")
def test_release_memory_gives_back_what_lies_between_blocks_in_use():
    assert printed(HOLES) > 90


def test_cycles_are_sought_seldom_and_not_at_the_end():
    """What is frozen when the process ends is not looked through."""
    program = (
        "import atexit, gc\n"
        "from litho_dl.core.memory import collect_seldom\n"
        "usual = gc.get_threshold()[0]\n"
        "atexit.register(lambda: print(int(usual < gc.get_threshold()[0] and gc.get_freeze_count() > 1000)))\n"
        "collect_seldom()\n"
    )
    assert printed(program) == 1
