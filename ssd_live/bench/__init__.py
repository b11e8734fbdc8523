"""Measure how fast a model, a backend and the whole program are on this machine."""
