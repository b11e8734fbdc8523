"""Objects are hidden in live frames before anybody gets them."""

from collections.abc import Sequence
from dataclasses import replace

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.imaging.planes import planes_of
from ssd_live.pipeline.redaction import LiveRedactor

CLASSES = ("Person", "Car")
BOX = (20.0, 10.0, 60.0, 70.0)
# With a fifth of the box at each side, rounded outwards to even pixels.
COVERED = np.s_[0:82, 12:68]


def _picture() -> Pixels:
    return np.random.default_rng(1).integers(50, 255, (100, 120, 3), np.uint8)


def _frame(at: float = 0.0, picture: Pixels | None = None) -> Frame:
    return Frame((_picture() if picture is None else picture,), captured_at=at)


def _found(
    *boxes: tuple[float, ...], class_id: int = 0, score: float = 0.9, ids: bool = False
) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, score, np.float32),
        np.full(count, class_id, np.int32),
        CLASSES,
        np.arange(count, dtype=np.int64) + 1 if ids else None,
        np.full(count, False) if ids else None,
    )


def _redacted(
    redactor: LiveRedactor,
    *found: Detections | None,
    at: float = 0.0,
    source_number: int = 0,
    thresholds: Sequence[float] = (0.4, 0.4),
) -> NDArray[np.uint8]:
    frame = replace(_frame(), time=at)
    hidden = redactor.redacted(frame, source_number, found, thresholds)
    # The frame itself stays as it is: the decoder may own its memory.
    assert np.array_equal(frame.planes[0], _picture())
    return hidden.planes[0]


def test_only_the_box_with_its_margin_is_hidden() -> None:
    hidden = _redacted(LiveRedactor(("person",), "solid"), _found(BOX))
    assert not hidden[COVERED].any()
    hidden[COVERED] = _picture()[COVERED]
    assert np.array_equal(hidden, _picture())


@pytest.mark.parametrize("style", ["pixelate", "blur"])
def test_no_pixel_of_a_hidden_region_stays(style: str) -> None:
    hidden = _redacted(LiveRedactor(("person",), style), _found(BOX))  # type: ignore[arg-type]
    same = (hidden[COVERED] == _picture()[COVERED]).all(-1).mean()
    assert same < 0.01


def test_other_classes_and_weak_detections_are_not_hidden() -> None:
    redactor = LiveRedactor(("person",), "solid")
    for found in (_found(BOX, class_id=1), _found(BOX, score=0.19), _found()):
        assert np.array_equal(_redacted(redactor, found), _picture())
    # Half the display threshold is enough, and a track is hidden whatever its score.
    for found in (_found(BOX, score=0.21), _found(BOX, score=0.01, ids=True)):
        assert not _redacted(LiveRedactor(("PERSON",), "solid"), found)[COVERED].any()
    # Without thresholds, everything counts.
    weak = _redacted(LiveRedactor(("person",), "solid"), _found(BOX, score=0.02), thresholds=())
    assert not weak[COVERED].any()


def test_what_the_network_or_the_tracker_sees_is_hidden() -> None:
    other = (80.0, 20.0, 100.0, 40.0)
    redactor = LiveRedactor(("person",), "solid")
    hidden = _redacted(redactor, _found(BOX), _found(other, ids=True))
    assert not hidden[COVERED].any()
    assert not hidden[16:44, 76:104].any()
    assert not _redacted(LiveRedactor(("person",), "solid"), None, _found(BOX))[COVERED].any()


def test_a_missed_frame_shows_nothing() -> None:
    redactor = LiveRedactor(("person",), "solid")
    _redacted(redactor, _found(BOX), at=10.0)
    assert not _redacted(redactor, _found(), at=10.4)[COVERED].any()
    assert np.array_equal(_redacted(redactor, _found(), at=10.6), _picture())
    # The file is played again.
    _redacted(redactor, _found(BOX), at=11.0)
    assert np.array_equal(_redacted(redactor, _found(), at=10.9), _picture())
    _redacted(redactor, _found(BOX), at=20.0)
    assert np.array_equal(_redacted(redactor, _found(), at=20.1, source_number=1), _picture())


def test_without_a_model_that_knows_the_class_everything_is_hidden() -> None:
    assert not _redacted(LiveRedactor(("person",), "solid"), None, None).any()
    assert not _redacted(LiveRedactor(("person", "face"), "solid"), _found()).any()


@pytest.mark.parametrize("size", [(120, 100), (121, 99)])
def test_yuv_planes_are_hidden_too(size: tuple[int, int]) -> None:
    width, height = size
    native = av.VideoFrame(width + width % 2, height + height % 2, "yuv420p")
    chance = np.random.default_rng(1)
    for plane in planes_of(native):
        plane[:] = chance.integers(50, 255, plane.shape, np.uint8)
    luma, *chroma = planes_of(native)
    frame = Frame((luma[:height, :width], *chroma), "yuv420p", native=native)
    before = [plane.copy() for plane in frame.planes]
    hidden = LiveRedactor(("person",), "solid").redacted(frame, 0, (_found(BOX),), (0.4, 0.4))
    assert (hidden.width, hidden.height) == size
    assert len(np.unique(hidden.planes[0][COVERED])) == 1
    assert np.array_equal(hidden.planes[0][:, 70:], before[0][:, 70:])
    assert all(np.array_equal(p, q) for p, q in zip(frame.planes, before, strict=True))
    assert hidden.native is not native
