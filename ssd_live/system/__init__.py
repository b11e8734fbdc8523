"""Files, folders, child processes, and facts of this machine."""
