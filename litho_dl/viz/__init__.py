"""Figures drawn from arrays with matplotlib, which is imported only when something is drawn."""
