"""Metrics of prints, aerial images and masks, computed from arrays."""
