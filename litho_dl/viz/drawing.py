"""Pictures from arrays to files, as functions that other processes can be asked to call.

This module loads without matplotlib, so that whoever only asks for a picture does not wait for it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from litho_dl.core.second_process import Call, at_once, second_process
from litho_dl.viz.images import ClipImages


@contextmanager
def drawing_process(wanted: bool = True) -> Iterator[Call]:
    """Starts a process that draws while this one goes on; see `core.second_process.second_process`.

    Args:
        wanted: False if no pictures are drawn: no process is started.

    Yields:
        Makes the calls that draw.

    Raises:
        OutputError: The process was ended from outside.
        Exception: The first that a call raised.
    """
    if wanted:
        with second_process(load_drawing, "free some, or run again without pictures") as call:
            yield call
    else:
        yield at_once


def load_drawing() -> None:
    """Loads what the first picture would wait for: modules and fonts."""
    from litho_dl.viz.clip import clip_figure

    blank = np.zeros((2, 2))
    clip_figure(ClipImages(1.0, mask=blank, nominal=blank, aerial=blank), title="0").canvas.draw()


def draw_clip(path: Path, images: ClipImages, **settings: Any) -> None:
    """Writes the picture of a clip.

    Args:
        path: The file.
        images: What the picture shows, such as `ClipImages.shown`.
        **settings: Passed to `viz.clip.clip_figure`.

    Raises:
        OutputError: The file cannot be written.
    """
    from litho_dl.viz.clip import clip_figure
    from litho_dl.viz.figure import save_figure

    save_figure(clip_figure(images, margin_nm=None, **settings), path)


def draw_history(path: Path, terms: Mapping[str, ArrayLike], **settings: Any) -> None:
    """Writes the picture of a convergence.

    Args:
        path: The file.
        terms: Values by term, as for `viz.history.history_figure`.
        **settings: Passed to it.

    Raises:
        OutputError: The file cannot be written.
    """
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.history import history_figure

    save_figure(history_figure(terms, **settings), path)
