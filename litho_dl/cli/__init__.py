"""Layer 5: the command `litho-dl`, one click command a file."""
