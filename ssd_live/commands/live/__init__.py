"""`live`: show detections live in a window, or run in the terminal."""
