"""Simulation: masks in, aerial images and prints out; through focus and dose, and under a trainable source."""
