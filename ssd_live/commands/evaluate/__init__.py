"""`eval`: measure the average precision of a model file on the backend that runs it."""
