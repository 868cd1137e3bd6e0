"""Files of `torch.save`, read without code and without unpacking."""

import os
import zipfile
from typing import Any, BinaryIO

import torch


def load_tensors(file: BinaryIO) -> Any:
    """Reads tensors and plain values, on the CPU.

    Args:
        file: A file of `torch.save`, opened for reading.

    Returns:
        What was saved.

    Raises:
        ValueError: Its records are packed, as torch's never are: a few bytes could unpack to any number.
        Exception: Whatever damaged bytes lead to in torch.
    """
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
        size = os.fstat(file.fileno()).st_size
        if sum(record.file_size for record in records) > size or any(record.compress_type for record in records):
            raise ValueError("packed records")
    file.seek(0)
    return torch.load(file, map_location="cpu", weights_only=True)
