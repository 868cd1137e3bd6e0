"""Layer 0: grids, partial Fourier transforms, errors and atomic files."""
