"""Which backend runs a model on this machine."""
