"""Stages in threads, and what stands between them."""
