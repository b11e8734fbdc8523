"""The commands of the command line, one package for each command."""
