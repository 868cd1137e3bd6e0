"""Whole chips: tiles with a halo, each solved by itself, stitched to one mask and scored without regard to the tiles."""
