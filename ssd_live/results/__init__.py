"""Detections as files."""
