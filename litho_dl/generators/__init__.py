"""Mask generators and surrogates of the simulator: training, files, inference and export."""
