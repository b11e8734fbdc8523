"""`process`: annotate videos and images, and write the detections."""
