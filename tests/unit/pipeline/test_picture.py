"""The picture for the view, held against a slow and obvious one."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from ssd_live.imaging.frame import Frame, Region, yuv420_to_bgr
from ssd_live.imaging.pixels import Pixels, YuvMatrix
from ssd_live.pipeline.picture import Viewport, render
from ssd_live.video.reader import VideoReader
from ssd_live.video.sources import SourceOptions
from ssd_live.video.sources.pattern import PatternSource
from tests.clips import write_clip

SIZES = [(640, 272), (64, 48), (33, 17), (2, 2), (3, 1), (1, 1)]
VIEWPORTS = [
    Viewport(640, 272),
    Viewport(200, 200),
    Viewport(1000, 500),
    Viewport(37, 1),
    Viewport(1, 1),
]


def _photo(width: int, height: int) -> Pixels:
    with PatternSource("", SourceOptions((640, 360))) as source:
        return np.ascontiguousarray(
            cv2.resize(source.picture(0), (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )


def _bgr(width: int, height: int) -> Frame:
    return Frame((_photo(width, height),))


def _yuv(width: int, height: int) -> Frame:
    """Planes with no FFmpeg frame behind them."""
    native = _decoded(width, height)
    return Frame(native.planes, "yuv420p", native.matrix)


def _decoded(width: int, height: int) -> Frame:
    """As a decoder gives it."""
    native = av.VideoFrame.from_ndarray(_photo(width, height), "bgr24").reformat(format="yuv420p")
    planes = []
    for plane in native.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
        planes.append(rows[:, : plane.width])
    return Frame(tuple(planes), "yuv420p", YuvMatrix("bt601"), native=native)


KINDS = {"bgr": _bgr, "yuv": _yuv, "decoded": _decoded}


def _reference(frame: Frame, viewport: Viewport, region: Region) -> Pixels:
    """Convert all, cut, then scale."""
    whole = (
        frame.planes[0]
        if frame.pixel_format == "bgr24"
        else yuv420_to_bgr((frame.planes[0], frame.planes[1], frame.planes[2]), frame.matrix)
    )
    cut = whole[region.y : region.y + region.height, region.x : region.x + region.width]
    scale = min(viewport.width / region.width, viewport.height / region.height)
    size = (max(round(region.width * scale), 1), max(round(region.height * scale), 1))
    shrinks = scale < 1
    return np.asarray(
        cv2.resize(cut, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR),
        np.uint8,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_a_picture_fits_the_view_keeps_its_aspect_and_is_opaque(
    kind: str, size: tuple[int, int], viewport: Viewport
) -> None:
    frame = KINDS[kind](*size)
    pixels, width, region = render(frame, viewport)
    assert region == Region(0, 0, *size)
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 4
    assert pixels.flags.c_contiguous
    height = pixels.shape[0]
    assert 1 <= width <= pixels.shape[1]
    assert width <= viewport.width
    assert height <= viewport.height
    scale = min(viewport.width / size[0], viewport.height / size[1])
    assert abs(width - size[0] * scale) <= max(0.5, 1 - size[0] * scale)
    assert abs(height - size[1] * scale) <= max(0.5, 1 - size[1] * scale)
    assert (pixels[:, :width, 3] == 255).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "viewport", [Viewport(640, 360), Viewport(320, 180), Viewport(1280, 720), Viewport(500, 500)]
)
def test_a_whole_picture_equals_the_slow_one(kind: str, viewport: Viewport) -> None:
    frame = KINDS[kind](640, 360)
    pixels, width, region = render(frame, viewport)
    expected = _reference(frame, viewport, region).astype(int)
    difference = np.abs(pixels[:, :width, :3].astype(int) - expected)
    assert difference.mean() < 4
    assert np.abs(difference.mean(axis=(0, 1))).max() < 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "part", [(0.25, 0.25, 0.75, 0.75), (0.0, 0.0, 0.5, 1.0), (0.6, 0.4, 1.0, 1.0)]
)
def test_a_part_shows_just_that_part(kind: str, part: tuple[float, float, float, float]) -> None:
    frame = KINDS[kind](640, 360)
    viewport = Viewport(400, 300, part)
    pixels, width, region = render(frame, viewport)
    asked = (part[0] * 640, part[1] * 360, part[2] * 640, part[3] * 360)
    got = (region.x, region.y, region.x + region.width, region.y + region.height)
    assert np.abs(np.subtract(asked, got)).max() <= 2
    difference = np.abs(
        pixels[:, :width, :3].astype(int) - _reference(frame, viewport, region).astype(int)
    )
    assert difference.mean() < 4


@pytest.mark.parametrize("kind", KINDS)
def test_at_its_own_size_a_bgr_picture_is_the_frame_itself_and_others_nearly(kind: str) -> None:
    frame = KINDS[kind](64, 48)
    pixels, width, _ = render(frame, Viewport(64, 48))
    difference = np.abs(pixels[:, :width, :3].astype(int) - frame.bgr().astype(int))
    assert difference.max() == 0 if kind == "bgr" else difference.mean() < 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "part",
    [
        (0.99, 0.99, 1.0, 1.0),
        (0.5, 0.5, 0.5, 0.5),
        (0.0, 0.0, 0.001, 0.001),
        (-0.5, -0.5, 0.5, 0.5),
        (0.5, 0.5, 1.5, 1.5),
        (1.0, 1.0, 1.0, 1.0),
    ],
)
def test_any_part_of_any_size_lies_inside_the_frame(
    kind: str, size: tuple[int, int], part: tuple[float, float, float, float]
) -> None:
    frame = KINDS[kind](*size)
    pixels, width, region = render(frame, Viewport(50, 50, part))
    assert region.x >= 0
    assert region.y >= 0
    assert 1 <= region.width <= size[0] - region.x
    assert 1 <= region.height <= size[1] - region.y
    assert width <= 2 * 50
    assert pixels.shape[0] <= 2 * 50


def test_an_hd_frame_has_hd_colours(tmp_path: Path) -> None:
    with VideoReader(write_clip(tmp_path / "hd.mp4", 1, size=(1280, 720))) as reader:
        frame = next(item for item in reader.read() if isinstance(item, Frame))
        pixels, width, _ = render(frame, Viewport(640, 360))
        expected = cv2.resize(frame.bgr(), (640, 360), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(pixels[:, :width, :3].astype(int) - expected).mean() < 2
