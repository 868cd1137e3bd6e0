"""Jones pupils: polarisation aberrations of the lens, read from a file."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import RecipeError
from litho_dl.core.io import plain_file


def read_jones(file: Path) -> Tensor:
    """Reads a Jones pupil from a .npy file.

    Args:
        file: (2, 2, n, n) real or complex, n >= 2: [out, in, row, column], polarisations in the order x, y, over the
            square [-1, 1]^2 of the normalised frequency, corners included; first row = lowest rho_y.

    Returns:
        (2, 2, n, n) complex128.

    Raises:
        RecipeError: The file is missing or damaged, or its array has another shape or values that are not finite.
    """
    try:
        values = np.load(plain_file(file, RecipeError), allow_pickle=False)
    except FileNotFoundError:
        raise RecipeError(f"{file}: no such file; a Jones pupil is an array (2, 2, n, n) saved as .npy.") from None
    except RecipeError:
        raise
    except Exception as error:  # numpy raises whatever the damaged bytes lead to
        raise RecipeError(f"{file}: cannot be read as a Jones pupil ({' '.join(str(error).split())}).") from error
    found = isinstance(values, np.ndarray) and values.ndim == 4 and values.dtype.kind in "iufc"
    if not found or values.shape != (2, 2, values.shape[2], values.shape[2]) or values.shape[2] < 2:
        got = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else "an archive"
        raise RecipeError(f"{file}: expected a Jones pupil of shape (2, 2, n, n) with n >= 2, got {got}.")
    if not np.isfinite(values).all():
        raise RecipeError(f"{file}: expected finite values in a Jones pupil, got NaN or infinity.")
    return torch.from_numpy(values.astype(np.complex128))


def jones_matrices(samples: Tensor, rho_x: Tensor, rho_y: Tensor) -> Tensor:
    """A Jones pupil at normalised frequencies, bilinear between its samples.

    Args:
        samples: (2, 2, n, n) complex128, as `read_jones` returns them.
        rho_x: Normalised frequency along x, float64, any shape; beyond [-1, 1] the value at the edge holds.
        rho_y: The same along y.

    Returns:
        (2, 2, ...) complex128, [out, in].
    """
    last = samples.shape[-1] - 1
    column, row = (((rho + 1) / 2 * last).clamp(0, last) for rho in (rho_x, rho_y))
    left, below = (place.floor().clamp(max=last - 1) for place in (column, row))
    right_share, upper_share = column - left, row - below
    i, j = below.long(), left.long()
    lower = samples[:, :, i, j] * (1 - right_share) + samples[:, :, i, j + 1] * right_share
    upper = samples[:, :, i + 1, j] * (1 - right_share) + samples[:, :, i + 1, j + 1] * right_share
    return lower * (1 - upper_share) + upper * upper_share
