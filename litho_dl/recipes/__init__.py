"""Packaged TOML: optics recipes (optics/) and ILT methods (ilt/); `core.settings` reads them."""
