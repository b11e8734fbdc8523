"""Build, store and run engines of TensorRT and TensorRT-RTX.

The modules of this package are imported only when they are needed.
"""
