"""Studies: searches for ILT settings of the best quality and time on a set of clips."""
