"""Blocks that networks are made of; network tensors are (B, C, H, W)."""
