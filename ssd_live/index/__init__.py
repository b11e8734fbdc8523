"""Keep the tracks, counts and events of recordings and results in a file, and search it."""
