"""What events start: messages to other programs, commands, and files with limits."""
