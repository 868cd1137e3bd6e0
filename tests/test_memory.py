"""Memory that the process keeps."""

import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
from litho_dl.core.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
import torch
for _ in range({times}):
    torch.empty({megabytes} * 2**20, dtype=torch.uint8).fill_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(times: int, megabytes: int, mode: str) -> int:
    """Pages that a process was handed which makes a tensor so many times."""
    script = COUNT_FAULTS.format(times=times, megabytes=megabytes)
    done = subprocess.run([sys.executable, "-c", script, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone hands memory back so soon")
def test_keep_memory_takes_a_large_tensors_pages_once():
    pages = 64 * 2**20 // 4096
    again, kept = (page_faults(21, 64, mode) - page_faults(1, 64, mode) for mode in ("leave", "keep"))
    assert kept < pages / 4
    assert kept < again / 4
