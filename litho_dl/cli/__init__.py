"""Layer 6: the command `litho-dl`, one click command a file."""
