"""A live session: what a window or a terminal drives."""
