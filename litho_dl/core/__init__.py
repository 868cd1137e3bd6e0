"""Grids, partial Fourier transforms, errors and atomic files."""
