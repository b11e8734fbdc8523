"""Export trained networks as model files; needs PyTorch."""
