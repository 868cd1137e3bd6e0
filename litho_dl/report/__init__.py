"""Layer 2: what a command wrote, as one HTML file."""
