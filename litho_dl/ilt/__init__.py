"""Inverse lithography: parameterization x objective x optimizer, and one loop."""
