"""Training SSD on one's own data, and explaining what it finds."""
