"""Read configuration files, and check the values of one object in them, such as a rule."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ssd_live.errors import UsageError

_LONGEST_NAME, _LONGEST_QUOTE = 80, 100
_MOST_BYTES = 1_000_000


class ConfigItem:
    """The properties of an object in a configuration file; `title` stands for it in messages.

    All methods raise `UsageError` if a value is not valid.
    """

    def __init__(self, values: dict[str, Any], title: str) -> None:
        self.values, self.title = values, title

    def check_keys(self, known: Collection[str]) -> None:
        """Check that all properties are `known`, so that a misspelt one is not ignored."""
        if unknown := sorted(str(key) for key in self.values if key not in known):
            raise UsageError(
                f"{self.title}: has no property {quoted(unknown[0])}; see docs/events.md"
            )

    def number(self, key: str, default: float, low: float, high: float, unit: str) -> float:
        """Return a number from `low` to `high`, or `default` if it is not given."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f'{self.title}: "{key}" must be a number of {unit}')
        if not low <= value <= high:
            raise UsageError(f'{self.title}: "{key}" must be from {low:g} to {high:.0f} {unit}')
        return float(value)

    def texts(self, key: str, what: str) -> tuple[str, ...]:
        """Return a list of texts, which are `what`, such as "class names"; empty if not given."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(its, str) for its in value):
            raise UsageError(f'{self.title}: "{key}" must be a list of {what}')
        return tuple(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false, or `default` if it is not given."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise UsageError(f'{self.title}: "{key}" must be true or false')
        return value


def named_item(value: object, kind: str, number: int) -> tuple[str, ConfigItem]:
    """Return the name of an object in a list, and the object itself.

    `value` is what the file holds, `kind` what it should be, such as "rule", and `number` its place
    in the list, from 1. Raises `UsageError` if it is no object or has no valid name.
    """
    if not isinstance(value, dict):
        raise UsageError(f"{kind} {number} is not an object; see docs/events.md")
    name = value.get("name")
    title = f"{kind} {quoted(name)}" if isinstance(name, str) else f"{kind} {number}"
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise UsageError(f"{title}: a name has 1 to {_LONGEST_NAME} characters")
    return name, ConfigItem(value, title)


def quoted(value: object) -> str:
    """Return a value of a file as it stands in messages: in quotes, and cut off if it is long."""
    text = repr(value) if isinstance(value, str | int | float | None) else "this value"
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def read_config(path: Path, kind: str, hint: str) -> Any:
    """Return what the JSON file `path` holds.

    `kind` is what it should be, such as "rules", and `hint` what to do if it is not JSON. Raises
    `UsageError` if the file cannot be read.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path}: is too large for a {kind} file; give another file")
        data = json.loads(path.read_bytes())
        # Escapes can stand for parts of characters, which no file could be written with.
        json.dumps(data, ensure_ascii=False).encode()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: cannot be read ({reason}); give a {kind} file") from error
    except UnicodeEncodeError as error:
        raise UsageError(f"{path}: has texts that are not Unicode; correct them") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON; {hint}") from error
    return data
