"""The model file: one ONNX file with the network, its NMS and its description."""
