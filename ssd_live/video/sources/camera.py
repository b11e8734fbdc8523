"""Read webcams with OpenCV.

A camera is given by its number or name. It is opened in the requested mode, or in a similar one if
the camera does not support that mode.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ssd_live.closing import Closing
from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.video.sources import v4l2
from ssd_live.video.sources.base import SourceInfo, SourceOptions

_BACKENDS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_MSMF, "darwin": cv2.CAP_AVFOUNDATION}
_DEFAULT_SIZE, _DEFAULT_RATE = (1280, 720), 30.0
_MJPG = cv2.VideoWriter.fourcc(*"MJPG")
# The modes to offer if the system does not list a camera's modes. Most cameras have them.
_COMMON_MODES = (
    ((640, 480), 30.0),
    ((1280, 720), 30.0),
    ((1280, 720), 60.0),
    ((1920, 1080), 30.0),
    ((1920, 1080), 60.0),
)


@dataclass(frozen=True)
class Camera:
    """A camera that the system lists.

    `index` is the number with which OpenCV opens the camera. `name` is the system's name of it.
    `modes` are the modes that can be requested.
    """

    index: int
    name: str
    modes: tuple[SourceOptions, ...] = ()


def cameras() -> list[Camera]:
    """Return the cameras of this machine, sorted by their index.

    Return an empty list if there is none or if the system cannot list them.
    """
    try:
        from cv2_enumerate_cameras import enumerate_cameras

        found = enumerate_cameras(_backend())
    except Exception:  # an error in a driver must not end the program
        return []
    named: dict[int, Camera] = {}
    for camera in found:
        index = int(camera.index) % 100 if int(camera.index) >= 100 else int(camera.index)
        named.setdefault(index, Camera(index, str(camera.name), _modes(index)))
    return sorted(named.values(), key=lambda camera: camera.index)


def _modes(index: int) -> tuple[SourceOptions, ...]:
    """Return the modes that camera number `index` lists, or common modes if it lists none."""
    listed = [
        SourceOptions((mode.width, mode.height), mode.rate, mode.pixel_format)
        for mode in v4l2.modes(Path(f"/dev/video{index}"))
    ]
    return tuple(listed) or tuple(SourceOptions(size, rate) for size, rate in _COMMON_MODES)


def find_camera(text: str) -> int:
    """Return the index of a camera that is given by its number or a part of its name.

    Upper and lower case do not matter. A number is returned without a check that this camera
    exists. Raises `MediaError` if `text` is not a number and no camera has such a name.
    """
    if text.isdecimal():
        return int(text)
    known = cameras()
    for camera in known:
        if text.casefold() in camera.name.casefold():
            return camera.index
    listed = "; ".join(f"{camera.index}: {camera.name}" for camera in known) or "none found"
    raise MediaError(
        f"there is no file or camera named {text!r} (cameras: {listed}); give a camera, a file, an "
        "address, a folder, or the word `screen` or `pattern`"
    )


class CameraSource(Closing):
    """A source that reads a webcam.

    `address` is the camera's number or a part of its name. `options` is the requested mode. The
    constructor raises `MediaError` if the camera does not exist or cannot be opened.
    """

    def __init__(self, address: str, options: SourceOptions) -> None:
        self._index = find_camera(address)
        self._capture = _open(self._index, options)
        more, image = self._capture.read()
        if not more:
            self._capture.release()
            raise MediaError(_why(self._index))
        self._first: Any = image
        fourcc = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        code = "".join(chr(fourcc >> shift & 0xFF) for shift in (0, 8, 16, 24)).strip("\0 ")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.info = SourceInfo(
            image.shape[1], image.shape[0], rate=rate if rate > 0 else None, mode=code
        )

    def read(self) -> Frame | None:
        """Wait for the next frame and return it. Raises `MediaError` if the camera has failed."""
        image, self._first = self._first, None
        if image is None:
            more, image = self._capture.read()
            if not more:
                raise MediaError(
                    f"camera {self._index} delivers no more frames; check its cable, and close "
                    "other programs that use it"
                )
        return Frame((np.asarray(image, np.uint8),))

    def seek(self, seconds: float) -> None:
        """Raise `AssertionError`, because a camera is not seekable."""
        raise AssertionError("a camera is not seekable")

    def close(self) -> None:
        """Close the camera."""
        self._capture.release()


def _backend() -> int:
    return _BACKENDS.get(sys.platform, cv2.CAP_ANY)


def _open(index: int, options: SourceOptions) -> cv2.VideoCapture:
    """Open camera number `index` in a mode close to the requested one, and return it.

    The pixel format is the requested one. If none is requested, the camera's default format is
    tried first. If the camera does not reach the requested size and rate in this format, MJPG is
    tried, because USB 2 is too slow for the raw pixels of large frames. If the width with MJPG is
    smaller than with the default format, or the width is equal and the rate is lower, the default
    format is used after all. Raises `MediaError` if the camera cannot be opened.
    """
    size, rate = options.size or _DEFAULT_SIZE, options.rate or _DEFAULT_RATE
    capture = _try(index, size, rate, options.pixel_format)
    if options.pixel_format or _grants(capture, size, rate):
        return capture
    granted = (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    compressed = _try(index, size, rate, "MJPG")
    if (compressed.get(cv2.CAP_PROP_FRAME_WIDTH), compressed.get(cv2.CAP_PROP_FPS)) >= granted:
        return compressed
    compressed.release()
    return _try(index, size, rate, None)


def _try(
    index: int, size: tuple[int, int], rate: float, pixel_format: str | None
) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(index, _backend())
    if not capture.isOpened():
        capture.release()
        raise MediaError(_why(index))
    # Set the format first, because the possible sizes and rates depend on it.
    if pixel_format:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*f"{pixel_format:4.4}"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
    capture.set(cv2.CAP_PROP_FPS, rate)
    # Keep the buffer short, so that `read` returns a recent frame and not an old one.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)
    return capture


def _grants(capture: cv2.VideoCapture, size: tuple[int, int], rate: float) -> bool:
    """Return whether an open camera is set to this size and to nearly this rate.

    `size` is (width, height) in pixels, and `rate` is in frames per second. Nothing is changed.
    """
    granted = (
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )
    return granted == size and capture.get(cv2.CAP_PROP_FPS) >= rate - 1


def _why(index: int) -> str:
    """Return an error message that says that camera number `index` fails, and what to do."""
    if sys.platform == "darwin":
        return (
            f"camera {index} cannot be opened; allow it under System Settings > Privacy & "
            "Security > Camera, and close other programs using it"
        )
    if sys.platform == "win32":
        return (
            f"camera {index} cannot be opened; allow it under Settings > Privacy & security > "
            "Camera, and close other programs using it"
        )
    return linux_error_text(Path(f"/dev/video{index}"))


def linux_error_text(device: Path) -> str:
    """Return a message that says why a camera delivers no frames on Linux, and what to do.

    `device` is the path of the camera, such as /dev/video0. The message gives one of these reasons:
    the device is missing, the user has no permission to use it, it cannot be opened, another
    program uses it, or it is not a working camera.
    """
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except FileNotFoundError:
        return (
            f"there is no camera {device}; connect a camera, or give a file, an address, or the "
            "word `screen` or `pattern`"
        )
    except PermissionError:
        return (
            f"{device}: you have no permission to use it; run `sudo usermod -aG video $USER`, then "
            "log in again"
        )
    except OSError as error:
        return (
            f"{device}: cannot be opened ({(error.strerror or str(error)).lower()}); reconnect "
            "the camera"
        )
    os.close(handle)
    if v4l2.is_busy(device):
        return (
            f"{device}: another program is using it; close that program (`fuser {device}` shows "
            "its process id)"
        )
    return (
        f"{device}: delivers no frames; close other programs using it (`fuser {device}` shows "
        "their process ids), or reconnect the camera"
    )
