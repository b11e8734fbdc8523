"""The list of the objects that one live source has shown."""

import numpy as np
import pytest

from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.live.seen_objects import MOST_OBJECTS, PICTURE_PIXELS, SeenObjects
from ssd_live.pipeline.live import LiveFrame

SHOWN = DetectionFilter(("cat", "dog"), 0.5, np.array([True, True]))
# Red, green and blue stripes of 100 columns each.
STRIPES = np.zeros((200, 300, 3), np.uint8)
STRIPES[:, :100, 2] = STRIPES[:, 100:200, 1] = STRIPES[:, 200:, 0] = 255


def _frame(
    time: float,
    *boxes: tuple[int, float, float, float, float],
    score: float = 0.9,
    observed: bool = True,
    source_number: int = 1,
    class_id: int = 0,
    inferred: bool = True,
) -> LiveFrame:
    """A frame at a time, with objects: id, x1, y1, x2, y2."""
    count = len(boxes)
    found = Detections(
        np.array([box[1:] for box in boxes], np.float32).reshape(count, 4),
        np.full(count, score, np.float32),
        np.full(count, class_id, np.int32),
        SHOWN.classes,
        np.array([box[0] for box in boxes], np.int64),
        np.full(count, observed),
    )
    frame = Frame((STRIPES,), time=time)
    return LiveFrame(frame, found, source_number=source_number, inferred=inferred)


def _seen(*frames: LiveFrame) -> SeenObjects:
    seen = SeenObjects()
    for frame in frames:
        assert frame.detections is not None
        seen.note(frame, SHOWN.of(frame.detections))
    return seen


def test_the_newest_object_comes_first_with_its_times() -> None:
    seen = _seen(
        _frame(1.0, (1, 20, 20, 60, 90)),
        _frame(1.5, (1, 20, 20, 60, 90), (2, 120, 20, 160, 90)),
        _frame(2.0, (2, 120, 20, 160, 90)),
        _frame(3.5),
    )
    objects, now = seen.newest_first()
    assert [(its.track_id, its.first, its.last, its.seconds) for its in objects] == [
        (2, 1.5, 2.0, 0.5),
        (1, 1.0, 1.5, 0.5),
    ]
    assert now == 3.5


def test_the_picture_is_the_object_and_keeps_its_shape() -> None:
    (its,), _ = _seen(_frame(0.0, (1, 110, 20, 190, 180))).newest_first()
    assert its.picture is not None
    height, width, _ = its.picture.shape
    assert height == PICTURE_PIXELS
    # With a margin of a tenth on each side: 96 x 192 pixels.
    assert width == pytest.approx(PICTURE_PIXELS / 2, abs=2)
    assert its.picture[height // 2, width // 2].tolist() == [0, 255, 0]


def test_a_small_object_is_not_enlarged() -> None:
    (its,), _ = _seen(_frame(0.0, (1, 110, 20, 130, 60))).newest_first()
    assert its.picture is not None
    assert its.picture.shape[0] <= 50


def test_a_better_picture_replaces_a_worse_one_and_not_the_other_way_round() -> None:
    small, large = (1, 30, 20, 50, 60), (1, 120, 20, 180, 150)
    for frames in ((small, large), (large, small)):
        (its,), _ = _seen(
            *(_frame(number, box) for number, box in enumerate(frames))
        ).newest_first()
        assert its.picture is not None
        assert its.picture[its.picture.shape[0] // 2, its.picture.shape[1] // 2, 1] == 255


def test_half_an_object_at_the_edge_is_a_worse_picture() -> None:
    (its,), _ = _seen(
        _frame(0.0, (1, 0, 20, 80, 150)), _frame(1.0, (1, 120, 20, 175, 100))
    ).newest_first()
    assert its.picture is not None
    assert its.picture[5, 5].tolist() == [0, 255, 0]


@pytest.mark.parametrize("guess", [{"observed": False}, {"inferred": False}])
def test_there_is_no_picture_where_the_object_is_only_expected(guess: dict[str, bool]) -> None:
    (its,), _ = _seen(_frame(0.0, (1, 110, 20, 190, 180), **guess)).newest_first()
    assert its.picture is None


def test_an_object_outside_the_frame_has_no_picture() -> None:
    (its,), _ = _seen(_frame(0.0, (1, 400, 20, 450, 180))).newest_first()
    assert its.picture is None


def test_another_source_begins_the_list_anew_and_late_frames_do_not_come_back() -> None:
    seen = _seen(
        _frame(0, (1, 20, 20, 60, 90)),
        _frame(0, (2, 20, 20, 60, 90), source_number=2),
        _frame(1, (1, 20, 20, 60, 90), source_number=1),
    )
    assert [its.track_id for its in seen.newest_first()[0]] == [2]
    seen.clear()
    assert seen.newest_first()[0] == []


def test_the_class_is_the_newest_one() -> None:
    (its,), _ = _seen(
        _frame(0, (1, 20, 20, 60, 90)), _frame(1, (1, 20, 20, 60, 90), class_id=1)
    ).newest_first()
    assert its.name == "dog"


def test_the_memory_is_bounded() -> None:
    seen = _seen(
        *(_frame(number / 10, (number + 1, 20, 20, 60, 90)) for number in range(MOST_OBJECTS + 50))
    )
    objects, _ = seen.newest_first()
    assert [its.track_id for its in objects] == list(range(MOST_OBJECTS + 50, 50, -1))
