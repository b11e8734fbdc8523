"""Load and run networks in child processes of the window.

A network then blocks no thread of the window, and a crash of a network ends only its process.
"""
