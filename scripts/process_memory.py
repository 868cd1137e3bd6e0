"""How much memory a process and all processes that it started hold together, at most."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

MB_PER_KB = 1 / 1024


class PeakMemory:
    """Samples resident memory while a block runs; 0 where there is no /proc.

    Pages that processes share count once: each has its share of them.

    Attributes:
        peak_mb: The largest sum over the processes.
    """

    def __init__(self, process: str = "self", every_s: float = 0.5) -> None:
        """Takes the number of a process, `self` for this one, and the time between looks, each of which takes long."""
        self.peak_mb, self._process, self._every_s = 0.0, process, every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, sum(map(_resident_mb, _family(self._process))))
            if self._done.wait(self._every_s):
                return


def _family(process: str) -> list[str]:
    """A process and all that it started, directly or through others."""
    try:
        started = [path.read_text().split() for path in Path("/proc", process, "task").glob("*/children")]
    except OSError:  # it has ended
        return []
    return [process, *(other for children in started for child in children for other in _family(child))]


def _resident_mb(process: str) -> float:
    try:
        lines = Path("/proc", process, "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * MB_PER_KB for line in lines if line.startswith("Pss:")), 0.0)
