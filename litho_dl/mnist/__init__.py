"""Benchmarks on MNIST that check the building blocks and the training loop."""
