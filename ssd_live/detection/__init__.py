"""Detect objects in frames and images, and filter the detections."""
