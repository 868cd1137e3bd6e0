"""Training pairs: clips in, scored (target, mask) pairs in HDF5 shards, and the data set that a trainer reads."""
