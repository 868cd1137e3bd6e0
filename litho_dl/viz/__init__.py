"""Figures: arrays in, matplotlib figures out. Nothing here is imported by the rest of the package at start-up."""
