"""TensorRT and TensorRT-RTX: engines built from model files, kept fresh, and run. Nothing here is
imported before it is asked for.
"""
