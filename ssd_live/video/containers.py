"""Open files and network addresses with FFmpeg, with every supported version of PyAV."""

from pathlib import Path
from typing import Any

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from ssd_live.errors import MediaError
from ssd_live.system.standard_streams import STANDARD_INPUT, StandardInput

# Only local files may be opened, so that a playlist cannot make the program use the network.
OPEN_OPTIONS = {"protocol_whitelist": "file,crypto,data"}

# Before version 19, PyAV raises UnicodeDecodeError for tags that are not UTF-8, unless this option
# makes it replace the unreadable bytes. Version 19 always replaces them and rejects the option.
_REPLACE_BROKEN_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)


def open_input(address: str | StandardInput, **options: Any) -> InputContainer:
    """Open a file or network address for reading and return its PyAV container.

    In metadata tags that are not UTF-8, unreadable bytes are replaced. `options` are passed to
    `av.open`. Raises `av.FFmpegError`, `OSError` or `ValueError` if the address cannot be opened.
    """
    container: InputContainer = av.open(address, **_REPLACE_BROKEN_TAGS, **options)
    return container


def open_file(path: Path, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a local video file for reading and return its PyAV container.

    `STANDARD_INPUT` as `path` is the standard input, which is read once. `hwaccel` is the hardware
    that decodes, or None. Raises `MediaError` if the file cannot be opened as a video.
    """
    try:
        if path == STANDARD_INPUT:
            return open_input(StandardInput(), options={"protocol_whitelist": "crypto,data"})
        if not path.exists():
            raise MediaError(f"{path}: there is no such file; check the path")
        if not path.is_file():
            raise MediaError(f"{path}: is not a regular file; give a video or image file")
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty; copy it again or give another file")
        with path.open("rb"):
            pass
        return open_input(
            f"file:{path}",
            options=OPEN_OPTIONS,
            hwaccel=hwaccel,
        )
    except av.error.InvalidDataError as error:
        raise MediaError(
            f"{path}: is not a video that FFmpeg can read, or its index is missing; copy it again "
            "or give another file"
        ) from error
    except MediaError:
        raise
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path}: cannot be opened ({(error.strerror or str(error)).lower()}); check the path "
            "and the permissions of the file"
        ) from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first video stream of an open file. Cover images are skipped.

    `path` is the file's path, for error messages. Raises `MediaError` if the file has no such
    stream, or if FFmpeg does not know the codec of the stream.
    """
    moving = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not moving:
        raise MediaError(f"{path}: the file has no video stream; give a video or image file")
    if moving[0].codec_context is None:
        raise MediaError(
            f"{path}: this FFmpeg does not know the codec of the video; convert the file to H.264 "
            "first"
        )
    return moving[0]
