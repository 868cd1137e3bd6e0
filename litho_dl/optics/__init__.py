"""Layer 1: from source and pupil to coherent kernels and intensity spectra."""
