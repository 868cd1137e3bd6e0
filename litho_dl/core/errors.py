"""The errors a user can cause; every message says what was expected, what came, and what to do."""

import sys

# Texts of the RuntimeErrors by which torch reports a failed allocation that is no torch.OutOfMemoryError.
ALLOCATION_FAILED = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUFFT_ALLOC_FAILED",
)


class LithoError(Exception):
    """Base of every error that bad input can cause; commands print it as one line."""


class LayoutError(LithoError):
    """A layout file or polygon that cannot be used."""


class RecipeError(LithoError):
    """A recipe (TOML) that is missing, misspelt or out of range."""


class KernelError(LithoError):
    """A kernel file that is missing, damaged or of the wrong shape."""


class GridMismatchError(LithoError):
    """Two objects that belong to different fields or pixels."""


class MaskError(LithoError):
    """A mask image that cannot be simulated: wrong shape, NaN, out of range."""


class DatasetError(LithoError):
    """A data set or shard that is missing, damaged, or of another recipe."""


class OutputError(LithoError):
    """A file or folder that cannot be written."""


class ReportError(LithoError):
    """A run's folder that cannot be shown: missing, empty, or with a damaged file."""


class CheckpointError(LithoError):
    """A checkpoint or file of weights that is missing, damaged, or of another run or network."""


class TrainingError(LithoError):
    """A training run that cannot start or go on."""


def out_of_memory(error: Exception) -> bool:
    """True for what Python, NumPy and torch raise where memory runs out, told by type and by torch's exact texts."""
    torch = sys.modules.get("torch")  # what has not been imported has raised nothing
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in ALLOCATION_FAILED)
