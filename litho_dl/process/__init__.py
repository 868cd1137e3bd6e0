"""Layer 2: the process model: kernels, mask technology, resist and corners, from recipes and files."""
