"""Calibration: recipes fitted to measured CDs and contours, and to rigorous diffraction."""
