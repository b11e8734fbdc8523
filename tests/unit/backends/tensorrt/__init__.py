"""Building engines and keeping them, without a GPU."""
