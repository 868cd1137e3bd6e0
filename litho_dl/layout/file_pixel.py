"""The pixel of mask files."""

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import HasField, scale_of, whole_ratio

MASK_FILE_PIXEL_NM = 1.0


def file_pixel_nm(optics: HasField) -> float:
    """Pixel in nm of mask files, and of images that polygons are read as."""
    return MASK_FILE_PIXEL_NM * scale_of(optics)


def whole_factor(pixel_nm: float, fine_nm: float) -> int:
    """How many times a pixel is coarser than another.

    Args:
        pixel_nm: The coarse pixel.
        fine_nm: The fine pixel.

    Returns:
        A whole number of at least 1.

    Raises:
        MaskError: The coarse pixel is not a whole multiple of the fine one.
    """
    factor = whole_ratio(pixel_nm, fine_nm)
    if factor is None:
        raise MaskError(f"Expected a mask pixel that is a multiple of {fine_nm:g} nm, got {pixel_nm:g} nm.")
    return factor
