"""Training and evaluating SSD on one's own data."""
