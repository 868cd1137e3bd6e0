"""What is compared: ILT methods, networks, and folders of masks that another program made."""

import abc
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litho_dl.comparison.suite import Suite
from litho_dl.core.errors import LithoError, MaskError
from litho_dl.core.io import file_digest
from litho_dl.core.progress import progress_bar
from litho_dl.generators.model import Generator
from litho_dl.generators.predict import predict, refine
from litho_dl.generators.weights import SUFFIX
from litho_dl.ilt.method import Method
from litho_dl.ilt.solve import Solution
from litho_dl.layout.clips import Clip, on_pixel
from litho_dl.layout.file_pixel import MASK_FILE_PIXEL_NM, file_pixel_nm, whole_factor
from litho_dl.runs.files import mask_file
from litho_dl.runs.masks import GivenMasks, Masks, read_given_mask

NAME = re.compile(r"\w[\w.+-]{0,99}")
TURNED = 0.15  # share of a target that a mask must cover more, if it is turned, to be taken as turned


@dataclass(frozen=True, eq=False)
class Made:
    """The masks of one candidate.

    Attributes:
        masks: A mask (1, h, w) with its pixel, by the clip's name.
        seconds: Wall time a clip of the whole way from drawn shapes to masks; None: another program made them.
        faults: Why a clip has no mask, by the clip's name.
        solution: The optimisation, for its convergence; None if there was none.
    """

    masks: Mapping[str, GivenMasks]
    seconds: float | None
    faults: Mapping[str, str] = field(default_factory=dict)
    solution: Solution | None = None

    @classmethod
    def of(cls, masks: Masks, clips: Sequence[Clip], seconds: float, solution: Solution | None = None) -> "Made":
        """The masks of all clips, made in so many seconds together."""
        outlines = None if solution is None else solution.outlines
        own = {
            clip.name: GivenMasks(mask[None], masks.pixel_nm, outlines=outlines and outlines.of(index))
            for index, (clip, mask) in enumerate(zip(clips, masks.mask, strict=True))
        }
        return cls(own, seconds / len(clips), solution=solution)


class Candidate(abc.ABC):
    """One row of the comparison.

    Attributes:
        name: Its name in tables, and of its folder.
        kind: `method`, `network` or `masks`.
    """

    kind: str
    name: str

    @property
    @abc.abstractmethod
    def settings(self) -> dict[str, Any]:
        """What its masks depend on apart from the clips and the optics, as plain values."""

    @abc.abstractmethod
    def require(self) -> None:
        """Checks what can be checked before any work.

        Raises:
            LithoError: Its masks could not be made or written.
        """

    @abc.abstractmethod
    def make(self, suite: Suite) -> Made:
        """Makes or reads the masks of a suite's clips.

        Raises:
            LithoError: It can make none.
        """


@dataclass(frozen=True, eq=False)
class MethodCandidate(Candidate):
    """An ILT method; all clips are one batch."""

    name: str
    method: Method
    kind: str = "method"

    @property
    def settings(self) -> dict[str, Any]:
        return {"method": self.method.model_dump(mode="json")}

    def require(self) -> None:
        whole_factor(self.method.mask_nm, MASK_FILE_PIXEL_NM)

    def make(self, suite: Suite) -> Made:
        started = time.perf_counter()
        solution = suite.solved(self.method, self.name)
        return Made.of(solution, suite.clips, time.perf_counter() - started, solution)


@dataclass(frozen=True, eq=False)
class NetworkCandidate(Candidate):
    """A trained network, whose masks a method may refine in some steps; for a process of a scale."""

    name: str
    generator: Generator
    steps: int | None = None
    method: Method | None = None
    kind: str = "network"
    scale: float = 1.0

    @property
    def settings(self) -> dict[str, Any]:
        method = None if self.method is None else self.method.model_dump(mode="json")
        return {"weights": file_digest(self.generator.origin), "steps": self.steps, "method": method}

    def require(self) -> None:
        self.generator.require_masks()
        own_nm = self.generator.mask_pixel_nm
        if self.method is not None:
            own_nm = self.method.mask_nm * self.scale
        whole_factor(own_nm, MASK_FILE_PIXEL_NM * self.scale)

    def make(self, suite: Suite) -> Made:
        device = suite.simulator.device
        predict(self.generator, suite.clips[:1], device)  # so that the first use of the device is not counted
        started = time.perf_counter()
        prediction = predict(self.generator, suite.clips, device)
        if self.steps is None or self.method is None:
            return Made.of(prediction, suite.clips, time.perf_counter() - started)
        with progress_bar(f"{self.name} on {suite.name}") as advance:
            found = refine(suite.simulator, prediction, suite.clips, self.method, self.steps, advance)
        return Made.of(found.require_finished(), suite.clips, time.perf_counter() - started, found)


@dataclass(frozen=True, eq=False)
class GivenCandidate(Candidate):
    """A folder of masks that another program made, one file a clip: NAME.mask.oas or .png, or NAME in any format."""

    name: str
    folder: Path
    layer: str | None = None
    cell: str | None = None
    allow_missing: bool = False
    kind: str = "masks"

    @property
    def settings(self) -> dict[str, Any]:
        return {"folder": self.folder.name}

    def require(self) -> None:
        if not self.folder.is_dir():
            raise MaskError(f"{self.folder}: no such folder; expected one with a mask for each layout (--masks).")

    def make(self, suite: Suite) -> Made:
        masks: dict[str, GivenMasks] = {}
        faults: dict[str, str] = {}
        for clip in suite.clips:
            try:
                path = mask_file(self.folder, clip.name, plain=True)
                masks[clip.name] = read_given_mask(
                    path, clip, layer=self.layer, cell=self.cell, allow_missing=self.allow_missing
                )
                _require_upright(masks[clip.name], clip, path)
            except LithoError as error:
                masks.pop(clip.name, None)
                faults[clip.name] = str(error)
        if not masks:
            raise MaskError(next(iter(faults.values())))
        return Made(masks, None, faults)


def _require_upright(masks: GivenMasks, clip: Clip, path: Path) -> None:
    """Refuses a mask that would cover more of its target if it were turned, as of a program with other axes."""
    file_nm = file_pixel_nm(clip)
    own = on_pixel((masks.mask[0] >= 0.5).float(), masks.pixel_nm, file_nm)
    target = clip.coverage(file_nm)
    turned = {"upside down": own.flip(0), "mirrored": own.flip(1), "turned by 180 degrees": own.flip((0, 1))}
    if own.shape[0] == own.shape[1]:
        turned["with x and y exchanged"] = own.mT
    shares = {how: float((mask * target).sum() / target.sum()) for how, mask in turned.items()}
    share, best = float((own * target).sum() / target.sum()), max(shares, key=lambda how: shares[how])
    if shares[best] > share + TURNED:
        raise MaskError(
            f"{path}: expected a mask that covers its target, got one that covers {share:.0%} of it, and "
            f"{shares[best]:.0%} {best}; write it with the first row at the lowest y, the first column at the lowest x."
        )


def require_candidates(candidates: Sequence[Candidate]) -> None:
    """Checks before any work that candidates have different names that can be folders, and masks that can be written.

    Raises:
        LithoError: There is none; a name is not of letters, digits, `.`, `+`, `-` and `_`, or is given twice; or as
            `Candidate.require`.
    """
    if not candidates:
        raise LithoError("Expected something to compare, got nothing; give --methods, --models or --masks.")
    names = [candidate.name for candidate in candidates]
    for name in names:
        if not NAME.fullmatch(name):
            raise LithoError(
                f"Expected names of letters, digits, ., +, - and _ (they name folders), got {name!r:.60}; rename it."
            )
    doubled = sorted({name for name in names if [other.casefold() for other in names].count(name.casefold()) > 1})
    if doubled:
        raise LithoError(f"Expected different names, got {', '.join(doubled)} more than once; rename one.")
    for candidate in candidates:
        candidate.require()


def label_of(name: str) -> str:
    """The name of a network in tables: a packaged one's, a file's, or its folder's if the file is `model`."""
    path = Path(name)
    if path.suffix != SUFFIX:
        return name
    return path.resolve().parent.name if path.stem == "model" else path.stem
