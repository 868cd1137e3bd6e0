"""Wall time of the phases of a run."""

import time


class PhaseTimer:
    """Wall time of consecutive phases, the first of which begins with the timer.

    Attributes:
        seconds: Seconds by the name of the phase, in order.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter()

    def finish(self, phase: str) -> None:
        """Ends the current phase under this name; the next one begins."""
        now = time.perf_counter()
        self.seconds[phase], self._started = now - self._started, now
