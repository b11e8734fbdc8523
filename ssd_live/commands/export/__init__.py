"""`export`: write a model file with an agreement sample."""
