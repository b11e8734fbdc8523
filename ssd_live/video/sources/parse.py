"""From the string that a user types to what it means."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from ssd_live.errors import UsageError
from ssd_live.files import printable
from ssd_live.video.images import IMAGE_SUFFIXES
from ssd_live.video.sources.base import SourceSpec

_NETWORK = ("rtsp", "rtsps", "http", "https")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def parse_source(text: str) -> SourceSpec:
    """A camera number or name, a file, an address, a folder of images, `screen`, or `pattern`. Raises `UsageError`.

    An existing file or folder goes before a camera's name.
    """
    text = text.strip()
    if not text:
        raise UsageError("the source is empty; give a camera, a file, an address, a folder, screen or pattern")
    word, _, rest = text.partition(":")
    if word == "screen":
        return SourceSpec("screen", rest, text)
    if word == "pattern" or text.startswith("pattern@"):
        return SourceSpec("pattern", rest or text.removeprefix("pattern").removeprefix(":"), text)
    if text.isdecimal():
        return SourceSpec("camera", text, f"camera {text}")
    if "://" in text:
        return _address(text)
    path = Path(text).expanduser()
    if path.is_dir():
        return SourceSpec("images", str(path), printable(path))
    if path.exists():
        return SourceSpec("images" if path.suffix.lower() in IMAGE_SUFFIXES else "file", str(path), printable(path))
    if path.suffix or "/" in text or "\\" in text:
        raise UsageError(f"{text}: there is no such file, and no camera, screen or address is written so; check the path")
    return SourceSpec("camera", text, text)


def parse_size(text: str) -> tuple[int, int]:
    """`1280x720` -> (width, height). Raises `UsageError`."""
    match = _SIZE.fullmatch(text.strip())
    if not match or not all(2 <= int(side) <= 16384 for side in match.groups()):
        raise UsageError(f"the size {text!r} must be WIDTHxHEIGHT in pixels, as in 1280x720")
    return int(match[1]), int(match[2])


def _address(text: str) -> SourceSpec:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{text}: is no address ({error}); write it as rtsp://host/path or http://host/path") from None
    if parts.scheme.lower() == "file":
        return parse_source(parts.path)
    if parts.scheme.lower() not in _NETWORK:
        raise UsageError(f"{parts.scheme}:// is not known; give an address of {', '.join(f'{name}://' for name in _NETWORK)}")
    if not host:
        raise UsageError(f"{text}: has no host; write it as rtsp://host/path or http://host/path")
    user = f"{parts.username}@" if parts.username else ""
    place = f"[{host}]" if ":" in host else host
    return SourceSpec("stream", text, f"{parts.scheme}://{user}{place}{f':{port}' if port else ''}{parts.path}")
