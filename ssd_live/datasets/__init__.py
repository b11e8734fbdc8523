"""Labelled images: VOC, COCO and YOLO data, read, checked and shown."""
