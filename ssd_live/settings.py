"""Load and save the user's settings.

The settings file is validated when it is read, and it is written completely or not at all. A file
that is not valid is renamed, so that its content is not lost.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ssd_live.system.atomic_files import atomic_write, set_aside
from ssd_live.system.logs import hide_parameters

_RECENT = 10
# A settings file has a few kilobytes. A much larger file is not a settings file.
_LARGEST_BYTES = 1_000_000

Score = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """The settings that the window remembers between runs.

    Unknown keys, which a newer version may have written, are ignored.
    """

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    version: Literal[1] = 1
    language: Literal["system", "en", "ko"] = "system"
    theme: Literal["system", "light", "dark"] = "system"
    model: Annotated[str, Field(min_length=1, max_length=4096)] = "ssd300-mobilenetv2-oid"
    backend: Annotated[str, Field(min_length=1, max_length=100)] = "auto"
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = "auto"
    thresholds: dict[str, Score] = {}
    hidden_classes: dict[str, list[str]] = {}
    show: Literal["inferred", "source"] = "inferred"
    rate_cap: Annotated[float, Field(ge=0, le=1000)] = 0.0
    labels: Literal["full", "class", "none"] = "full"
    line_width: Annotated[int, Field(ge=1, le=8)] = 2
    hud: bool = True
    hud_details: bool = False
    track: bool = False
    save_power: bool = False
    small_objects: bool = False
    trail_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    mirror: bool = False
    loop: bool = True
    volume: Annotated[int, Field(ge=0, le=100)] = 100
    muted: bool = False
    record_boxes: bool = True
    export_detections: bool = False
    index_recordings: bool = True
    timeline: bool = True
    redact: Annotated[list[str], Field(max_length=100)] = []
    redact_style: Literal["solid", "pixelate", "blur"] = "solid"
    start_with: Literal["camera", "last", "welcome"] = "camera"
    open_folder: Annotated[str, Field(max_length=4096)] = ""
    project: Annotated[str, Field(max_length=4096)] = ""
    output_folder: Annotated[str, Field(max_length=4096)] = ""
    recent_sources: Annotated[list[str], Field(max_length=_RECENT)] = []
    geometry: Annotated[str, Field(max_length=10_000)] = ""
    layout: Annotated[str, Field(max_length=100_000)] = ""

    def remember_source(self, text: str) -> None:
        """Put `text`, the source that the user typed, first in `recent_sources`.

        The list keeps the last 10 sources. An address that contains a password is not added, and a
        file name that is not valid Unicode is not added either.
        """
        has_password = "@" in text and ":" in text.partition("://")[2].split("@")[0]
        if "://" in text and (has_password or hide_parameters(text) != text):
            return
        try:
            text.encode()
        except UnicodeEncodeError:
            # A file name may contain bytes that are not valid text. JSON cannot hold them.
            return
        self.recent_sources = [text, *(known for known in self.recent_sources if known != text)][
            :_RECENT
        ]


def settings_path() -> Path:
    """Return the path of the settings file.

    It is the value of the environment variable `SSD_LIVE_SETTINGS`, or else `settings.json` in the
    user's configuration folder.
    """
    if "SSD_LIVE_SETTINGS" in os.environ:
        return Path(os.environ["SSD_LIVE_SETTINGS"])
    import platformdirs

    return Path(platformdirs.user_config_dir("ssd_live", appauthor=False)) / "settings.json"


def load_settings(path: Path) -> tuple[Settings, str]:
    """Return (settings, message) for the settings file `path`; the message is empty on success.

    If the file is missing, return the default settings and an empty message. If the file is not
    valid, rename it and return the default settings and a message for the user. If the file cannot
    be read, return the default settings and a message. This function raises no error.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ValueError("too large")
        return Settings.model_validate_json(path.read_bytes()), ""
    except FileNotFoundError:
        return Settings(), ""
    except (ValidationError, ValueError):
        aside = set_aside(path)
        kept = f"they are kept in {aside.name}" if aside else "the file could not be renamed"
        return (
            Settings(),
            f"the settings in {path} are not valid; {kept}, and the defaults are used",
        )
    except OSError as error:
        return (
            Settings(),
            f"the settings in {path} cannot be read ({(error.strerror or str(error)).lower()}); "
            "the defaults are used; check the permissions of the file",
        )


def save_settings(settings: Settings, path: Path) -> None:
    """Write the settings to the file `path`, completely or not at all.

    Only the user may read the file, because it holds the addresses of cameras. Raises `OutputError`
    if the file cannot be written.
    """
    with atomic_write(path, mode=0o600) as file:
        file.write(settings.model_dump_json(indent=1).encode() + b"\n")
