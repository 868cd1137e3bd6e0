"""Scenes that tests share: clips, chips, recipes, networks and runs, small and quick, one module a subject."""
