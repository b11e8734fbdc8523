"""From a picture to its detections."""
