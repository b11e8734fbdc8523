"""Choose the backend that runs a model on this machine, and check its results."""
