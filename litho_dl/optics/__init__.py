"""Imaging optics: from source and pupil to coherent kernels and intensity spectra."""
