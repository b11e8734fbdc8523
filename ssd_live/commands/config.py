"""Read the configuration file: the user's own defaults for the options of the commands.

It is a TOML file with a table for each command:

    [process]
    codec = "hevc"
    threshold = 0.5

    [live]
    model = "ssdlite300-mobilenetv2-person"
"""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

import typer

from ssd_live.errors import UsageError
from ssd_live.system.atomic_files import os_error_text

# The environment variable that names another configuration file. If it is empty, none is read.
VARIABLE = "SSD_LIVE_CONFIG"


def config_path() -> Path | None:
    """Return the path of the configuration file, which may not exist, or None for no file.

    It is the value of the environment variable `SSD_LIVE_CONFIG`, or else `config.toml` in the
    user's configuration folder.
    """
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE]) if os.environ[VARIABLE] else None
    import platformdirs

    return Path(platformdirs.user_config_dir("ssd_live", appauthor=False)) / "config.toml"


def defaults_of(app: typer.Typer) -> dict[str, Any]:
    """Return the user's defaults {command: {parameter: value}} for the commands of `app`.

    The result is empty if there is no configuration file. Raises `UsageError` if the file cannot be
    read, if it is not TOML, if it names a command or an option that does not exist, or if a value
    has the wrong type.
    """
    path = config_path()
    if path is None or (VARIABLE not in os.environ and not path.exists()):
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({os_error_text(error)}); check the file, or set {VARIABLE} "
            "to nothing"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not TOML ({error}); correct it or delete it") from error
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {name: _defaults(path, name, table, commands) for name, table in tables.items()}


def _defaults(path: Path, name: str, table: object, commands: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults {parameter: value} of one command, checked against its options."""
    if name not in commands:
        raise UsageError(f"{path}: there is no command {name!r}{_near(name, list(commands))}")
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {name} must be a table; write [{name}] above its options")
    options = {
        word.lstrip("-"): parameter
        for parameter in commands[name].params
        if parameter.param_type_name == "option"
        for word in parameter.opts
        if word.startswith("--")
    }
    values: dict[str, Any] = {}
    for option, value in table.items():
        if option not in options:
            raise UsageError(
                f"{path}: `{name}` has no option --{option}{_near(option, list(options))}"
            )
        wanted = bool if options[option].is_flag else str | int | float | list
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            form = "true or false" if wanted is bool else "text, a number or a list"
            raise UsageError(f"{path}: {option} of [{name}] must be {form}, not {value!r}")
        values[options[option].name] = value
    return values


def _near(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]!r}?" if found else f"; there are {', '.join(sorted(known))}"
