"""Convert, resize, draw on, read and write frames and images."""
