"""Layouts: polygons in nm and their files, rasters, contours, fracture, mask and design rules, clips on a field.

klayout does the polygon arithmetic and loads on first use; importing this package does not load it.
"""
