"""Projects: own images with labels, and the detectors that were trained on them."""
