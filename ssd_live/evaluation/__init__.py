"""Measure the quality of a model by average precision and by confused classes, and draw plots."""
