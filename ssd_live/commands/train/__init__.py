"""`train`: train a network from a recipe and write its model file."""
