"""`process`: videos, images and folders to annotated copies and lists of detections."""
