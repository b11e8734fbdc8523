"""Write the manual page of the program, in the macros of man(7), from its command line.

python -m tools.package.manual > ssd-live.1
"""

import textwrap
from typing import Any

import typer.main

from ssd_live import __version__
from ssd_live.cli import app


def manual_page() -> str:
    """Return the manual page `ssd-live(1)`."""
    root: Any = typer.main.get_command(app)
    lines = [
        f'.TH SSD-LIVE 1 "" "ssd_live {__version__}" "User Commands"',
        ".SH NAME",
        r"ssd-live \- real-time object detection on the desktop",
        ".SH SYNOPSIS",
        ".B ssd-live",
        r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        _escaped(root.help),
        "Without a command, the window opens on the first webcam, or on the sample clip.",
        ".SH OPTIONS",
        *_parameters(root),
        ".SH COMMANDS",
    ]
    for name, command in commands_of(root):
        lines += [f".SS {_escaped(name)}", *_paragraphs(command.help), *_parameters(command)]
    lines += [
        ".SH EXIT STATUS",
        "0 done, 1 failed, 2 wrong usage, 130 interrupted.",
        ".SH FILES",
        _escaped("~/.config/ssd_live/settings.json"),
        "holds the settings of the window.",
        ".PP",
        _escaped("~/.config/ssd_live/config.toml"),
        "holds the user's own defaults for the options; SSD_LIVE_CONFIG names another file.",
    ]
    return "\n".join(lines) + "\n"


def commands_of(group: Any, before: str = "") -> list[tuple[str, Any]]:
    """Return (name, command) for each command of a group and of the groups in it."""
    found: list[tuple[str, Any]] = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += commands_of(command, f"{before}{name} ")
        else:
            found.append((before + name, command))
    return found


def parameters_of(command: Any) -> list[tuple[str, str]]:
    """Return (names, help text) for each argument and option of a command that is not hidden."""
    context = typer.Context(command)
    return [
        (parameter.metavar or parameter.name.upper(), parameter.help or "")
        if parameter.param_type_name == "argument"
        else parameter.get_help_record(context)
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
    ]


def _parameters(command: Any) -> list[str]:
    return [
        line
        for names, text in parameters_of(command)
        for line in (".TP", rf"\fB{_escaped(names)}\fR", _escaped(text))
    ]


def _paragraphs(text: str) -> list[str]:
    return [
        line
        for paragraph in text.split("\n\n")
        for line in (".PP", *textwrap.wrap(_escaped(paragraph), 100))
    ]


def _escaped(text: str) -> str:
    text = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text[:1] in (".", "'") else text


if __name__ == "__main__":
    print(manual_page(), end="")
