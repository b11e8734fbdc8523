"""Letterboxed network inputs: where a region lies between black bars, and back to the frame."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_live.errors import BackendError
from ssd_live.imaging.frame import (
    Frame,
    InputFit,
    Letterbox,
    Region,
    letterbox,
)
from ssd_live.imaging.gpu_frame import GpuFrame
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels, YuvMatrix, bgr_to_yuv420
from ssd_live.system.paths import assets_folder

LETTERBOXED = InputFit((256, 256), "letterbox, linear")
sides = st.integers(1, 3000)


def _photo(width: int, height: int) -> Pixels:
    """A part of a photo, without black pixels."""
    image = read_image(assets_folder() / "media" / "coffee.png").planes[0]
    return np.ascontiguousarray(image[:height, :width]).clip(30, 255)


def test_a_wide_frame_lies_between_bars_above_and_below() -> None:
    frame = Frame((_photo(480, 270),))
    image = LETTERBOXED.image(frame)
    assert image.shape == (256, 256, 3)
    assert not image[:56].any()
    assert not image[200:].any()
    np.testing.assert_array_equal(image[56:200], frame.resized((256, 144)))


def test_a_high_region_lies_between_bars_at_its_sides() -> None:
    frame, region = Frame((_photo(480, 270),)), Region(100, 10, 64, 256)
    image = LETTERBOXED.image(frame, region)
    assert not image[:, :96].any()
    assert not image[:, 160:].any()
    np.testing.assert_array_equal(image[:, 96:160], frame.planes[0][10:266, 100:164])


@pytest.mark.parametrize("full_range", [False, True])
def test_the_bars_of_a_yuv_frame_are_black_too(full_range: bool) -> None:
    matrix = YuvMatrix("bt709", full_range)
    planes = bgr_to_yuv420(_photo(480, 270), matrix)
    frame = Frame(planes, "yuv420p", matrix)
    image = LETTERBOXED.image(frame)
    assert not image[:56].any()
    assert not image[200:].any()
    np.testing.assert_array_equal(image[56:200], frame.resized((256, 144)))


def test_only_the_region_is_seen_and_not_the_frame_around_it() -> None:
    image = np.full((270, 480, 3), 255, np.uint8)
    image[100:120, 200:280] = 90
    seen = LETTERBOXED.image(Frame((image,)), Region(200, 100, 80, 20))
    assert set(np.unique(seen)) == {0, 90}


def test_a_frame_with_the_shape_of_the_input_needs_no_bars() -> None:
    assert letterbox(Region(10, 20, 300, 300), (256, 256)) == Region(10, 20, 300, 300)
    frame = Frame((_photo(270, 270),))
    np.testing.assert_array_equal(LETTERBOXED.image(frame), frame.resized((256, 256)))


def test_a_model_that_takes_stretched_frames_gets_them_so() -> None:
    stretched = InputFit((256, 256))
    assert stretched.region((1920, 1080)) is None
    assert stretched.region((1920, 1080), Region(1, 2, 3, 4)) == Region(1, 2, 3, 4)
    frame = Frame((_photo(480, 270),))
    np.testing.assert_array_equal(stretched.image(frame), frame.resized((256, 256)))


@given(st.integers(0, 500), st.integers(0, 500), sides, sides, sides, sides)
def test_the_region_is_as_large_as_it_can_be_and_in_the_middle(
    x: int, y: int, width: int, height: int, input_width: int, input_height: int
) -> None:
    region, size = Region(x, y, width, height), (input_width, input_height)
    shown = letterbox(region, size)
    if not isinstance(shown, Letterbox):
        return
    inner = shown.inner
    assert inner.width == input_width or inner.height == input_height
    assert 0 <= input_width - inner.width - 2 * inner.x <= 1
    assert 0 <= input_height - inner.height - 2 * inner.y <= 1
    scale = min(input_width / width, input_height / height)
    assert abs(inner.width - width * scale) <= 0.5 or inner.width == 1
    assert abs(inner.height - height * scale) <= 0.5 or inner.height == 1
    # The corners of the place in the network input are those of the region in the frame.
    across, down = shown.width / input_width, shown.height / input_height
    assert shown.x + inner.x * across == pytest.approx(x, abs=1e-6)
    assert shown.y + inner.y * down == pytest.approx(y, abs=1e-6)
    assert inner.width * across == pytest.approx(width)
    assert inner.height * down == pytest.approx(height)


def test_a_frame_in_gpu_memory_is_not_letterboxed_but_refused() -> None:
    frame = GpuFrame((), native=av.VideoFrame(64, 36, "nv12"), size=(64, 36))
    assert frame.picture(Region(0, 0, 32, 32)).region == Region(0, 0, 32, 32)
    with pytest.raises(BackendError, match="cannot be letterboxed; decode without") as caught:
        frame.picture(LETTERBOXED.region((64, 36)))
    assert "\n" not in str(caught.value)
