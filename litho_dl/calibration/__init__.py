"""Calibration: recipes fitted to measured CDs and contours."""
