"""The drawings behind `layouts/`: every clip is a function that returns rectangles in integer nm."""
