"""Work with model files: single ONNX files with a network, its NMS and its description."""
