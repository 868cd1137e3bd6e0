"""Packaged TOML: optics recipes and ILT presets."""
