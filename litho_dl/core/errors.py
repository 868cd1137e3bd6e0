"""The errors a user can cause; every message says what was expected, what was given, and what to do."""

import sys

# Texts by which torch reports failed allocations that it raises as a plain RuntimeError.
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
    """Kernels or corners of a process that are missing, or that cannot be built or read."""


class GridMismatchError(LithoError):
    """Objects on different fields, or a pixel that does not fit the field."""


class MaskError(LithoError):
    """A mask that cannot be used: wrong shape, NaN, out of range."""


class DatasetError(LithoError):
    """A data set, or an HDF5 file, that is missing, damaged, or of another kind or recipe."""


class OutputError(LithoError):
    """A file or folder that cannot be written."""


class ReportError(LithoError):
    """A run's folder that cannot be reported: missing, empty, or with a damaged file."""


class CheckpointError(LithoError):
    """A checkpoint or weights file that is missing, damaged, or of another run or network."""


class TrainingError(LithoError):
    """A training run that cannot start or continue."""


def out_of_memory(error: Exception) -> bool:
    """True for an error of Python, NumPy or torch that reports a failed allocation (by type or torch's text)."""
    torch = sys.modules.get("torch")  # if it is not imported, it has raised nothing
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in ALLOCATION_FAILED)
