"""Notes on a build's progress."""

import time

from litho_dl.core.progress import Advance
from litho_dl.pairs.build import Progress


class BuildNotes:
    """Notes for the progress bar of a build: its pace, the time left, and how many pairs were left out.

    Args:
        advance: Takes clips done, clips in all, and the note.
    """

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._first: tuple[float, int] | None = None

    def __call__(self, progress: Progress) -> None:
        """Reports one step; rate and time left count what this run did."""
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
