"""Feed the program broken and hostile input, and see that it refuses it in one line."""
