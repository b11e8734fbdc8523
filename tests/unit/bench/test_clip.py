"""The test pattern as a file."""

from fractions import Fraction
from pathlib import Path

import pytest

from ssd_live.bench.clip import pattern_clip
from ssd_live.video.sources import parse_source
from tests.clips import frame_times, pictures, stream_of


@pytest.mark.parametrize(
    ("address", "size"), [("pattern:64x48", (64, 48)), ("pattern:65x49@10", (64, 48))]
)
def test_a_pattern_is_four_seconds_of_moving_pictures(
    address: str, size: tuple[int, int], tmp_path: Path
) -> None:
    clip = pattern_clip(parse_source(address), tmp_path / "pattern.mp4")
    facts = stream_of(clip)
    assert (facts["width"], facts["height"], facts["name"]) == (*size, "h264")
    times = frame_times(clip)
    assert (len(times), times[-1]) == (120, Fraction(119, 30))
    first, *_, last = pictures(clip)
    assert (first != last).any()
