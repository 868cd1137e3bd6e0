"""Data for training: (target, mask) pairs in HDF5 shards, and images of digits."""

from litho_dl.data.pairs import PairBlock, read_shard, write_shard

__all__ = ["PairBlock", "read_shard", "write_shard"]
