"""Ask Video4Linux (linux/videodev2.h) for a camera's modes and whether another program uses it."""

import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Ioctl = Callable[[int, int, bytearray], object]

_ENUM_FORMATS, _ENUM_SIZES, _ENUM_INTERVALS, _REQUEST_BUFFERS = (
    0xC0405602,
    0xC02C564A,
    0xC034564B,
    0xC0145608,
)
_FORMAT, _SIZE, _INTERVAL, _BUFFERS = (
    struct.Struct("=III32s4sI12x"),
    struct.Struct("=I4sIII16x8x"),
    struct.Struct("=I4sIIIII16x8x"),
    "=IIIII",
)
_VIDEO_CAPTURE, _MEMORY_MMAP, _DISCRETE = 1, 1, 1
_MOST = 200


@dataclass(frozen=True)
class Mode:
    """One mode of a camera.

    `pixel_format` is a code of four letters, `width` and `height` are in pixels, and `rate` is in
    frames per second.
    """

    pixel_format: str
    width: int
    height: int
    rate: float


def modes(device: Path) -> list[Mode]:
    """Return the modes of a camera that have a fixed size and rate.

    `device` is the path of the camera, such as /dev/video0. The largest size comes first, and for
    equal sizes the highest rate. Return an empty list if the camera lists no such mode or cannot be
    opened.
    """
    found = _with_device(device, lambda handle, ioctl: list(_modes(handle, ioctl)))
    return sorted(
        found or [], key=lambda mode: (-mode.width * mode.height, -mode.rate, mode.pixel_format)
    )


def is_busy(device: Path) -> bool:
    """Return whether another program captures from the camera at the path `device`.

    The function requests the camera's buffers. The camera refuses this while another program has
    them. Return False if the camera cannot be opened.
    """
    return bool(_with_device(device, _owned_by_another))


def _with_device(device: Path, ask: Callable[[int, Ioctl], T]) -> T | None:
    """Open the camera at the path `device`, call `ask` and return its result.

    `ask` gets the file descriptor of the camera and the function `fcntl.ioctl`. Return None if
    opening or `ask` raises `OSError`, and on other systems than Linux.
    """
    if not sys.platform.startswith("linux"):
        return None
    import fcntl

    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return ask(handle, fcntl.ioctl)
    except OSError:
        return None
    finally:
        os.close(handle)


def _owned_by_another(handle: int, ioctl: Ioctl) -> bool:
    try:
        ioctl(
            handle,
            _REQUEST_BUFFERS,
            bytearray(struct.pack(_BUFFERS, 1, _VIDEO_CAPTURE, _MEMORY_MMAP, 0, 0)),
        )
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _modes(handle: int, ioctl: Ioctl) -> Iterator[Mode]:
    for number in range(_MOST):
        request = bytearray(_FORMAT.pack(number, _VIDEO_CAPTURE, 0, b"", b"", 0))
        if not _asked(ioctl, handle, _ENUM_FORMATS, request):
            return
        pixel_format: bytes = _FORMAT.unpack(request)[4]
        for width, height in _sizes(handle, ioctl, pixel_format):
            for rate in _rates(handle, ioctl, pixel_format, width, height):
                yield Mode(pixel_format.decode("ascii", "replace").strip(), width, height, rate)


def _sizes(handle: int, ioctl: Ioctl, pixel_format: bytes) -> Iterator[tuple[int, int]]:
    for number in range(_MOST):
        request = bytearray(_SIZE.pack(number, pixel_format, 0, 0, 0))
        if not _asked(ioctl, handle, _ENUM_SIZES, request):
            return
        _, _, kind, width, height = _SIZE.unpack(request)
        if kind != _DISCRETE:
            return
        yield width, height


def _rates(
    handle: int, ioctl: Ioctl, pixel_format: bytes, width: int, height: int
) -> Iterator[float]:
    for number in range(_MOST):
        request = bytearray(_INTERVAL.pack(number, pixel_format, width, height, 0, 0, 0))
        if not _asked(ioctl, handle, _ENUM_INTERVALS, request):
            return
        _, _, _, _, kind, numerator, denominator = _INTERVAL.unpack(request)
        if kind != _DISCRETE or not numerator:
            return
        yield denominator / numerator


def _asked(ioctl: Ioctl, handle: int, code: int, request: bytearray) -> bool:
    """Make the ioctl call `code` on the file descriptor `handle`, and return whether it succeeded.

    The call writes the answer of the camera into `request`. A call can read one entry of a list.
    It fails if the list has no entry with the requested number, so this marks the end of the list.
    """
    try:
        ioctl(handle, code, request)
    except OSError:
        return False
    return True
