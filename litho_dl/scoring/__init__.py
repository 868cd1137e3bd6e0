"""Scoring: protocols, and the scorecard of a mask against its target."""
