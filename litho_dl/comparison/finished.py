"""Finished masks of a candidate in its folder, so that they are made only once."""

import hashlib
import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from litho_dl import __version__
from litho_dl.comparison.candidates import Candidate, Made
from litho_dl.comparison.suite import Suite
from litho_dl.core.errors import LithoError
from litho_dl.core.io import write_text
from litho_dl.core.settings import Positive, Settings, validated
from litho_dl.layout.clips import Clip, load_mask_image, on_pixel
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.process.identity import kernels_digest, process_digest
from litho_dl.runs.masks import GivenMasks

FINISHED = "finished.json"


class Finished(Settings):
    """What is known of finished masks beside their files.

    Attributes:
        digest: `work_digest` of what they were made from.
        pixel_nm: Their pixel; the files are on finer ones.
        seconds: Wall time a clip from drawn shapes to masks.
    """

    digest: str
    pixel_nm: Positive
    seconds: Annotated[float, Field(ge=0)]


def work_digest(candidate: Candidate, suite: Suite) -> str:
    """SHA-256 of all that a candidate's masks depend on: its settings, clips, optics, device and version."""
    process = suite.simulator.process
    digest = hashlib.sha256(json.dumps(candidate.settings, sort_keys=True).encode())
    about = [__version__, process_digest(process), kernels_digest(process), suite.simulator.device.type]
    digest.update(json.dumps([*about, process.resist.model_dump(mode="json")]).encode())
    for clip in suite.clips:
        _add_clip(digest, clip)
    return digest.hexdigest()


def _add_clip(digest: "hashlib._Hash", clip: Clip) -> None:
    digest.update(json.dumps([clip.name, clip.field_nm]).encode())
    for polygon in clip.placed.polygons:
        for loop in polygon.loops:
            digest.update(loop.tobytes() + b"loop")
        digest.update(b"polygon")


def keep_finished(folder: Path, candidate: Candidate, suite: Suite, made: Made) -> None:
    """Marks masks whose files are written as finished.

    Raises:
        OutputError: The folder cannot be written.
    """
    assert made.seconds is not None
    pixel_nm = next(iter(made.masks.values())).pixel_nm
    finished = Finished(digest=work_digest(candidate, suite), pixel_nm=pixel_nm, seconds=made.seconds)
    write_text(folder / FINISHED, finished.model_dump_json() + "\n")


def finished_masks(folder: Path, candidate: Candidate, suite: Suite) -> Made | None:
    """The masks of an earlier run with the same settings; None if there are none, or their files are damaged."""
    path = folder / FINISHED
    try:
        finished = validated(Finished, json.loads(path.read_text(encoding="utf-8")), str(path))
        if finished.digest != work_digest(candidate, suite):
            return None
        masks = {clip.name: _written(folder, clip, finished.pixel_nm) for clip in suite.clips}
    except (LithoError, OSError, ValueError, RecursionError):
        return None
    return Made(masks, finished.seconds)


def _written(folder: Path, clip: Clip, pixel_nm: float) -> GivenMasks:
    """A mask file on the pixel that the mask was made on."""
    values = load_mask_image(folder / f"{clip.name}.mask.png", clip)
    return GivenMasks((on_pixel(values, file_pixel_nm(clip), pixel_nm) >= 0.5)[None], pixel_nm)
