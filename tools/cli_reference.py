"""Write the reference of all commands and options into docs/cli.md, from the command line itself.

The introduction of the page is written by hand and stays.

    python -m tools.cli_reference

A test checks that the page is up to date.
"""

from pathlib import Path
from typing import Any

import typer.main

from ssd_live.cli import app
from tools.package.manual import commands_of, parameters_of

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
_MARK = "<!-- What follows is written by `python -m tools.cli_reference`. -->\n"


def reference() -> str:
    """Return the text of docs/cli.md, with the introduction that is there now."""
    introduction = PAGE.read_text(encoding="utf-8").split(_MARK)[0]
    root: Any = typer.main.get_command(app)
    commands = commands_of(root)
    lines = [introduction + _MARK, "## Commands", "| command | what it does |", "|---|---|"]
    for name, command in commands:
        first = command.help.split("\n\n")[0]
        lines.append(f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(first)} |")
    lines += ["", "## Options before the command", *_table(root)]
    for name, command in commands:
        lines += ["", f"## {name}", *command.help.split("\n\n"), "", *_table(command)]
    return "\n".join(lines) + "\n"


def _table(command: Any) -> list[str]:
    rows = [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in parameters_of(command)]
    return ["| option | meaning |", "|---|---|", *rows] if rows else []


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
