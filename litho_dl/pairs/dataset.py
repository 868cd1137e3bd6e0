"""A torch `Dataset` of the pairs of a data set."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from litho_dl.core.arguments import require_numbers, require_paths, require_sequences, require_texts
from litho_dl.core.dihedral import turned
from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import whole_ratio
from litho_dl.core.hdf5 import StoredArray, inflated
from litho_dl.pairs.shard import SHARDS, SPLITS, ShardSettings, image_array, open_shard, read_settings

MAX_OPEN_FILES = 64


class PairDataset(Dataset[tuple[Tensor, ...]]):
    """Pairs of one split with random access to the shards, for use in any number of `DataLoader` workers.

    An item is a tuple of images (1, h, w) in the order of `images`, by default the coverage of target and mask. Images
    are float32 in [0, 1], or uint8 from 0 to 255, which needs a quarter of the memory on the way to the device.

    Args:
        folder: A data set, or a folder of shards.
        split: `train`, `validation` or `test`; None: all pairs.
        pixel_nm: Pixel of the items, a multiple of the stored pixel; default the stored pixel.
        crop_nm: Side of a centred square to cut out; default the whole field.
        images: Names of stored images.
        dtype: `torch.float32`, or `torch.uint8` (rounded; not for `aerial` images).
        augment: Apply a random symmetry to each item: `True` for all symmetries of the optics, or the names of some
            besides the identity. It is drawn from torch's generator, which a `DataLoader` seeds in its workers.

    Attributes:
        settings: Settings that the data set was made with; see `resolve.ResolvedRecipe`.
        symmetries: Names of the symmetries that are drawn from; see `core.dihedral`.

    Raises:
        DatasetError: No such split; no shards or pairs; shards that are damaged or of different recipes; images that
            are not stored; a pixel or crop that does not fit; or a symmetry that the optics do not have.
    """

    def __init__(
        self,
        folder: str | Path,
        split: Literal["train", "validation", "test"] | None = "train",
        *,
        pixel_nm: float | None = None,
        crop_nm: float | None = None,
        images: Sequence[str] = ("target", "mask"),
        dtype: torch.dtype = torch.float32,
        augment: bool | Sequence[str] = False,
    ) -> None:
        require_paths(folder=folder)
        require_texts(split=split)
        require_numbers(pixel_nm=pixel_nm, crop_nm=crop_nm)
        require_sequences(images=images)
        folder = Path(folder)
        if dtype not in (torch.float32, torch.uint8) or (dtype == torch.uint8 and "aerial" in images):
            raise DatasetError(f"Expected float32, or uint8 of target, mask and print, got {dtype} of {list(images)}.")
        self.images, self.dtype = tuple(images), dtype
        if split is not None and split not in SPLITS:
            raise DatasetError(f"Expected a split ({', '.join(SPLITS)}) or None, got {split!r}.")
        self._paths = sorted((folder / SHARDS if (folder / SHARDS).is_dir() else folder).glob("shard-*.h5"))
        if not self._paths:
            raise DatasetError(
                f"{folder}: expected shards (shard-*.h5), got none; make some with litho-dl dataset build."
            )
        self.settings = read_settings(self._paths[0])
        lacking = [name for name in ("digest", "field_nm", "symmetries") if name not in self.settings]
        if lacking or "pixel_nm" not in self.settings["recipe"]:
            raise DatasetError(
                f"{folder}: expected shards of litho-dl dataset build, got some without {(*lacking, 'pixel_nm')[0]}."
            )
        self._chunks = [chunk for number in range(len(self._paths)) for chunk in self._indexed(number, split)]
        if not self._chunks:
            raise DatasetError(f"{folder}: expected pairs of split {split}, got none.")
        stored_nm = float(self.settings["recipe"]["pixel_nm"])
        self.pixel_nm = stored_nm if pixel_nm is None else pixel_nm
        self._factor = _times(self.pixel_nm, stored_nm, f"a pixel that is a multiple of {stored_nm:g} nm")
        self._crop = self._cropped(stored_nm, crop_nm)
        self.symmetries = self._allowed(augment)
        self._files: dict[int, int] = {}

    def _indexed(self, number: int, split: str | None) -> list[tuple["_Chunk", ...]]:
        """Positions in the file of the images of one shard's pairs of the split."""
        path = self._paths[number]
        with open_shard(path) as file:
            if file.settings(ShardSettings).digest != self.settings["digest"]:
                raise DatasetError(f"{path}: expected shards of one recipe, got several; give a folder for each.")
            missing = [name for name in self.images if name not in file]
            if missing:
                raise DatasetError(f"{path}: expected images {', '.join(self.images)}, got no {', '.join(missing)}.")
            splits = file.array("split", "u", (None,)).read()
            rows = range(len(splits)) if split is None else np.flatnonzero(splits == SPLITS.index(split)).tolist()
            chunks = [_chunks(image_array(file, name, len(splits)), number) for name in self.images]
            return [tuple(own[row] for own in chunks) for row in rows]

    def _cropped(self, stored_nm: float, crop_nm: float | None) -> tuple[slice, slice]:
        """Rows and columns of the stored images that are cut out."""
        cuts = []
        for side in self.settings["field_nm"]:
            pixels, size = round(side / stored_nm), side if crop_nm is None else crop_nm
            kept = _times(size, self.pixel_nm, f"a crop of whole pixels of {self.pixel_nm:g} nm") * self._factor
            if kept > pixels or (pixels - kept) % 2:
                raise DatasetError(
                    f"Expected a crop that is centred on the field of {side:g} nm, got {size:g} nm; choose another."
                )
            cuts.append(slice((pixels - kept) // 2, (pixels + kept) // 2))
        return cuts[0], cuts[1]

    def _allowed(self, augment: bool | Sequence[str]) -> tuple[str, ...]:
        """The symmetries to draw from."""
        allowed = tuple(self.settings["symmetries"])
        if isinstance(augment, bool):
            return allowed if augment else ("identity",)
        wanted = (augment,) if isinstance(augment, str) else tuple(augment)
        broken = [name for name in wanted if name not in allowed]
        if broken:
            raise DatasetError(
                f"Expected symmetries of the optics ({', '.join(allowed)}), got {', '.join(broken)}: a mask "
                f"transformed so is not the mask of the transformed target; leave it out."
            )
        return tuple(dict.fromkeys(("identity", *wanted)))

    def __repr__(self) -> str:
        images = ", ".join(self.images)
        height, width = (len(range(*side.indices(side.stop))) // self._factor for side in self._crop)
        return f"PairDataset({len(self)} pairs: {images} of {height} x {width} pixels of {self.pixel_nm:g} nm)"

    def __len__(self) -> int:
        return len(self._chunks)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        drawn = int(torch.randint(len(self.symmetries), ())) if len(self.symmetries) > 1 else 0
        images = (turned(self._image(chunk), self.symmetries[drawn]) for chunk in self._chunks[index])
        return tuple(torch.from_numpy(np.ascontiguousarray(image))[None] for image in images)

    def _image(self, chunk: "_Chunk") -> np.ndarray:
        """Reads one image, (h, w).

        The chunk is read without HDF5: that is several times faster, and a forked worker shares no state with its
        parent process.
        """
        room = math.prod(chunk.shape) * np.dtype(chunk.dtype).itemsize
        try:
            content = inflated(_read_at(self._opened(chunk.shard), chunk.size, chunk.offset), room)
            stored = np.frombuffer(content, chunk.dtype).reshape(chunk.shape)[self._crop]
        except (OSError, ValueError) as error:
            path = self._paths[chunk.shard]
            raise DatasetError(f"{path}: pair {chunk.row} is damaged; run litho-dl dataset verify.") from error
        if stored.dtype == np.uint8:
            sums, parts = _block_sums(stored, self._factor), self._factor**2
            if self.dtype == torch.uint8:
                return ((sums + sums.dtype.type(parts // 2)) // sums.dtype.type(parts)).astype(np.uint8)
            return np.multiply(sums, np.float32(1 / (255 * parts)), dtype=np.float32)
        height, width = (side // self._factor for side in stored.shape)
        blocks = stored.reshape(height, self._factor, width, self._factor)
        return blocks.mean((1, 3), dtype=np.float32)

    def _opened(self, shard: int) -> int:
        """The file descriptor of a shard."""
        if shard not in self._files:
            if len(self._files) >= MAX_OPEN_FILES:
                os.close(self._files.pop(next(iter(self._files))))
            self._files[shard] = os.open(self._paths[shard], os.O_RDONLY | getattr(os, "O_BINARY", 0))
        return self._files[shard]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": {}}

    def __del__(self) -> None:
        for descriptor in self.__dict__.get("_files", {}).values():
            os.close(descriptor)


class _Chunk(NamedTuple):
    """The position of an image: shard and row, and offset and size of its gzip stream in the file."""

    shard: int
    row: int
    offset: int
    size: int
    shape: tuple[int, int]
    dtype: str


def _read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Reads bytes of an open file, with `pread` where the system has it."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


def _chunks(images: StoredArray, shard: int) -> list[_Chunk]:
    """The positions of the images of a shard, (n, H, W) with one chunk each."""
    if images.chunk != (1, *images.shape[1:]):
        raise DatasetError(f"Expected one chunk an image, got chunks of {images.chunk}; the shard is damaged.")
    (_, height, width), dtype = images.shape, images.dtype.str
    places = [images.chunks[row, 0, 0] for row in range(len(images))]
    return [_Chunk(shard, row, *place, (height, width), dtype) for row, place in enumerate(places)]


def _block_sums(values: np.ndarray, n: int) -> np.ndarray:
    """Sums of blocks of n x n unsigned integers.

    Two neighbours in a row are read as one integer of twice the bits, and its halves are added: several times faster
    than strided sums.
    """
    while n % 2 == 0 and values.itemsize < 8:
        bits = 8 * values.itemsize
        pairs = values.view(f"u{2 * values.itemsize}")
        pairs = (pairs & (1 << bits) - 1) + (pairs >> bits)
        values, n = pairs[::2] + pairs[1::2], n // 2
    if n > 1:
        values = values.reshape(len(values) // n, n, -1, n).sum((1, 3), dtype=np.uint64)
    return values


def _times(length_nm: float, unit_nm: float, expected: str) -> int:
    """A length in units; DatasetError if that is not a whole number of at least 1."""
    count = whole_ratio(length_nm, unit_nm)
    if count is None:
        raise DatasetError(f"Expected {expected}, got {length_nm:g} nm.")
    return count
