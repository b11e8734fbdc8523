"""Open a file or a network address with FFmpeg, in every version of PyAV that is allowed."""

from typing import Any

import av
from av.container import InputContainer

# Before version 19 PyAV raised UnicodeDecodeError for tags that are not UTF-8 unless it was told to
# replace what it cannot read. Version 19 replaces it always, and refuses the option.
_REPLACE_BROKEN_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)


def open_input(address: str, **options: Any) -> InputContainer:
    """Open `address` for reading; tags that are not UTF-8 are read as far as possible.

    `options` are those of `av.open`. Raises `av.FFmpegError`, `OSError`, `ValueError`.
    """
    container: InputContainer = av.open(address, **_REPLACE_BROKEN_TAGS, **options)
    return container
