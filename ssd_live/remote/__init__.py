"""Networks in processes of their own.

Loading and running a network then blocks no thread of the window, and a crash ends only that
process.
"""
