"""Layer 6: the training-pair factory: clips in, scored (target, mask) pairs out, in HDF5 shards."""
