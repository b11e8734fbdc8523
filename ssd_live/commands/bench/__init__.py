"""`bench`: measure FPS, latency and the cost of each stage."""
