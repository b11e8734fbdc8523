"""`engines list`, `engines clean` and `engines import`: manage the engines on this machine."""
