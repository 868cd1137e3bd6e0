"""A torch `Dataset` over the shards of a data set."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from litho_dl.core.errors import DatasetError
from litho_dl.core.symmetry import SYMMETRIES
from litho_dl.data.pairs import SPLITS, open_shard, read_settings

MOST_OPEN = 64  # files at once


class PairDataset(Dataset[tuple[Tensor, ...]]):
    """Pairs of one split, read at random from the shards; safe in the workers of a `DataLoader`.

    An item is a tuple of images (1, h, w), float32 in [0, 1], in the order of `images`: the target's coverage, then the
    mask's, unless told otherwise.

    Args:
        folder: A data set, or a folder of shards.
        split: `train`, `validation` or `test`; None: all pairs.
        pixel_nm: Pixel of the items, a multiple of the stored one; default the stored one.
        crop_nm: Side of a centred square that is cut out; default the whole field.
        images: Names of stored images.
        augment: Draw one of the symmetries at random for each item: `True` for all that the optics allow, or their
            names. Drawn from torch's generator, which a `DataLoader` seeds in its workers.

    Raises:
        DatasetError: There are no shards or no pairs, they are damaged or of different recipes, the images are not
            stored, the pixel or crop does not fit, or a symmetry is one that the optics break.
    """

    def __init__(
        self,
        folder: str | Path,
        split: Literal["train", "validation", "test"] | None = "train",
        *,
        pixel_nm: float | None = None,
        crop_nm: float | None = None,
        images: Sequence[str] = ("target", "mask"),
        augment: bool | Sequence[str] = False,
    ) -> None:
        folder = Path(folder)
        self.images = tuple(images)
        self._paths = sorted(folder.glob("**/shard-*.h5"))
        if not self._paths:
            raise DatasetError(
                f"{folder}: expected shards (shard-*.h5), got none; make some with litho-dl dataset build."
            )
        self.settings = read_settings(self._paths[0])
        self._places = np.array(self._index(split), dtype=np.int64).reshape(-1, 2)
        if not len(self._places):
            raise DatasetError(f"{folder}: expected pairs of split {split}, got none.")
        stored_nm = float(self.settings["recipe"]["pixel_nm"])
        self.pixel_nm = stored_nm if pixel_nm is None else pixel_nm
        self._factor = _whole(
            self.pixel_nm / stored_nm, f"a pixel that is a multiple of {stored_nm:g} nm", self.pixel_nm
        )
        self._crop = self._cropped(stored_nm, crop_nm)
        self.symmetries = self._allowed(augment)
        self._files: dict[int, Any] = {}
        self._process = os.getpid()

    def _index(self, split: str | None) -> list[tuple[int, int]]:
        """(shard, row) of the split's pairs."""
        places = []
        for number, path in enumerate(self._paths):
            with open_shard(path) as file:
                missing = [name for name in self.images if name not in file]
                if missing:
                    raise DatasetError(
                        f"{path}: expected images {', '.join(self.images)}, got no {', '.join(missing)}."
                    )
                splits = file["split"][()]
            if read_settings(path)["digest"] != self.settings["digest"]:
                raise DatasetError(f"{path}: expected shards of one recipe, got several; give a folder for each.")
            rows = np.arange(len(splits)) if split is None else np.flatnonzero(splits == SPLITS.index(split))
            places += [(number, row) for row in rows.tolist()]
        return places

    def _cropped(self, stored_nm: float, crop_nm: float | None) -> tuple[slice, slice]:
        """Rows and columns of the stored images that items are made from."""
        cuts = []
        for side in self.settings["field_nm"]:
            pixels, size = round(side / stored_nm), side if crop_nm is None else crop_nm
            kept = _whole(size / self.pixel_nm, f"a crop of whole pixels of {self.pixel_nm:g} nm", size) * self._factor
            if kept > pixels or (pixels - kept) % 2:
                raise DatasetError(
                    f"Expected a crop that is centred on the field of {side:g} nm, got {size:g} nm; choose another."
                )
            cuts.append(slice((pixels - kept) // 2, (pixels + kept) // 2))
        return cuts[0], cuts[1]

    def _allowed(self, augment: bool | Sequence[str]) -> tuple[str, ...]:
        allowed = tuple(self.settings["symmetries"])
        if isinstance(augment, bool):
            return allowed if augment else ("identity",)
        broken = [name for name in augment if name not in allowed]
        if broken:
            raise DatasetError(
                f"Expected symmetries of the optics ({', '.join(allowed)}), got {', '.join(broken)}: a mask so turned "
                f"is not the mask of the turned target; leave it out."
            )
        return tuple(augment) or ("identity",)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        shard, row = self._places[index].tolist()
        drawn = int(torch.randint(len(self.symmetries), ())) if len(self.symmetries) > 1 else 0
        turn, file = SYMMETRIES[self.symmetries[drawn]], self._opened(shard)
        images = (turn(self._image(file[name], row)) for name in self.images)
        return tuple(torch.from_numpy(np.ascontiguousarray(image))[None] for image in images)

    def _image(self, stored: Any, row: int) -> np.ndarray:
        """One image (h, w), float32."""
        try:
            values = stored[row][self._crop]
        except OSError as error:
            raise DatasetError(
                f"{stored.file.filename}: pair {row} is damaged; run litho-dl dataset verify."
            ) from error
        scale = 255.0 if values.dtype == np.uint8 else 1.0
        n = self._factor
        if n > 1:
            wide = np.uint32 if values.dtype == np.uint8 else np.float32  # sums of whole numbers are faster than means
            rows = sum(values[start::n].astype(wide) for start in range(n))
            values, scale = sum(rows[:, start::n] for start in range(n)), scale * n * n
        return np.multiply(values, 1 / scale, dtype=np.float32)

    def _opened(self, shard: int) -> Any:
        """The shard's file, opened in this process."""
        if self._process != os.getpid():  # a worker does not read through its parent's files
            self._files, self._process = {}, os.getpid()
        if shard not in self._files:
            if len(self._files) >= MOST_OPEN:
                self._files.pop(next(iter(self._files))).close()
            self._files[shard] = open_shard(self._paths[shard])
        return self._files[shard]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": {}}


def _whole(ratio: float, expected: str, got_nm: float) -> int:
    """The ratio, if it is a whole number of at least 1."""
    if ratio < 1 - 1e-9 or abs(ratio - round(ratio)) > 1e-9 * ratio:
        raise DatasetError(f"Expected {expected}, got {got_nm:g} nm.")
    return round(ratio)
