"""How good a model is: average precision, confusion, plots."""
