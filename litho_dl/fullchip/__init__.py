"""Whole chips: solved in tiles with a halo, stitched to one mask, and scored independently of the tiling."""
