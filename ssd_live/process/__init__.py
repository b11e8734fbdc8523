"""Make annotated copies and lists of detections from videos, images and folders (`process`)."""
