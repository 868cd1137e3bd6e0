"""The results of a command as one HTML file."""
