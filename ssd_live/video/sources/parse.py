"""Parse the source strings that users type."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ssd_live.errors import UsageError
from ssd_live.imaging.image_files import IMAGE_SUFFIXES
from ssd_live.system.logs import hide_parameters
from ssd_live.system.paths import one_line, printable
from ssd_live.video.sources.base import WINDOW, SourceSpec

_NETWORK = ("rtsp", "rtsps", "http", "https")
_MAX_RATE = 1000.0
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def parse_source(text: str) -> SourceSpec:
    """Return the kind, address and title of the source that a user's text names.

    The text is a camera's number or name, a file, an address, a folder of images, or the word
    `screen` or `pattern`. Details may follow these words, as in `screen:2`. An existing file or
    folder has priority over a camera of the same name. Other text without a slash or a file ending
    is taken as the name of a camera. This function does not check that the camera exists.

    Raises `UsageError` if the text is empty or not a usable path, if its details or its address are
    not valid, or if it has a slash or a file ending but there is no such file.
    """
    text = text.strip()
    if not text:
        raise UsageError(
            "the source is empty; give a camera, a file, an address, a folder, or the word "
            "`screen` or `pattern`"
        )
    word, _, rest = text.partition(":")
    if word == "screen":
        address = _screen(rest)
        title = one_line(address.removeprefix(WINDOW)) if WINDOW in address else text
        return SourceSpec("screen", address, title)
    if word == "pattern" or text.startswith("pattern@"):
        address = rest or text.removeprefix("pattern").removeprefix(":")
        parse_pattern(address)
        return SourceSpec("pattern", address, text)
    if text.isdecimal():
        return SourceSpec("camera", text, f"camera {text}")
    if "://" in text:
        return _address(text)
    try:
        path = Path(text).expanduser()
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"{text[:80]}: is not a usable path ({str(error).splitlines()[0][:80]}); check the path"
        ) from None
    if is_folder:
        return SourceSpec("images", str(path), printable(path))
    if exists:
        return SourceSpec(
            "images" if path.suffix.lower() in IMAGE_SUFFIXES else "file",
            str(path),
            printable(path),
        )
    if path.suffix or "/" in text or "\\" in text:
        raise UsageError(
            f"{text}: there is no such file, and this is not a camera, screen or address; "
            "check the path"
        )
    return SourceSpec("camera", text, text)


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels from a text such as `1280x720`.

    Raises `UsageError` if the text is not in this form, or if a side is not in 2..16384.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match or not all(2 <= int(side) <= 16384 for side in match.groups()):
        raise UsageError(
            f"the size {text!r} must be WIDTHxHEIGHT in pixels, both from 2 to 16384, for example "
            "1280x720"
        )
    return int(match[1]), int(match[2])


def parse_pattern(address: str) -> tuple[tuple[int, int] | None, float | None]:
    """Return the size and the rate from a text such as `1280x720@60`, `1280x720` or `@60`.

    The size is (width, height) in pixels, and the rate is in frames per second. Each is None if the
    text does not contain it. Raises `UsageError` if the text is not in this form, if a side is not
    in 2..16384, or if the rate is not in 0..1000.
    """
    size, _, rate = address.partition("@")
    try:
        number = float(rate) if rate else None
    except ValueError:
        number = -1.0
    if number is not None and not 0 <= number <= _MAX_RATE:
        raise UsageError(
            f"pattern:{address}: the rate must be from 0 (as fast as possible) to "
            f"{_MAX_RATE:.0f} frames per second; give for example pattern:1280x720@60"
        )
    return parse_size(size) if size else None, number


def _screen(address: str) -> str:
    """Return `address`, the text after `screen:`, unchanged.

    The address must be empty, N (the number of a monitor), X,Y,W,H (a region in pixels), or
    window=TITLE. Raises `UsageError` if it has any other form.
    """
    forms = rf"\d+|-?\d+,-?\d+,\d+,\d+|{WINDOW}.*\S.*"
    if address and not re.fullmatch(forms, address):
        raise UsageError(
            f"screen:{one_line(address)} is not a part of the desktop; give `screen`, `screen:N` "
            "(N is the number of a monitor, from 1), `screen:X,Y,W,H` (a region in pixels), or "
            "`screen:window=TITLE`"
        )
    return address


def _without_password(text: str) -> str:
    """Return an address without its user name and password."""
    return re.sub(r"//.*@", "//", text)


def _address(text: str) -> SourceSpec:
    """Return the source that an address with `://` names.

    Raises `UsageError` if the address is not valid or its protocol is not supported.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(
            f"{_without_password(text)}: is not a valid address; write it as rtsp://host/path or "
            "http://host/path"
        ) from None
    if parts.scheme.lower() == "file":
        return parse_source(unquote(parts.path))
    if parts.scheme.lower() not in _NETWORK:
        raise UsageError(
            f"{parts.scheme}:// is not supported; give an address that starts with one "
            f"of {', '.join(f'{name}://' for name in _NETWORK)}"
        )
    if not host:
        raise UsageError(
            f"{_without_password(text)}: the address has no host; write it as rtsp://host/path or "
            "http://host/path"
        )
    user = f"{parts.username}@" if parts.username else ""
    place = f"[{host}]" if ":" in host else host
    # FFmpeg knows its protocols in lower case only.
    scheme = parts.scheme.lower()
    address = f"{scheme}{text[len(scheme) :]}"
    # Some cameras take the password in the path.
    path = hide_parameters(parts.path)
    return SourceSpec(
        "stream", address, f"{scheme}://{user}{place}{f':{port}' if port else ''}{path}"
    )
