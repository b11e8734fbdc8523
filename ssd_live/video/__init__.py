"""Reading and writing video files and images."""
