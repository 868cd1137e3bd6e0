"""Data sets of (target, mask) pairs: built from clips, stored in HDF5 shards, read for training."""
