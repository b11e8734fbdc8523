"""Honest numbers: what a model, a backend and the whole program do on this machine."""
