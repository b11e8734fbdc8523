"""`build`: build a TensorRT engine from a model and keep it in the engine store."""
