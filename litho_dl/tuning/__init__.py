"""Search for settings: quality against seconds, over a suite of clips."""
