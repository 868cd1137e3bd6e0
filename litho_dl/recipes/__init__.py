"""Packaged TOML, a folder a kind: optics, ILT methods, rules, data sets, networks, benchmarks, studies."""
