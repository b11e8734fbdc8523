"""Measure how good a model is: average precision, confusion, plots."""
