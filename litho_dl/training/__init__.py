"""One training loop for every network: tasks, settings, checkpoints."""
