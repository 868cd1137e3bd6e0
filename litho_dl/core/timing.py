"""Wall time of the phases of a run."""

import os
import time

_LOADED = time.perf_counter()


def process_seconds() -> float:
    """Seconds since this process started; where the system does not tell, since this module was loaded."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])  # since the machine started; man 5 proc
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.perf_counter() - _LOADED


class PhaseTimer:
    """Wall time of consecutive phases, the first of which begins with the timer, or before.

    Attributes:
        seconds: Seconds by the name of the phase, in order.
    """

    def __init__(self, elapsed: float = 0.0) -> None:
        """Begins the first phase `elapsed` seconds ago."""
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter() - elapsed

    def finish(self, phase: str) -> None:
        """Ends the current phase, whose time is added to what the name has; the next one begins."""
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._started
        self._started = now
