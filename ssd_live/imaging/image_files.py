"""Read and write image files."""

import contextlib
import os
import re
import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.errors import MediaError, OutputError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.system.atomic_files import atomic_write, os_error_text

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".ts",
        ".mts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".flv",
        ".3gp",
        ".3g2",
        ".ogv",
        ".vob",
        ".mxf",
        ".gif",
        ".y4m",
        ".h264",
        ".hevc",
        ".asf",
        ".f4v",
    }
)
_JPEG_QUALITY = 95
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The length, the name and the checksum of a chunk.
_PNG_CHUNK_EXTRA = 12
# A chunk of a file that was cut off may be larger than the file, but takes no more than this.
_PNG_ALLOWED_BYTES = 64 * 2**20
# A file of 100 KB may say that it holds an image of a gigapixel, which takes 5 GB and minutes to
# decode. `SSD_LIVE_MAX_MEGAPIXELS` sets another limit.
_MAX_MEGAPIXELS = 100.0
_LIMIT_VARIABLE = "SSD_LIVE_MAX_MEGAPIXELS"


def read_image(path: Path) -> Frame:
    """Return an image file as a `bgr24` frame, turned upright as its EXIF orientation says.

    Raises `MediaError` if the file cannot be read, is not an image, or holds more than 100
    megapixels. The environment variable `SSD_LIVE_MAX_MEGAPIXELS` sets another limit.
    """
    return _decoded(path, cv2.IMREAD_COLOR)


def read_reduced_image(path: Path, shortest: int) -> tuple[Frame, tuple[int, int]]:
    """Return an image file as an upright `bgr24` frame, perhaps reduced, and its full size.

    Width and height are divided by 8, 4 or 2: by the largest of these that leaves no side shorter
    than `shortest` pixels. If none does, the frame is not reduced. A large JPEG is decoded faster
    and in less memory in this way. The full size is (width, height) in pixels of the upright image
    before it is reduced. Raises `MediaError` as `read_image` does.
    """
    size = _size_in_header(path)
    reductions = (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    )
    for divisor, flag in reductions:
        if size is not None and min(size) // divisor >= shortest:
            return _decoded(path, flag), size
    frame = read_image(path)
    return frame, (frame.width, frame.height)


def _decoded(path: Path, flag: int) -> Frame:
    """Return the image in the file `path`, decoded with this flag of OpenCV."""
    if path.exists() and not path.is_file():
        raise MediaError(f"{path}: is not a regular file; give a video or image file")
    _check_pixels(path)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise MediaError(
            f"{path}: cannot be read ({os_error_text(error)}); check the file and its permissions"
        ) from error
    try:
        sound = len(data) and not _promises_too_much(data)
        image = cv2.imdecode(data, flag) if sound else None
    except cv2.error as error:
        raise MediaError(f"{path}: the image is too large or damaged; replace the file") from error
    if image is None:
        raise MediaError(f"{path}: is not an image that can be read; replace the file")
    return Frame((np.asarray(image, np.uint8),))


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of the upright image in an image file, in pixels.

    The image is turned as its EXIF orientation says. Only the header is read if the format allows
    that. Raises `MediaError` if the file cannot be read or is not an image.
    """
    if (size := _size_in_header(path)) is not None:
        return size
    frame = read_image(path)
    return frame.width, frame.height


def _size_in_header(path: Path) -> tuple[int, int] | None:
    """Return (width, height) in pixels of the upright image, as the header gives it.

    Return None if the header cannot be read or does not give the size.
    """
    # Opening a pipe would wait for somebody to write; `read_image` refuses it.
    if path.is_file():
        with contextlib.suppress(OSError, ValueError, TypeError, OverflowError, struct.error):
            # imagesize also imports modules for the network, which takes a tenth of a second.
            import imagesize

            width, height = imagesize.get(path, exif_rotation=True)
            if width > 0 and height > 0:
                return int(width), int(height)
    return None


def _check_pixels(path: Path) -> None:
    """Raise `MediaError` if the header of an image says that it holds too many pixels."""
    size = _size_in_header(path)
    try:
        limit = float(os.environ.get(_LIMIT_VARIABLE, _MAX_MEGAPIXELS))
    except ValueError:
        limit = _MAX_MEGAPIXELS
    if size is not None and size[0] * size[1] > limit * 1e6:
        raise MediaError(
            f"{path}: the image has {size[0]} x {size[1]} pixels, which is more than {limit:g} "
            f"megapixels; give a smaller image, or set {_LIMIT_VARIABLE} to a higher limit"
        )


def _promises_too_much(data: NDArray[np.uint8]) -> bool:
    """Return whether `data` is a PNG file that says that a chunk is far larger than the file.

    OpenCV allocates memory for the whole chunk before it reads it: a file of 41 bytes took 2 GB.
    """
    content = data.data
    place = len(_PNG_SIGNATURE)
    if content[:place] != _PNG_SIGNATURE:
        return False
    while place + 4 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        if length > max(len(content), _PNG_ALLOWED_BYTES):
            return True
        place += length + _PNG_CHUNK_EXTRA
    return False


def write_image(path: Path, image: Pixels) -> None:
    """Write an image (H, W, 3) uint8 BGR to `path`, in the format of the file ending.

    The file is written completely or not at all. Raises `OutputError` if the ending is not in
    `IMAGE_SUFFIXES`, if the format cannot hold an image of this size, or if the file cannot be
    written.
    """
    parameters = (
        [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        if path.suffix.lower() in (".jpg", ".jpeg")
        else []
    )
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise OutputError(
            f"{path}: the file ending is not an image format; end the name in one of "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    try:
        encoded, data = cv2.imencode(path.suffix, image, parameters)
    except cv2.error:
        encoded = False
    if not encoded:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise OutputError(
            f"{path}: this format cannot store an image of {size} pixels; end the name in .png or "
            ".tif"
        )
    with atomic_write(path) as file:
        file.write(data.tobytes())


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Return a sort key for a path, which puts `frame2` before `frame10`."""
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
