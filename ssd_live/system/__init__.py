"""Access files, folders, downloads, child processes, and facts about this machine."""
