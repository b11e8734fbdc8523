"""The commands of the command line, one package for each command.

The `__init__.py` of a package says how its command is called. The fields of its class `Request` are
the arguments and options of the command, and `Request.HELP` is the text of `--help`. A command with
few options is a function instead, and its docstring is the text of `--help`. The module `run` of
the package does the work. It is imported only when the command runs, so that `--help` is quick.
"""
