"""`doctor`: report what this machine can do, and what to install for what is missing."""
