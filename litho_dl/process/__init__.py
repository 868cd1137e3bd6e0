"""The process model: kernels, mask technology, resist and corners, from recipes and files."""
