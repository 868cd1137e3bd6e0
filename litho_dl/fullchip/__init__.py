"""Whole chips: tiles with a halo, each solved by itself; one mask and one score, whatever the tiles."""
