"""The window (PySide6). Nothing here decodes, infers or waits: it shows what a `LiveSession` has,
and tells it what the user wants.
"""
