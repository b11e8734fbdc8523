"""Model files from trained networks; needs PyTorch."""
