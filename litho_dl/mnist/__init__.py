"""Sanity benchmarks of the shared blocks and the training loop on MNIST."""
