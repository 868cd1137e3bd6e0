"""Memory of a process and of those that it started."""

import subprocess
import sys
from pathlib import Path

import pytest
from process_memory import PeakMemory

HOLD = "import time; held = b'x' * (MB * 2**20); print(flush=True); time.sleep(1)"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_the_peak_is_that_of_all_processes_together():
    with PeakMemory() as before:
        pass
    with PeakMemory(every_s=0.05) as memory:
        children = [subprocess.Popen([sys.executable, "-c", HOLD.replace("MB", "100")]) for _ in range(2)]
        for child in children:
            child.wait()
    assert 180 < memory.peak_mb - before.peak_mb < 320
