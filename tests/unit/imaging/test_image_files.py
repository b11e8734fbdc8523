"""Images that are read from files, and those that are refused before they are decoded."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.errors import MediaError
from ssd_live.imaging import image_files
from ssd_live.imaging.image_files import read_image, read_reduced_image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def promising_png(path: Path, width: int, height: int) -> Path:
    """A small PNG file whose header says that it is large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
    return path


def promising_jpeg(path: Path, width: int, height: int) -> Path:
    """A small JPEG file whose header says that it is large."""
    encoded = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    at = encoded.index(b"\xff\xc0") + 5
    path.write_bytes(encoded[:at] + struct.pack(">HH", height, width) + encoded[at + 4 :])
    return path


@pytest.mark.parametrize("make", [promising_png, promising_jpeg])
def test_an_image_of_a_gigapixel_is_refused_before_it_is_decoded(
    make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    path = make(tmp_path / "bomb", 30000, 30000)  # type: ignore[operator]
    with pytest.raises(
        MediaError, match="30000 x 30000 pixels, which is more than 100 megapixels"
    ) as raised:
        read_image(path)
    assert "\n" not in str(raised.value)


def test_the_limit_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    image_files.write_image(path, np.zeros((1000, 2000, 3), np.uint8))
    monkeypatch.setenv("SSD_LIVE_MAX_MEGAPIXELS", "1.9")
    with pytest.raises(MediaError, match=r"more than 1\.9 megapixels"):
        read_image(path)
    monkeypatch.setenv("SSD_LIVE_MAX_MEGAPIXELS", "2")
    assert read_image(path).width == 2000


def test_a_limit_that_is_no_number_is_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSD_LIVE_MAX_MEGAPIXELS", "many")
    path = tmp_path / "a.png"
    image_files.write_image(path, np.zeros((10, 20, 3), np.uint8))
    assert read_image(path).width == 20
    with pytest.raises(MediaError, match="more than 100 megapixels"):
        read_image(promising_png(tmp_path / "b.png", 20000, 20000))


@pytest.mark.parametrize(
    ("shortest", "size"), [(1000, (2000, 1500)), (1501, (4000, 3000)), (300, (500, 375))]
)
def test_a_large_photo_is_read_at_the_smallest_size_that_is_large_enough(
    shortest: int, size: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), np.full((3000, 4000, 3), 70, np.uint8))
    frame, whole = read_reduced_image(path, shortest)
    assert whole == (4000, 3000)
    assert (frame.width, frame.height) == size


def test_the_size_of_a_reduced_photo_is_that_of_the_upright_image(tmp_path: Path) -> None:
    """Orientation 6: to be turned by 90 degrees."""
    path = tmp_path / "photo.jpg"
    encoded = cv2.imencode(".jpg", np.full((1200, 1600, 3), 70, np.uint8))[1].tobytes()
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    path.write_bytes(
        encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + encoded[2:]
    )
    frame, whole = read_reduced_image(path, 600)
    assert whole == (1200, 1600)
    assert (frame.width, frame.height) == (600, 800)


def test_a_png_chunk_that_says_it_is_larger_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV would take 2 GB for a file of 41 bytes."""

    def refuse(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    path = tmp_path / "a.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"\x7f\x00\x1d\xe6IDAT")
    with pytest.raises(MediaError, match="is not an image that can be read"):
        read_image(path)
