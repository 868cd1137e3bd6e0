"""The command `litho-dl`, one click command a file."""
