"""Open files and network addresses with FFmpeg, with every supported version of PyAV."""

from typing import Any

import av
from av.container import InputContainer

# Before version 19, PyAV raises UnicodeDecodeError for tags that are not UTF-8, unless this option
# makes it replace the unreadable bytes. Version 19 always replaces them and rejects the option.
_REPLACE_BROKEN_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)


def open_input(address: str, **options: Any) -> InputContainer:
    """Open a file or network address for reading and return its PyAV container.

    In metadata tags that are not UTF-8, unreadable bytes are replaced. `options` are passed to
    `av.open`. Raises `av.FFmpegError`, `OSError` or `ValueError` if the address cannot be opened.
    """
    container: InputContainer = av.open(address, **_REPLACE_BROKEN_TAGS, **options)
    return container
