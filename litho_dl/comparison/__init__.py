"""Methods, networks and masks of other programs, side by side on the same clips."""
