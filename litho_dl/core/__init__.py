"""Grids, partial Fourier transforms, settings, files, worker processes and errors."""
