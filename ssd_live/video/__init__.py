"""Read, decode, encode and write videos, and open live sources."""
