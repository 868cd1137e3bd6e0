"""Runs: clips in; solved and scored masks, and the files, tables and pictures of a run, out."""
