"""The window (PySide6).

The window shows the state of a `LiveSession` and passes the user's requests to it. No code in this
package decodes video, runs a network or waits.
"""
