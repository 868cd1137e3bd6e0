"""Layer 4: inverse lithography: parameterization x objective x optimizer, and one loop."""
