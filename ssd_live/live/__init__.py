"""A live session, which a window or a terminal controls."""
