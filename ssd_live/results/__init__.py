"""Write detections to files."""
