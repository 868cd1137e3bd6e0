"""Simulation of aerial images and prints; through focus and dose, and with a trainable source."""
