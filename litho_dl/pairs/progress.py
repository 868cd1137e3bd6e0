"""The progress line of a build."""

import time

from litho_dl.core.progress import Advance
from litho_dl.pairs.build import Progress


class BuildReporter:
    """Callback that shows a build's rate, remaining time and rejected clips at its progress bar.

    Args:
        advance: Called with finished clips, number of clips, and the text.
    """

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._first: tuple[float, int] | None = None

    def __call__(self, progress: Progress) -> None:
        """Shows the progress; rate and remaining time count only the clips of this process's run."""
        if progress.planning:
            self._advance(progress.done, progress.total, "drawn")
            return
        now = time.monotonic()
        if self._first is None:
            self._first = now, progress.done
        started, before = self._first
        minutes, done = (now - started) / 60, progress.done - before
        rate = f"{done / minutes:.0f} a minute, " if done else ""
        left = f"{(progress.total - progress.done) * minutes / done:.0f} min left, " if done else ""
        self._advance(progress.done, progress.total, f"{rate}{left}{progress.rejected} rejected")
